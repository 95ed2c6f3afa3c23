"""What approved stock-takes say, as far as on-hand starts from it.

Tags and units are anchored differently. Where a zone's **tags** were read, every item that was there before
and was not found is missing; that follows from the time of the zone's anchor alone. Where **units** of a SKU
were counted, the count stands from its own moment on, and movements after it are added.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hub.projections.items import NO_ZONE


class Count(NamedTuple):
    """Units of a SKU that an approved stock-take counted. See :class:`hub.model.UnitsAnchored`.

    Attributes:
        take: which stock-take.
        whole: it covered the whole store, so that this SKU is nowhere else.
    """

    take: str
    sku: str
    zone: str | None
    units: int
    at_ms: int
    expected: int
    tray_units: int | None
    whole: bool


class Anchors(NamedTuple):
    """All that approved stock-takes anchor in one store.

    Attributes:
        zones: zone → since when its tags are known from a count; NO_ZONE for the whole store.
        counts: units counted.
        picks_ms: SKU → when each item that is in hand was picked up, at least
            since five minutes before the first anchor.
    """

    zones: Mapping[str, int] = {}
    counts: Sequence[Count] = ()
    picks_ms: Mapping[str | None, Sequence[int]] = {}

    @property
    def whole_ms(self) -> int | None:
        """When the count of the whole store began, None for never."""
        return self.zones.get(NO_ZONE)


NOTHING_COUNTED: Final = Anchors()
