"""What lies on each weighing tray: last whole-unit weight, and the first one as anchor.

Only an observation with a whole number of units sets the tray; a weight that fits no whole number
shows as weight but edits nothing. The last key wins, the first key is the anchor of the SKU's book.
"""

from typing import NamedTuple

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
