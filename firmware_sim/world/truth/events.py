"""Ground-truth events, each with its exact millisecond.

An event says what a person did, not what a device saw. Encoded as JSON with a ``kind``, one per line.
"""

from typing import TypeAlias

import msgspec


class TruthEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Something happened ``at`` this time in ms."""

    at: int


class Entered(TruthEvent, frozen=True, kw_only=True, tag="entered"):
    """A person came in."""

    line: str
    shopper: int


class Left(TruthEvent, frozen=True, kw_only=True, tag="left"):
    """A person went out."""

    line: str
    shopper: int


class Picked(TruthEvent, frozen=True, kw_only=True, tag="picked"):
    """A shopper took a tagged item."""

    shopper: int
    epc: str
    sku: str | None
    zone: str


class PutBack(TruthEvent, frozen=True, kw_only=True, tag="put_back"):
    """A shopper put a tagged item down, in ``zone``."""

    shopper: int
    epc: str
    sku: str | None
    zone: str
    from_zone: str
    picked_at: int


class TrayTaken(TruthEvent, frozen=True, kw_only=True, tag="tray_taken"):
    """A shopper took units off a tray."""

    shopper: int
    device: str
    zone: str
    sku: str
    units: int


class TrayReturned(TruthEvent, frozen=True, kw_only=True, tag="tray_returned"):
    """A shopper put units back on a tray."""

    shopper: int
    device: str
    zone: str
    sku: str
    units: int


class Sold(TruthEvent, frozen=True, kw_only=True, tag="sold"):
    """The till rang up what a shopper held; ``epc`` is the item for tagged products."""

    shopper: int
    sale_id: str
    line: int
    sku: str
    quantity: int
    epc: str | None
    zone: str
    picked_at: int


class Delivered(TruthEvent, frozen=True, kw_only=True, tag="delivered"):
    """New stock was put in a zone; ``epcs`` is empty for units on a tray."""

    sku: str | None
    zone: str
    units: int
    epcs: tuple[str, ...] = ()


class CarriedIn(TruthEvent, frozen=True, kw_only=True, tag="carried_in"):
    """A shopper took an item in hand into a fitting room."""

    shopper: int
    epc: str
    sku: str | None
    room: str


class CarriedOut(TruthEvent, frozen=True, kw_only=True, tag="carried_out"):
    """An item left the fitting room in which it was since ``carried_in_at``; ``shopper`` is who took it in."""

    shopper: int
    epc: str
    sku: str | None
    room: str
    carried_in_at: int


AnyTruthEvent: TypeAlias = (
    Entered | Left | Picked | PutBack | TrayTaken | TrayReturned | Sold | Delivered | CarriedIn | CarriedOut
)
