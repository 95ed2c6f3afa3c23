"""What lies on each weighing tray, or of each SKU on a plate with several: last units, and the first as anchor.

Only an observation with a whole number of units sets the tray; a weight that fits no whole number
shows as weight but edits nothing, and neither do the candidates of a plate with several SKUs, nor a SKU whose
units on it were never counted. The last key wins, the first key is the anchor of the SKU's book.

A scale may have been a tray with one SKU and a plate with several, one after the other. What it was last counts:
:func:`now_on`.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from contract.messages import WeightChanged


class TrayState(NamedTuple):
    """One tray. Field order is that of the ``trays`` table after (store, device).

    Attributes:
        units: at the last key, never None.
        anchor_units: at the first key.
    """

    zone: str
    sku: str | None
    units: int
    weight_g: float
    key_ms: int
    key_stream: str
    key_seq: int
    anchor_units: int
    anchor_ms: int
    anchor_stream: str
    anchor_seq: int

    def of_plate(self) -> tuple[Any, ...]:
        """Return the columns of ``plate_units`` after (store, device, sku)."""
        return (self.zone, *self[2:])


def from_weight(event: WeightChanged, stream: str, seq: int) -> TrayState | None:
    """Return the state this observation alone gives, None when it edits nothing."""
    if event.units is None:
        return None
    key = (event.at, stream, seq)
    return TrayState(event.zone, event.sku, event.units, event.weight_g, *key, event.units, *key)


def merge(one: TrayState | None, other: TrayState) -> TrayState:
    """Join two states of one tray; commutative, associative, idempotent."""
    if one is None:
        return other
    newer = other if other[4:7] > one[4:7] else one
    first = other if other[8:11] < one[8:11] else one
    return TrayState(*newer[:7], *first[7:])


def from_plate(event: WeightChanged, stream: str, seq: int) -> dict[str, TrayState]:
    """Return SKU → the state that this observation of a plate with several SKUs alone gives."""
    key = (event.at, stream, seq)
    return {
        item.sku: TrayState(event.zone, item.sku, item.on_plate, event.weight_g, *key, item.on_plate, *key)
        for item in event.items
        if item.on_plate is not None
    }


def now_on(
    trays: Iterable[tuple[str, TrayState]], plates: Iterable[tuple[str, TrayState]]
) -> list[tuple[str, TrayState]]:
    """Return (device, state) of what counts, by device and SKU: of a scale that was both, what it was last.

    Args:
        trays: (device, state) of trays with one SKU.
        plates: likewise, of each SKU on a plate with several.
    """
    single = dict(trays)
    several: dict[str, list[TrayState]] = {}
    for device, state in plates:
        if device not in single or state[4:7] > single[device][4:7]:
            several.setdefault(device, []).append(state)
    found = [(device, state) for device, state in single.items() if device not in several]
    found += [(device, state) for device, states in several.items() for state in states]
    return sorted(found, key=lambda pair: (pair[0], pair[1].sku or ""))
