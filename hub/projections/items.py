"""Where each tagged item is: a register per (store, EPC) that the latest key wins.

The key is (event time, stream, seq). An event older than the item's key changes nothing but the time
the item was first seen, so streams may interleave in any order. Goods received by EPC make an item
known with the least possible key: any sighting, earlier or later, knows better where it is. Goods that a
gate saw come in or go out have that moment as their key: later sightings know better, earlier ones do not.

A tag that an approved stock-take found is a sighting at the time it was read. **Missing** is no register of
its own: an item is missing when its zone was counted after its last key and it was not found, which
:func:`status_at` derives from the zone's anchor. So a sighting that comes late, from before the count, changes
nothing, and any sighting after the count brings the item back. What left through a gate is in no zone and is
never missing.
"""

from typing import Final, NamedTuple

from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack
from hub.projections.try_on import LONGEST_S

PRESENT: Final = "present"
PICKED: Final = "picked"
RECEIVED: Final = "received"
DISPATCHED: Final = "dispatched"
MISSING: Final = "missing"
RECEIVED_KEY_MS: Final = -1
NEVER_SEEN_MS: Final = 9_999_999_999_999
NEVER_RECEIVED_MS: Final = -1
NO_ZONE: Final = ""
"""Names the anchor of what is in no zone: a count of the whole store."""

IN_HAND_MS: Final = LONGEST_S * 1000
"""An item picked up this long before the whole store was counted is in somebody's hand rather than missing."""

TagEvent = TagArrived | TagMoved | TagPickedUp | TagPutBack


class ItemState(NamedTuple):
    """The register. Field order is that of the ``items`` table.

    Attributes:
        zone: where it is, or where it was picked up.
        picked_ms: when it was picked up, None unless ``picked``.
        first_seen_ms: event time of the earliest sighting; NEVER_SEEN_MS when only received.
        received_ms: event time of the latest receipt by EPC; NEVER_RECEIVED_MS for none.
    """

    key_ms: int
    key_stream: str
    key_seq: int
    zone: str | None
    status: str
    picked_ms: int | None
    first_seen_ms: int
    received_ms: int = NEVER_RECEIVED_MS


_NEW: Final = tuple.__new__
"""Makes a named tuple without the Python call that its class makes for keywords."""


def from_tag_event(event: TagEvent, stream: str, seq: int) -> ItemState:
    """Return the state that this event alone would give."""
    at = event.at
    if type(event) is TagPickedUp:
        return ItemState(at, stream, seq, event.zone, PICKED, at, at)
    return ItemState(at, stream, seq, event.zone, PRESENT, None, at)


def fold(known: ItemState | None, event: TagEvent, stream: str, seq: int) -> ItemState:
    """Return ``merge(known, from_tag_event(event, stream, seq))`` in one step; most of a batch comes this way."""
    if known is None:
        return from_tag_event(event, stream, seq)
    at, first_seen_ms = event.at, known[6]
    if first_seen_ms > at:
        first_seen_ms = at
    if at > known[0] or (at == known[0] and (stream, seq) > known[1:3]):
        if type(event) is TagPickedUp:
            return _NEW(ItemState, (at, stream, seq, event.zone, PICKED, at, first_seen_ms, known[7]))
        return _NEW(ItemState, (at, stream, seq, event.zone, PRESENT, None, first_seen_ms, known[7]))
    return known if first_seen_ms == known[6] else known._replace(first_seen_ms=first_seen_ms)


def from_receipt(zone: str | None, stream: str, seq: int, at: int) -> ItemState:
    """Return the state of an item that was received and not yet seen."""
    return ItemState(RECEIVED_KEY_MS, stream, seq, zone, RECEIVED, None, NEVER_SEEN_MS, at)


def from_count(zone: str, at: int, stream: str, seq: int) -> ItemState:
    """Return the state of an item that an approved stock-take found in a zone."""
    return ItemState(at, stream, seq, zone, PRESENT, None, at)


def from_gate(at: int, zone: str | None, status: str, stream: str, seq: int) -> ItemState:
    """Return the state of an item that a gate saw: ``received`` when it came in, ``dispatched`` when it left."""
    if status == RECEIVED:
        return ItemState(at, stream, seq, zone, status, None, at, at)
    return ItemState(at, stream, seq, zone, status, None, NEVER_SEEN_MS)


def merge(one: ItemState | None, other: ItemState) -> ItemState:
    """Join two states of one item; commutative, associative, idempotent."""
    if one is None:
        return other
    newer, older = (other, one) if other[:3] > one[:3] else (one, other)
    if newer.first_seen_ms <= older.first_seen_ms and newer.received_ms >= older.received_ms:
        return newer
    return newer._replace(
        first_seen_ms=min(newer.first_seen_ms, older.first_seen_ms),
        received_ms=max(newer.received_ms, older.received_ms),
    )


def status_at(status: str, key_ms: int, received_ms: int, anchor_ms: int | None) -> str:
    """Return an item's status, given when its place was counted last (None for never).

    The place is its zone, or :data:`NO_ZONE` for an item in hand or received to no zone.
    """
    if anchor_ms is None or status not in (PRESENT, RECEIVED, PICKED):
        return status
    known_ms = max(key_ms, received_ms) if status == RECEIVED else key_ms
    patience_ms = IN_HAND_MS if status == PICKED else 0
    return MISSING if known_ms < anchor_ms - patience_ms else status
