"""What went through a gate: one observation per batch, with a verdict for each tag that was carried.

Strategy. The reads of a tag without a silence of GAP_MS are a hearing. Several times a second its figures
(:mod:`.gate_features`) are weighed by a softmax (:mod:`.gate_classifier`), and where goods are carried again
beside those that crossed at its time. A tag is told to have gone in or out as soon as that is near certain,
or likely some time after the line, at the latest when its hearing has ended; a turn is told only then,
because until then it may still go on.

A batch opens with the first tag that is more likely carried than not, or with the photo-eye. It closes when
nothing of it is open any more, and the photo-eye is free; ``wait_ms`` after its first passage it waits for
nobody, and what is decided later is another batch. Then the stage says so, and wishes the lights that answer
at the gate. A batch that only strays opened leaves no trace.

What always holds: a tag is told once per hearing; a hearing that is part of one batch is part of no other;
state is bounded by MAX_TAGS hearings of MAX_READS reads.
"""

from bisect import bisect_right
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import numpy as np

from contract.ids import Slug
from contract.messages import AnyObservation, GateBatch, GatePassage, SetOutput
from edge.model import InputRead, Read, TagRead
from edge.sensing.gate_classifier import (
    CLASSES,
    STATIC,
    TOGETHER_S,
    WAYS,
    Carries,
    Coefficients,
    chances,
    log_evidence,
)
from edge.sensing.gate_features import ASSUMED_RSSI_DBM, Echoes, figures

GAP_MS: Final = 2_000
WINDOW_MS: Final = 12_000
JUDGE_EVERY_MS: Final = 200
SETTLED_EVERY_MS: Final = 2_000
SETTLED_MS: Final = 5_000
SETTLED_NATS: Final = 3.0
KEPT_MS: Final = 4_000
"""An ended hearing still votes for its carrier for so long."""

REARM_MS: Final = 6_000
"""A tag that has been told and is still heard is listened to anew after this."""

EMPTY_MS: Final = 1_500
"""After the photo-eye is free, tags of the batch may still come up for so long."""

LONGEST_MS: Final = 120_000
RESIDENT_MS: Final = 20_000
RESIDENT_NATS: Final = 4.0
"""What has been heard for so long lies there, unless the evidence is stronger by so much: it has had many chances."""

COMPANY: Final = 1.0
"""Where goods are carried, so many others must be on their way with a tag that is not near certain."""

MAX_TAGS: Final = 2_000
MAX_READS: Final = 240
MAX_PER_PART: Final = 500
OPENS_AT: Final = 0.5

Share: TypeAlias = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=64)]
GateName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9_-]{0,46}[a-z0-9])?$(?!\n)")]
Verdict: TypeAlias = Literal["", "static", "in", "out", "turned", "undecided"]
Wish: TypeAlias = tuple[str, SetOutput]
"""Device and what it shall do."""


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate.

    Attributes:
        id: its name, at most 48 characters; part of every batch's id.
        device: the reader that says who tells of the gate, and whose antennas plain numbers mean.
        outside, inside: antennas before and behind the line, as numbers, or ``DEVICE/ANTENNA`` of another
            reader.
        photo_eye: input of the device that is active while something stands in the gate.
        photo_eye_active: the level that means so.
        ok_output, doubt_output: outputs of the device that answer a batch.
        light_ms: how long they do.
        moved_prior: share of the tags heard beside a carrier that are carried.
        live: how probable a passage must be while the tag is still heard.
        decided: … and when its hearing has ended; less is told as undecided.
        hold_ms: how long after its last verdict a batch stays open.
        wait_ms: how long after its first passage it waits for tags that are still open.
    """

    id: GateName
    device: Slug
    outside: Annotated[tuple[int | str, ...], msgspec.Meta(min_length=1)]
    inside: Annotated[tuple[int | str, ...], msgspec.Meta(min_length=1)]
    carries: Carries = "goods"
    photo_eye: Port | None = None
    photo_eye_active: Literal["high", "low"] = "high"
    ok_output: Port | None = None
    doubt_output: Port | None = None
    light_ms: Annotated[int, msgspec.Meta(ge=0)] = 5_000
    moved_prior: Share = 0.1
    answer_ms: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = 1_500
    live: Share = 0.98
    decided: Share = 0.5
    hold_ms: Annotated[int, msgspec.Meta(ge=0, le=30_000)] = 300
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=30_000)] = 2_500

    def sides(self) -> dict[tuple[str, int], int]:
        """Return (device, antenna) → 0 outside, 1 inside.

        Raises:
            ValueError: an antenna is neither a number from 1 up nor DEVICE/ANTENNA, or is named twice.
        """
        found: dict[tuple[str, int], int] = {}
        for side, antennas in enumerate((self.outside, self.inside)):
            for antenna in antennas:
                device, slash, number = str(antenna).rpartition("/")
                if not (number.isascii() and number.isdecimal()) or int(number) < 1 or (slash and not device):
                    raise ValueError(
                        f"antenna {antenna!r} is neither a number from 1 up nor DEVICE/ANTENNA, for example 'portal-b/1'"
                    )
                key = (device or self.device, int(number))
                if key in found:
                    raise ValueError(f"antenna {antenna!r} is named twice")
                found[key] = side
        return found


class Hearing(msgspec.Struct, frozen=True, array_like=True):
    """The reads of one tag without a silence in between, and what is thought of them.

    Attributes:
        at: when, in order.
        side: 0 outside, 1 inside.
        rssi_dbm, phase_deg: as reported.
        channel: frequency and antenna as one number.
        judged_at: when it was last weighed, 0 for never.
        evidence: log likelihoods as of then, in the order of CLASSES.
        crossed_at: when it was on the line, if it passed, as of then.
        ended: the last judgement was made after it had ended.
        verdict: as told or settled; empty while open.
        settled_at: when.
        first_at: the first read of all; those in ``at`` are of the last WINDOW_MS.
    """

    at: tuple[int, ...] = ()
    side: tuple[int, ...] = ()
    rssi_dbm: tuple[float, ...] = ()
    phase_deg: tuple[float | None, ...] = ()
    channel: tuple[int, ...] = ()
    judged_at: int = 0
    evidence: tuple[float, ...] = ()
    crossed_at: int = 0
    ended: bool = False
    verdict: Verdict = ""
    settled_at: int = 0
    first_at: int = 0


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


class OneGate(msgspec.Struct, frozen=True, array_like=True):
    """State of one gate.

    Attributes:
        hearings: EPC → hearing.
        batch: the open one.
        eye_active: the photo-eye is interrupted.
        eye_at: when it last changed.
        last_number: of the last batch's id; the next one is higher.
        lights_off_at: when the lights go out, 0 for not lit by this stage.
        judged_at: when hearings were last weighed.
    """

    hearings: dict[str, Hearing] = {}
    batch: OpenBatch | None = None
    eye_active: bool = False
    eye_at: int = 0
    last_number: int = 0
    lights_off_at: int = 0
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
    told: list[AnyObservation] = []
    wishes: list[Wish] = []
    known = {}
    for gate in gates:
        watch = _Watch(gate, state.gates.get(gate.id) or OneGate(), now, coefficients)
        watch.take(reads)
        watch.judge()
        batch = watch.batch()
        told += batch
        wishes += watch.lights(batch)
        known[gate.id] = watch.state()
    return GateState(known), told, wishes


def release_lights(state: GateState, device: str, *, gates: tuple[GateSettings, ...]) -> GateState:
    """Somebody else has set an output of this device: its lights are no longer the stage's to put out."""
    known = dict(state.gates)
    for gate in gates:
        if gate.device == device and gate.id in known:
            known[gate.id] = msgspec.structs.replace(known[gate.id], lights_off_at=0)
    return GateState(known)


def restart_gates(state: GateState, now: int) -> GateState:
    """The clock was set back: no time that is remembered can be compared with the time now.

    What was decided of an open batch is kept and told at once; what was open in it is given up.
    """
    known = {}
    for name, one in state.gates.items():
        batch = one.batch
        if batch is not None:
            batch = msgspec.structs.replace(
                batch,
                started_at=min(batch.started_at, now),
                opened_at=min(batch.opened_at, now),
                first_passage_at=min(batch.first_passage_at, now),
                last_verdict_at=min(batch.last_verdict_at, now),
                last_read_at=min(batch.last_read_at, now),
            )
        known[name] = OneGate(
            batch=batch,
            eye_active=one.eye_active,
            eye_at=min(one.eye_at, now),
            last_number=one.last_number,
            lights_off_at=min(one.lights_off_at, now),
        )
    return GateState(known)


class _Watch:
    """One gate during one pass."""

    def __init__(self, gate: GateSettings, one: OneGate, now: int, coefficients: Coefficients) -> None:
        self._gate = gate
        self._one = one
        self._now = now
        self._coefficients = coefficients
        self._alone = coefficients.goods if gate.carries == "goods" else coefficients.items
        self._hearings = dict(one.hearings)
        self._batch = one.batch
        self._eye_active, self._eye_at = one.eye_active, one.eye_at
        self._last_number = one.last_number
        self._lights_off_at = one.lights_off_at
        self._judged_at = one.judged_at
        self._moved: dict[str, float] = {}
        self._company: dict[str, float] = {}
        self._company_needed = COMPANY if gate.carries == "goods" else 0.0
        self._ways: dict[str, np.ndarray] = {}

    def take(self, reads: list[Read]) -> None:
        """Sort reads into hearings, and follow the photo-eye."""
        gate, sides = self._gate, self._gate.sides()
        fresh: dict[str, list[tuple[int, int, TagRead]]] = {}
        for read in reads:
            if isinstance(read, TagRead):
                side = sides.get((read.device, read.antenna))
                if side is not None:
                    fresh.setdefault(read.epc, []).append((read.at, side, read))
            elif isinstance(read, InputRead) and (read.device, read.port) == (gate.device, gate.photo_eye):
                self._see(read)
        for epc, own in fresh.items():
            own.sort(key=lambda entry: entry[0])
            self._hearings[epc] = self._heard(self._hearings.get(epc), own)
        while len(self._hearings) > MAX_TAGS:
            del self._hearings[min(self._hearings, key=lambda epc: self._hearings[epc].at[-1])]

    def _see(self, read: InputRead) -> None:
        active = read.high == (self._gate.photo_eye_active == "high")
        if active == self._eye_active:
            return
        self._eye_active, self._eye_at = active, read.at
        if self._batch is not None:
            self._batch = msgspec.structs.replace(
                self._batch, by_eye=True, last_read_at=max(self._batch.last_read_at, read.at)
            )
        elif active:
            self._batch = OpenBatch(read.at, self._now, by_eye=True, last_read_at=read.at)

    def _heard(self, hearing: Hearing | None, own: list[tuple[int, int, TagRead]]) -> Hearing:
        """Return a hearing with more reads; a late report takes its place in time."""
        first = own[0][0]
        if (
            hearing is None
            or first - hearing.at[-1] > GAP_MS
            or (hearing.verdict and self._now - hearing.settled_at > REARM_MS)
        ):
            hearing = Hearing(first_at=first)
        columns = [
            *zip(hearing.at, hearing.side, hearing.rssi_dbm, hearing.phase_deg, hearing.channel, strict=True)
        ]
        for at, side, read in own:
            rssi = ASSUMED_RSSI_DBM if read.rssi_dbm is None else read.rssi_dbm
            channel = 64 * (read.frequency_khz or 0) + read.antenna
            entry = (at, side, rssi, read.phase_deg, channel)
            columns.insert(bisect_right(columns, at, key=lambda known: known[0]), entry)
        since = columns[-1][0] - WINDOW_MS
        columns = [entry for entry in columns if entry[0] > since][-MAX_READS:]
        at_, side_, rssi_, phase_, channel_ = zip(*columns, strict=True)
        return msgspec.structs.replace(
            hearing, at=at_, side=side_, rssi_dbm=rssi_, phase_deg=phase_, channel=channel_, ended=False
        )

    def judge(self) -> None:
        """Weigh the hearings that are due, let groups vote, settle what is certain."""
        if self._now - self._judged_at >= JUDGE_EVERY_MS:
            self._judged_at = self._now
            self._weigh_due()
        self._vote()
        for epc in self._moved:
            self._settle(epc, final=self._hearings[epc].ended)

    def _weigh_due(self) -> None:
        due = [epc for epc, hearing in self._hearings.items() if self._is_due(hearing)]
        if due:
            self._weigh(due)

    def _is_due(self, hearing: Hearing) -> bool:
        if len(hearing.at) < 2 or hearing.ended:
            return False
        since_ms = self._now - hearing.judged_at
        if self._now - hearing.at[-1] > GAP_MS:
            return True
        if hearing.verdict:
            return False
        settled = (
            bool(hearing.evidence)
            and hearing.at[-1] - hearing.at[0] > SETTLED_MS
            and hearing.evidence[STATIC] > max(hearing.evidence[1:]) + SETTLED_NATS
        )
        return since_ms >= (SETTLED_EVERY_MS if settled else JUDGE_EVERY_MS)

    def _weigh(self, due: list[str]) -> None:
        hearings = [self._hearings[epc] for epc in due]
        counts = [len(hearing.at) for hearing in hearings]
        last = np.array([hearing.at[-1] for hearing in hearings])
        row = np.repeat(np.arange(len(due)), counts)
        at = np.array([time for hearing in hearings for time in hearing.at])
        phase = [p for hearing in hearings for p in hearing.phase_deg]
        found = figures(
            Echoes(
                row=row,
                at_s=(at - last[row]) / 1000,
                side=np.array([side for hearing in hearings for side in hearing.side]),
                rssi_dbm=np.array([level for hearing in hearings for level in hearing.rssi_dbm]),
                phase_rad=np.radians(np.array(phase, dtype=np.float64)),
                channel=np.array([number for hearing in hearings for number in hearing.channel]),
            ),
            np.clip((self._now - last) / 1000, 0.0, GAP_MS / 1000),
        )
        evidence = log_evidence(found.even, found.odd, self._alone)
        evidence[:, STATIC] += [
            RESIDENT_NATS * (hearing.at[-1] - hearing.first_at > RESIDENT_MS) for hearing in hearings
        ]
        for index, epc in enumerate(due):
            hearing = hearings[index]
            self._hearings[epc] = msgspec.structs.replace(
                hearing,
                judged_at=self._now,
                evidence=tuple(evidence[index].tolist()),
                crossed_at=int(last[index] + 1000 * found.crossed_s[index]),
                ended=self._now - hearing.at[-1] > GAP_MS,
            )

    def _vote(self) -> None:
        """Find how likely each hearing is carried, together with those that cross beside it."""
        weighed = [epc for epc, hearing in self._hearings.items() if hearing.evidence]
        if not weighed:
            return
        judged = chances(
            np.array([self._hearings[epc].evidence for epc in weighed]),
            np.array([self._hearings[epc].crossed_at - self._now for epc in weighed]) / 1000,
            carries=self._gate.carries,
            moved_prior=self._gate.moved_prior,
            coefficients=self._coefficients,
        )
        crossed_s = np.array([self._hearings[epc].crossed_at - self._now for epc in weighed]) / 1000
        moving = 1.0 - judged[:, STATIC]
        company = np.exp(-0.5 * ((crossed_s[:, None] - crossed_s) / TOGETHER_S) ** 2) @ moving
        self._company = dict(zip(weighed, (company - moving).tolist(), strict=True))
        for epc, chance in zip(weighed, judged, strict=True):
            self._moved[epc], self._ways[epc] = 1.0 - float(chance[STATIC]), chance

    def _settle(self, epc: str, *, final: bool) -> None:
        """Give a tag its verdict, when it is certain or there will be nothing more."""
        hearing, chance = self._hearings[epc], self._ways[epc]
        if hearing.verdict:
            return
        best = max(WAYS, key=lambda way: chance[way])
        way: Verdict = CLASSES[best]
        known, company = float(chance[best]), self._company[epc] >= self._company_needed
        if not final:
            past = (
                self._now - hearing.crossed_at >= self._gate.answer_ms
                and hearing.crossed_at >= hearing.first_at
            )
            needed = self._gate.decided if past and company else self._gate.live
            if way == "turned" or known < needed:
                return
        elif chance[STATIC] >= OPENS_AT or not (company or known >= self._gate.live):
            way = "static"
        elif known < self._gate.decided:
            way = "undecided"
        self._hearings[epc] = msgspec.structs.replace(hearing, verdict=way, settled_at=self._now)
        if way == "static":
            return
        batch = self._open(hearing)
        self._batch = msgspec.structs.replace(
            batch,
            told={**batch.told, epc: (way, round(float(chance[best]), 4))},
            first_passage_at=batch.first_passage_at or (self._now if way in ("in", "out") else 0),
            last_verdict_at=self._now,
            last_read_at=max(batch.last_read_at, hearing.at[-1]),
        )

    def _open(self, hearing: Hearing) -> OpenBatch:
        return self._batch or OpenBatch(hearing.at[0], self._now, last_read_at=hearing.at[-1])

    def batch(self) -> list[AnyObservation]:
        """Open a batch, or close it and return what it was."""
        pending = [
            epc for epc, moved in self._moved.items() if moved >= OPENS_AT and not self._hearings[epc].verdict
        ]
        if pending and self._batch is None:
            first = min(pending, key=lambda epc: self._hearings[epc].at[0])
            self._batch = self._open(self._hearings[first])
        batch, now = self._batch, self._now
        if batch is None or (self._eye_active and now - batch.opened_at < LONGEST_MS):
            return []
        waited_ms = now - batch.first_passage_at
        if batch.first_passage_at and waited_ms >= self._gate.wait_ms:
            pending = []
        if pending and now - batch.opened_at < LONGEST_MS:
            return []
        if (
            batch.last_verdict_at
            and now - batch.last_verdict_at < self._gate.hold_ms
            and waited_ms < self._gate.wait_ms
        ):
            return []
        if batch.by_eye and not batch.told and now - self._eye_at < EMPTY_MS:
            return []
        self._batch = None
        if not batch.told and not batch.by_eye:
            return []
        return self._tell(batch)

    def _tell(self, batch: OpenBatch) -> list[AnyObservation]:
        number = max(batch.started_at, self._last_number + 1)
        self._last_number = number
        passages = [
            GatePassage(epc=epc, direction=way, probability=min(chance, 1.0))
            for epc, (way, chance) in batch.told.items()
            if way in ("in", "out", "turned")
        ]
        undecided = [epc for epc, (way, _) in batch.told.items() if way == "undecided"]
        strays = sum(
            len(hearing.at) > 1 and epc not in batch.told and hearing.at[-1] >= batch.started_at
            for epc, hearing in self._hearings.items()
        )
        parts = max(1, -(-len(passages) // MAX_PER_PART), -(-len(undecided) // MAX_PER_PART))
        at = max(batch.started_at, min(self._now, batch.last_read_at + GAP_MS))
        return [
            GateBatch(
                at=at,
                device=self._gate.device,
                batch_id=f"{self._gate.id}-{number}",
                gate=self._gate.id,
                started_at=batch.started_at,
                passages=tuple(passages[part * MAX_PER_PART : (part + 1) * MAX_PER_PART]),
                undecided=tuple(undecided[part * MAX_PER_PART : (part + 1) * MAX_PER_PART]),
                strays=strays if part == 0 else 0,
                part=part + 1,
                parts=parts,
            )
            for part in range(parts)
        ]

    def lights(self, told: list[AnyObservation]) -> list[Wish]:
        """Return what the lights shall do: answer a batch, or go out again."""
        gate = self._gate
        ports = [port for port in (gate.ok_output, gate.doubt_output) if port is not None]
        if told and ports:
            doubt = any(isinstance(batch, GateBatch) and batch.undecided for batch in told)
            lit = gate.doubt_output if doubt else gate.ok_output
            self._lights_off_at = self._now + gate.light_ms
            return [(gate.device, SetOutput(port=port, on=port == lit)) for port in ports]
        if self._lights_off_at and self._now >= self._lights_off_at:
            self._lights_off_at = 0
            return [(gate.device, SetOutput(port=port, on=False)) for port in ports]
        return []

    def state(self) -> OneGate:
        """Return what is to be remembered."""
        kept = {
            epc: hearing
            for epc, hearing in self._hearings.items()
            if self._now - hearing.at[-1] <= (KEPT_MS if len(hearing.at) > 1 else GAP_MS)
        }
        return OneGate(
            kept,
            self._batch,
            self._eye_active,
            self._eye_at,
            self._last_number,
            self._lights_off_at,
            self._judged_at,
        )
