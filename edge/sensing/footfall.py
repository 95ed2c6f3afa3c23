"""People in and out: counters become increments that count nobody twice.

A **total** is compared with its stored baseline: a repeat adds nothing, a reset (power loss) starts from
zero, a wrap of a 16- or 32-bit counter goes on. The first report ever only sets the baseline. A total that
the device told before the last one is a late delivery and adds nothing. An **interval** is added once:
its report id is remembered, so a second delivery (MQTT QoS 1, a webhook's retry) adds nothing.

A device may give several figures for one line, totals and intervals of the same people. Those with the
highest preference count; the others count again when these have not come for a day.

All of it is checkpointed, so people who came while the agent was down are counted when it is back, and
what is delivered again after a restart is not. Memory is bounded: :data:`MAX_REPORTS` reports per line,
:data:`MAX_LINES` lines, the longest unheard of forgotten first.
"""

from hashlib import blake2b
from typing import Final, TypeVar

import msgspec

from contract.messages import AnyObservation, PeopleCounted
from edge.model import CountRead, Place, Read

WRAPS: Final = (1 << 16, 1 << 32)
PLAUSIBLE_STEP: Final = 4_096
"""More people than this between two reports are taken for a reset, not for a wrap."""

MAX_LINES: Final = 256
MAX_REPORTS: Final = 256
PREFERRED_FOR_MS: Final = 24 * 3_600_000
LATE_BY_MS: Final = 3_600_000
"""A total told longer ago than this is no late delivery: the device's clock was set."""

ValueT = TypeVar("ValueT")


class FootfallState(msgspec.Struct, frozen=True):
    """State of the stage; "device/line" → what is known of it.

    Attributes:
        baselines: (entered, left) as the counter last said; figures with a preference have their own.
        told_at: when the device told that, by its own clock in ms.
        reported: digests of the last reports, newest last.
        preferred: (highest preference, when it last came).
    """

    baselines: dict[str, tuple[int, int]] = {}
    told_at: dict[str, int] = {}
    reported: dict[str, tuple[int, ...]] = {}
    preferred: dict[str, tuple[int, int]] = {}


def sense_footfall(
    state: FootfallState,
    reads: list[Read],
    now: int,
    *,
    place: Place,
) -> tuple[FootfallState, list[AnyObservation]]:
    """Fold counter reports into the state; return it with the people who crossed since."""
    memory = _Memory(state)
    observations: list[AnyObservation] = []
    for read in reads:
        if not isinstance(read, CountRead):
            continue
        counts = memory.is_preferred(read, now)
        entered, left = memory.since_last(read)
        if counts and (entered or left):
            observations.append(
                PeopleCounted(
                    at=read.at,
                    device=read.device,
                    line=place.lines.get(read.device, read.line),
                    entered=entered,
                    left=left,
                )
            )
    return memory.state(), observations


class _Memory:
    """A state while reports are folded into it."""

    def __init__(self, state: FootfallState) -> None:
        self._baselines = dict(state.baselines)
        self._told_at = dict(state.told_at)
        self._reported = dict(state.reported)
        self._preferred = dict(state.preferred)

    def state(self) -> FootfallState:
        return FootfallState(self._baselines, self._told_at, self._reported, self._preferred)

    def is_preferred(self, read: CountRead, now: int) -> bool:
        """Return whether no better figure of this line came within a day, and note this one."""
        key = f"{read.device}/{read.line}"
        preference, seen = self._preferred.get(key, (0, 0))
        if read.preference < preference and now - seen < PREFERRED_FOR_MS:
            return False
        if read.preference or key in self._preferred:
            _keep(self._preferred, key, (read.preference, now))
        return True

    def since_last(self, read: CountRead) -> tuple[int, int]:
        """Return how many people this report adds, and remember it."""
        key = f"{read.device}/{read.line}" + (f"/{read.preference}" if read.preference else "")
        if not read.cumulative:
            return (0, 0) if self._was_reported(key, read.report) else (read.entered, read.left)
        if self._is_late(key, read.told_at):
            return 0, 0
        total = read.entered, read.left
        known = self._baselines.get(key, total)
        _keep(self._baselines, key, total)
        return _steps(known, total)

    def _was_reported(self, key: str, report: str | None) -> bool:
        if report is None:
            return False
        digest = int.from_bytes(blake2b(report.encode(), digest_size=8).digest(), "big")
        reports = self._reported.get(key, ())
        if digest in reports:
            return True
        _keep(self._reported, key, (*reports[1 - MAX_REPORTS :], digest))
        return False

    def _is_late(self, key: str, told_at: int | None) -> bool:
        if told_at is None:
            return False
        if 0 < self._told_at.get(key, 0) - told_at <= LATE_BY_MS:
            return True
        _keep(self._told_at, key, told_at)
        return False


def _keep(memory: dict[str, ValueT], key: str, value: ValueT) -> None:
    """Store a line's value as the newest; forget the oldest line beyond the bound."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > MAX_LINES:
        del memory[next(iter(memory))]


def _steps(old: tuple[int, int], new: tuple[int, int]) -> tuple[int, int]:
    """Return how far each counter went; a reset resets both, a wrap concerns one."""
    steps = []
    for before, after in zip(old, new, strict=True):
        if after >= before:
            steps.append(after - before)
            continue
        wrapped = next(
            (
                after + size - before
                for size in WRAPS
                if before < size and after + size - before <= PLAUSIBLE_STEP
            ),
            None,
        )
        if wrapped is None:
            return new
        steps.append(wrapped)
    return steps[0], steps[1]
