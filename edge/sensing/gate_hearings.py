"""Hearings of a gate: the reads of one tag without a silence in between, and what they are evidence of.

Reads are kept packed, as the rows that numpy computes with: a pass costs no work per read that it has seen
before. A hearing is weighed alone several times a second while it is open, less often once it is thought to
lie there, and once more when it has ended.

What always holds: reads are in the order of time, however late they were reported; no more than MAX_TAGS
hearings of MAX_READS reads in WINDOW_MS are kept.
"""

import struct
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.model import Read, TagRead
from edge.sensing.gate_classifier import STATIC, Softmax, log_evidence
from edge.sensing.gate_features import ASSUMED_RSSI_DBM, figures
from edge.sensing.gate_looks import Echoes

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

RESIDENT_MS: Final = 20_000
RESIDENT_NATS: Final = 4.0
"""What has been heard for so long lies there, unless the evidence is stronger by so much: it has had many chances."""

MAX_TAGS: Final = 2_000
MAX_READS: Final = 240

Verdict: TypeAlias = Literal["", "static", "in", "out", "turned", "undecided"]

ROW: Final = np.dtype(
    [("at", "<i8"), ("channel", "<i8"), ("side", "<i8"), ("rssi_dbm", "<f8"), ("phase_deg", "<f8")]
)
"""One read: ms, frequency and antenna as one number, 0 outside and 1 inside, dBm, degrees or NaN."""

_PACKED: Final = struct.Struct("<qqqdd")


class Hearing(msgspec.Struct, frozen=True, array_like=True):
    """The reads of one tag without a silence in between, and what is thought of them.

    Attributes:
        reads: packed, each a ROW, in order; none before WINDOW_MS.
        begins_at, last_at: times of the first and the last of them.
        first_at: the first read of all.
        judged_at: when it was last weighed, 0 for never.
        evidence: log likelihoods as of then, in the order of CLASSES.
        crossed_at: when it was on the line, if it passed, as of then.
        ended: the last judgement was made after it had ended.
        verdict: as told or settled; empty while open.
        settled_at: when.
    """

    reads: bytes
    begins_at: int
    last_at: int
    first_at: int
    judged_at: int = 0
    evidence: tuple[float, ...] = ()
    crossed_at: int = 0
    ended: bool = False
    verdict: Verdict = ""
    settled_at: int = 0

    @property
    def count(self) -> int:
        """How many reads are kept."""
        return len(self.reads) // ROW.itemsize

    def rows(self) -> NDArray[np.void]:
        """Return the reads as an array of ROW."""
        return np.frombuffer(self.reads, ROW)


def hear(
    hearings: dict[str, Hearing], reads: list[Read], sides: Mapping[tuple[str, int], int], now: int
) -> dict[str, Hearing]:
    """Return the hearings with more reads.

    Args:
        hearings: EPC → hearing.
        reads: new ones, in any order; those of other antennas do not count.
        sides: (device, antenna) → 0 outside, 1 inside.
        now: a tag that was told long enough before is heard anew.
    """
    fresh: dict[str, list[tuple[int, int, int, float, float]]] = {}
    for read in reads:
        if isinstance(read, TagRead) and (side := sides.get((read.device, read.antenna))) is not None:
            rssi = ASSUMED_RSSI_DBM if read.rssi_dbm is None else read.rssi_dbm
            phase = float("nan") if read.phase_deg is None else read.phase_deg
            channel = 64 * (read.frequency_khz or 0) + read.antenna
            fresh.setdefault(read.epc, []).append((read.at, channel, side, rssi, phase))
    if not fresh:
        return hearings
    known = dict(hearings)
    for epc, own in fresh.items():
        own.sort(key=lambda row: row[0])
        known[epc] = _longer(known.get(epc), own, now)
    while len(known) > MAX_TAGS:
        del known[min(known, key=lambda epc: known[epc].last_at)]
    return known


def _longer(hearing: Hearing | None, own: list[tuple[int, int, int, float, float]], now: int) -> Hearing:
    """Return a hearing with more reads, sorted by time; a late report takes its place in time."""
    packed = b"".join([_PACKED.pack(*row) for row in own])
    first, last = own[0][0], own[-1][0]
    if (
        hearing is None
        or first - hearing.last_at > GAP_MS
        or (hearing.verdict and now - hearing.settled_at > REARM_MS)
    ):
        hearing = Hearing(packed, first, last, first)
    elif first >= hearing.last_at:
        hearing = msgspec.structs.replace(hearing, reads=hearing.reads + packed, last_at=last, ended=False)
    else:
        rows = np.frombuffer(hearing.reads + packed, ROW)
        rows = rows[np.argsort(rows["at"], kind="stable")]
        hearing = msgspec.structs.replace(
            hearing,
            reads=rows.tobytes(),
            begins_at=min(hearing.begins_at, first),
            last_at=max(hearing.last_at, last),
            ended=False,
        )
    if hearing.last_at - hearing.begins_at < WINDOW_MS and hearing.count <= MAX_READS:
        return hearing
    rows = hearing.rows()
    rows = rows[rows["at"] > hearing.last_at - WINDOW_MS][-MAX_READS:]
    return msgspec.structs.replace(hearing, reads=rows.tobytes(), begins_at=int(rows["at"][0]))


def weigh(hearings: dict[str, Hearing], table: Softmax, now: int) -> dict[str, Hearing]:
    """Return the hearings with evidence anew where it is due."""
    due = [(epc, hearing) for epc, hearing in hearings.items() if _is_due(hearing, now)]
    if not due:
        return hearings
    own = [hearing for _, hearing in due]
    last = np.array([hearing.last_at for hearing in own])
    row = np.repeat(np.arange(len(own)), [hearing.count for hearing in own])
    rows = np.frombuffer(b"".join([hearing.reads for hearing in own]), ROW)
    found = figures(
        Echoes(
            row=row,
            at_s=(rows["at"] - last[row]) / 1000,
            side=rows["side"],
            rssi_dbm=rows["rssi_dbm"],
            phase_rad=np.radians(rows["phase_deg"]),
            channel=rows["channel"],
        ),
        np.clip((now - last) / 1000, 0.0, GAP_MS / 1000),
    )
    evidence = log_evidence(found.even, found.odd, table)
    evidence[:, STATIC] += [
        RESIDENT_NATS * (hearing.last_at - hearing.first_at > RESIDENT_MS) for hearing in own
    ]
    crossed_at = (last + 1000 * found.crossed_s).astype(np.int64).tolist()
    known = dict(hearings)
    for (epc, hearing), weighed, crossed in zip(due, evidence.tolist(), crossed_at, strict=True):
        known[epc] = msgspec.structs.replace(
            hearing,
            judged_at=now,
            evidence=tuple(weighed),
            crossed_at=crossed,
            ended=now - hearing.last_at > GAP_MS,
        )
    return known


def _is_due(hearing: Hearing, now: int) -> bool:
    if hearing.ended or hearing.count < 2:
        return False
    if now - hearing.last_at > GAP_MS:
        return True
    if hearing.verdict:
        return False
    settled = (
        hearing.last_at - hearing.begins_at > SETTLED_MS
        and bool(hearing.evidence)
        and hearing.evidence[STATIC] > max(hearing.evidence[1:]) + SETTLED_NATS
    )
    return now - hearing.judged_at >= (SETTLED_EVERY_MS if settled else JUDGE_EVERY_MS)


def still_remembered(hearings: dict[str, Hearing], now: int) -> dict[str, Hearing]:
    """Return the hearings that still go on or still vote."""
    return {
        epc: hearing
        for epc, hearing in hearings.items()
        if now - hearing.last_at <= (KEPT_MS if hearing.count > 1 else GAP_MS)
    }
