"""What went through a gate: one observation per batch, with a verdict for each tag that was carried.

The reads of a tag without a silence are a hearing (:mod:`.gate_hearings`). Several times a second its
figures (:mod:`.gate_features`) are weighed by a softmax (:mod:`.gate_classifier`), and where goods are
carried again beside those that crossed at its time; what is certain is settled (:mod:`.gate_votes`) and told
with what passed beside it (:mod:`.gate_batches`). Passes in between only collect reads.

What always holds: a tag is told once per hearing; a hearing that is part of one batch is part of no other;
state is bounded.
"""

import msgspec

from contract.messages import AnyObservation, GateBatch
from edge.model import Read
from edge.sensing.gate_batches import Batches, Wish, close, gather, light, see, set_back
from edge.sensing.gate_classifier import Coefficients
from edge.sensing.gate_hearings import JUDGE_EVERY_MS, Hearing, hear, still_remembered, weigh
from edge.sensing.gate_settings import GateSettings
from edge.sensing.gate_votes import vote


class OneGate(msgspec.Struct, frozen=True, array_like=True):
    """State of one gate.

    Attributes:
        hearings: EPC → hearing.
        batches: where its batches stand.
        judged_at: when hearings were last weighed.
    """

    hearings: dict[str, Hearing] = {}
    batches: Batches = Batches()
    judged_at: int = 0


class GateState(msgspec.Struct, frozen=True):
    """State of the stage: gate → what is known."""

    gates: dict[str, OneGate] = {}


def sense_gates(
    state: GateState,
    reads: list[Read],
    now: int,
    *,
    gates: tuple[GateSettings, ...],
    coefficients: Coefficients,
) -> tuple[GateState, list[AnyObservation], list[Wish]]:
    """Fold reads up to ``now`` into the state; return it with told batches and wished outputs."""
    if not gates:
        return state, [], []
    known: dict[str, OneGate] = {}
    told: list[AnyObservation] = []
    wishes: list[Wish] = []
    for gate in gates:
        one = state.gates.get(gate.id) or OneGate()
        hearings = hear(one.hearings, reads, gate.sides(), now)
        batches = see(one.batches, reads, gate, now)
        judged_at = one.judged_at
        over: tuple[GateBatch, ...] = ()
        if now - judged_at >= JUDGE_EVERY_MS:
            judged_at = now
            table = coefficients.goods if gate.carries == "goods" else coefficients.items
            votes = vote(weigh(hearings, table, now), gate, coefficients, now)
            batches, over = close(gather(batches, votes, now), votes, gate, now)
            hearings = still_remembered(votes.hearings, now)
        batches, wished = light(batches, over, gate, now)
        told += over
        wishes += wished
        known[gate.id] = OneGate(hearings, batches, judged_at)
    return GateState(known), told, wishes


def release_lights(state: GateState, device: str, *, gates: tuple[GateSettings, ...]) -> GateState:
    """Somebody else has set an output of this device: its lights are no longer the stage's to put out."""
    known = dict(state.gates)
    for gate in gates:
        if gate.device == device and gate.id in known:
            one = known[gate.id]
            batches = msgspec.structs.replace(one.batches, lights_off_at=0)
            known[gate.id] = msgspec.structs.replace(one, batches=batches)
    return GateState(known)


def restart_gates(state: GateState, now: int) -> GateState:
    """The clock was set back: no time that is remembered can be compared with the time now.

    What was decided of an open batch is kept and told at once; what was open in it is given up.
    """
    return GateState({name: OneGate(batches=set_back(one.batches, now)) for name, one in state.gates.items()})
