"""What others do at a gate: rules over a whole hearing of a tag, which ends after two seconds of silence.

- ``first-antenna``: whatever is read passed, in the direction that the first antenna says.
- ``max-rssi``: what was loud enough passed, from the antenna that read it first to the one that read it last;
  the same antenna twice is a turn.
- ``centroid``: what was loud enough passed, in the direction in which the energy moved between the antennas;
  less than a moment between the two centroids is a turn.

Thresholds are the best on the tuning seeds, per scene, so that nobody beats a rule that was set up badly.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Verdict = Literal["static", "in", "out", "turned"]

RULES: Final = ("first-antenna", "max-rssi", "centroid")
GAP_MS: Final = 2_000


class Limits(NamedTuple):
    """What a rule takes for a passage.

    Attributes:
        loud_dbm: the loudest read must reach this, for ``max-rssi`` and for ``centroid``.
        apart_s: the centroids must be this far apart.
    """

    max_rssi_dbm: float
    centroid_dbm: float
    apart_s: float


class Hearing(NamedTuple):
    """The reads of one tag between two silences, in order of time.

    Attributes:
        at_ms: when.
        inner: the inner antenna read it.
        rssi_dbm: how loud.
    """

    at_ms: Floats
    inner: NDArray[np.bool_]
    rssi_dbm: Floats


def judge(rule: str, hearing: Hearing, limits: Limits) -> Verdict:
    """Return what a rule says of a hearing."""
    loudest = float(hearing.rssi_dbm.max())
    first, last = bool(hearing.inner[0]), bool(hearing.inner[-1])
    match rule:
        case "first-antenna":
            return "out" if first else "in"
        case "max-rssi":
            if loudest < limits.max_rssi_dbm:
                return "static"
            return "turned" if first == last else "out" if first else "in"
        case "centroid":
            if loudest < limits.centroid_dbm:
                return "static"
            if first == last and hearing.inner.all() == hearing.inner.any():
                return "turned"
            energy = 10.0 ** ((hearing.rssi_dbm - loudest) / 10.0)
            inner, outer = (
                float(np.average(hearing.at_ms[side], weights=energy[side])) / 1000
                for side in (hearing.inner, ~hearing.inner)
            )
            if abs(inner - outer) < limits.apart_s:
                return "turned"
            return "in" if inner > outer else "out"
        case _:
            raise ValueError(rule)
