"""Batches of a gate: what passed together is told together, and answered by a light.

A batch opens with the first tag that is more likely carried than not, or with the photo-eye. It closes when
nothing of it is open any more, and the photo-eye is free; ``wait_ms`` after its first passage it waits for
nobody, and what is decided later is another batch. A batch that only strays opened leaves no trace. A batch
lights the gate's lamps, until their time is over or somebody else has set them.
"""

from typing import Final, TypeAlias

import msgspec

from contract.messages import GateBatch, GatePassage, SetOutput
from edge.model import InputRead, Read
from edge.sensing.gate_hearings import GAP_MS, Hearing, Verdict
from edge.sensing.gate_settings import GateSettings
from edge.sensing.gate_votes import Votes

EMPTY_MS: Final = 1_500
"""After the photo-eye is free, tags of the batch may still come up for so long."""

LONGEST_MS: Final = 120_000
MAX_PER_PART: Final = 500

Wish: TypeAlias = tuple[str, SetOutput]
"""Device and what it shall do."""


class OpenBatch(msgspec.Struct, frozen=True, array_like=True):
    """A batch that has not been told.

    Attributes:
        started_at: first read of the tag that opened it, or when the photo-eye became active.
        opened_at: when that was known.
        by_eye: the photo-eye was active in it.
        told: EPC → verdict and its probability.
        first_passage_at: when the first passage of it was decided, 0 for none.
        last_verdict_at: when the last was.
        last_read_at: last read of its tags, or of the photo-eye.
    """

    started_at: int
    opened_at: int
    by_eye: bool = False
    told: dict[str, tuple[Verdict, float]] = {}
    first_passage_at: int = 0
    last_verdict_at: int = 0
    last_read_at: int = 0


class Batches(msgspec.Struct, frozen=True, array_like=True):
    """Where the batches of a gate stand.

    Attributes:
        batch: the open one.
        eye_active: the photo-eye is interrupted.
        eye_at: when it last changed.
        last_number: of the last batch's id; the next one is higher.
        lights_off_at: when the lights go out, 0 for not lit by this stage.
    """

    batch: OpenBatch | None = None
    eye_active: bool = False
    eye_at: int = 0
    last_number: int = 0
    lights_off_at: int = 0


def see(batches: Batches, reads: list[Read], gate: GateSettings, now: int) -> Batches:
    """Follow the photo-eye."""
    for read in reads:
        if not isinstance(read, InputRead) or (read.device, read.port) != (gate.device, gate.photo_eye):
            continue
        active = read.high == (gate.photo_eye_active == "high")
        if active == batches.eye_active:
            continue
        batch = batches.batch
        if batch is not None:
            batch = msgspec.structs.replace(batch, by_eye=True, last_read_at=max(batch.last_read_at, read.at))
        elif active:
            batch = OpenBatch(read.at, now, by_eye=True, last_read_at=read.at)
        batches = msgspec.structs.replace(batches, batch=batch, eye_active=active, eye_at=read.at)
    return batches


def gather(batches: Batches, votes: Votes, now: int) -> Batches:
    """Enter verdicts in the batch, and open one where a tag is likely carried."""
    batch = batches.batch
    for epc, verdict, chance in votes.told:
        hearing = votes.hearings[epc]
        batch = batch or _opened(hearing, now)
        passed = now if verdict in ("in", "out") else 0
        batch = msgspec.structs.replace(
            batch,
            told={**batch.told, epc: (verdict, chance)},
            first_passage_at=batch.first_passage_at or passed,
            last_verdict_at=now,
            last_read_at=max(batch.last_read_at, hearing.last_at),
        )
    if batch is None and votes.pending:
        first = min(votes.pending, key=lambda epc: votes.hearings[epc].begins_at)
        batch = _opened(votes.hearings[first], now)
    return batches if batch is batches.batch else msgspec.structs.replace(batches, batch=batch)


def _opened(hearing: Hearing, now: int) -> OpenBatch:
    return OpenBatch(hearing.begins_at, now, last_read_at=hearing.last_at)


def close(
    batches: Batches, votes: Votes, gate: GateSettings, now: int
) -> tuple[Batches, tuple[GateBatch, ...]]:
    """Close the batch when nothing of it is open any more; return it as it is told, in parts."""
    batch = batches.batch
    if batch is None or not _is_over(batch, batches, gate, now, pending=bool(votes.pending)):
        return batches, ()
    batches = msgspec.structs.replace(batches, batch=None)
    if not batch.told and not batch.by_eye:
        return batches, ()
    number = max(batch.started_at, batches.last_number + 1)
    batches = msgspec.structs.replace(batches, last_number=number)
    return batches, _told(batch, votes.hearings, gate, now, number)


def _is_over(batch: OpenBatch, batches: Batches, gate: GateSettings, now: int, *, pending: bool) -> bool:
    if now - batch.opened_at < LONGEST_MS:
        waits = not batch.first_passage_at or now - batch.first_passage_at < gate.wait_ms
        if batches.eye_active or (pending and waits):
            return False
    held = batch.last_verdict_at and now - batch.last_verdict_at < gate.hold_ms
    if held and now - batch.first_passage_at < gate.wait_ms:
        return False
    return not (batch.by_eye and not batch.told and now - batches.eye_at < EMPTY_MS)


def _told(
    batch: OpenBatch, hearings: dict[str, Hearing], gate: GateSettings, now: int, number: int
) -> tuple[GateBatch, ...]:
    passages = [
        GatePassage(epc=epc, direction=way, probability=min(chance, 1.0))
        for epc, (way, chance) in batch.told.items()
        if way in ("in", "out", "turned")
    ]
    undecided = [epc for epc, (way, _) in batch.told.items() if way == "undecided"]
    strays = sum(
        hearing.count > 1 and epc not in batch.told and hearing.last_at >= batch.started_at
        for epc, hearing in hearings.items()
    )
    parts = max(1, -(-len(passages) // MAX_PER_PART), -(-len(undecided) // MAX_PER_PART))
    return tuple(
        GateBatch(
            at=max(batch.started_at, min(now, batch.last_read_at + GAP_MS)),
            device=gate.device,
            batch_id=f"{gate.id}-{number}",
            gate=gate.id,
            started_at=batch.started_at,
            passages=tuple(passages[part * MAX_PER_PART : (part + 1) * MAX_PER_PART]),
            undecided=tuple(undecided[part * MAX_PER_PART : (part + 1) * MAX_PER_PART]),
            strays=strays if part == 0 else 0,
            part=part + 1,
            parts=parts,
        )
        for part in range(parts)
    )


def light(
    batches: Batches, told: tuple[GateBatch, ...], gate: GateSettings, now: int
) -> tuple[Batches, list[Wish]]:
    """Let the lights answer a batch, or go out again."""
    ports = [port for port in (gate.ok_output, gate.doubt_output) if port is not None]
    if told and ports:
        doubt = any(batch.undecided for batch in told)
        lit = gate.doubt_output if doubt else gate.ok_output
        batches = msgspec.structs.replace(batches, lights_off_at=now + gate.light_ms)
        return batches, [(gate.device, SetOutput(port=port, on=port == lit)) for port in ports]
    if batches.lights_off_at and now >= batches.lights_off_at:
        batches = msgspec.structs.replace(batches, lights_off_at=0)
        return batches, [(gate.device, SetOutput(port=port, on=False)) for port in ports]
    return batches, []


def set_back(batches: Batches, now: int) -> Batches:
    """The clock was set back: nothing that is remembered is later than now."""
    batch = batches.batch
    if batch is not None:
        batch = msgspec.structs.replace(
            batch,
            started_at=min(batch.started_at, now),
            opened_at=min(batch.opened_at, now),
            first_passage_at=min(batch.first_passage_at, now),
            last_verdict_at=min(batch.last_verdict_at, now),
            last_read_at=min(batch.last_read_at, now),
        )
    return msgspec.structs.replace(
        batches,
        batch=batch,
        eye_at=min(batches.eye_at, now),
        lights_off_at=min(batches.lights_off_at, now),
    )
