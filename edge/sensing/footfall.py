"""People in and out: counters become increments that count nobody twice.

A cumulative counter is compared with its stored baseline: a repeat adds nothing, a reset (power loss)
starts from zero, a wrap of a 16- or 32-bit counter goes on. The first report ever only sets the
baseline. The baseline survives restarts with the checkpoint, so people who came while the agent was
down are counted when it is back.
"""

from typing import Final

import msgspec

from contract.messages import AnyObservation, PeopleCounted
from edge.model import CountRead, Place, Read

WRAPS: Final = (1 << 16, 1 << 32)
PLAUSIBLE_STEP: Final = 4_096
"""More people than this between two reports are taken for a reset, not for a wrap."""


class FootfallState(msgspec.Struct, frozen=True):
    """State of the stage: "device/line" → (entered, left) as the counter last said."""

    baselines: dict[str, tuple[int, int]] = {}


def sense_footfall(
    state: FootfallState,
    reads: list[Read],
    now: int,
    *,
    place: Place,
) -> tuple[FootfallState, list[AnyObservation]]:
    """Fold counter reports into the state; return it with the people who crossed since."""
    baselines = dict(state.baselines)
    observations: list[AnyObservation] = []
    for read in reads:
        if not isinstance(read, CountRead):
            continue
        key = f"{read.device}/{read.line}"
        if read.cumulative:
            known = baselines.get(key)
            baselines[key] = (read.entered, read.left)
            if known is None:
                continue
            entered, left = _steps(known, (read.entered, read.left))
        else:
            entered, left = read.entered, read.left
        if entered or left:
            observations.append(
                PeopleCounted(
                    at=read.at,
                    device=read.device,
                    line=place.lines.get(read.device, read.line),
                    entered=entered,
                    left=left,
                )
            )
    return FootfallState(baselines), observations


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
