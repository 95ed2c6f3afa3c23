"""Where each tagged item is: a register per (store, EPC) that the latest key wins.

The key is (event time, stream, seq). An event older than the item's key changes nothing but the time
the item was first seen, so streams may interleave in any order. Goods received by EPC make an item
known with the least possible key: any sighting, earlier or later, knows better where it is. Goods that a
gate saw come in or go out have that moment as their key: later sightings know better, earlier ones do not.
"""

from typing import Final, NamedTuple

from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack

PRESENT: Final = "present"
PICKED: Final = "picked"
RECEIVED: Final = "received"
DISPATCHED: Final = "dispatched"
RECEIVED_KEY_MS: Final = -1
NEVER_SEEN_MS: Final = 9_999_999_999_999

TagEvent = TagArrived | TagMoved | TagPickedUp | TagPutBack


class ItemState(NamedTuple):
    """The register. Field order is that of the ``items`` table.

    Attributes:
        zone: where it is, or where it was picked up.
        picked_ms: when it was picked up, None unless ``picked``.
        first_seen_ms: event time of the earliest sighting; NEVER_SEEN_MS when only received.
    """

    key_ms: int
    key_stream: str
    key_seq: int
    zone: str | None
    status: str
    picked_ms: int | None
    first_seen_ms: int


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
            return _NEW(ItemState, (at, stream, seq, event.zone, PICKED, at, first_seen_ms))
        return _NEW(ItemState, (at, stream, seq, event.zone, PRESENT, None, first_seen_ms))
    return known if first_seen_ms == known[6] else known._replace(first_seen_ms=first_seen_ms)


def from_receipt(zone: str | None, stream: str, seq: int) -> ItemState:
    """Return the state of an item that was received and not yet seen."""
    return ItemState(RECEIVED_KEY_MS, stream, seq, zone, RECEIVED, None, NEVER_SEEN_MS)


def from_gate(at: int, zone: str | None, status: str, stream: str, seq: int) -> ItemState:
    """Return the state of an item that a gate saw: ``received`` when it came in, ``dispatched`` when it left."""
    first_seen_ms = at if status == RECEIVED else NEVER_SEEN_MS
    return ItemState(at, stream, seq, zone, status, None, first_seen_ms)


def merge(one: ItemState | None, other: ItemState) -> ItemState:
    """Join two states of one item; commutative, associative, idempotent."""
    if one is None:
        return other
    newer, older = (other, one) if other[:3] > one[:3] else (one, other)
    if newer.first_seen_ms <= older.first_seen_ms:
        return newer
    return newer._replace(first_seen_ms=older.first_seen_ms)
