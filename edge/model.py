"""What the stages of the edge hand to each other: reads, parcels and the plan of the shop.

A **read** is one raw report as the device said it. Times are integer milliseconds since 1970-01-01
UTC, taken when the bytes arrived, unless the device stamps its reports itself.
"""

from collections.abc import Collection
from typing import Final, TypeAlias

import msgspec


class TagRead(msgspec.Struct, frozen=True, kw_only=True):
    """One tag report of an RFID reader.

    Attributes:
        device: device id.
        at: when, in ms.
        epc: upper-case hex.
        antenna: 1-based; readers with one antenna say 1.
        rssi_dbm: signal strength.
        reads: how many reads the report stands for.
        pc: protocol-control word as hex, where the device tells it.
    """

    device: str
    at: int
    epc: str
    antenna: int = 1
    rssi_dbm: float | None = None
    phase_deg: float | None = None
    frequency_khz: int | None = None
    reads: int = 1
    pc: str | None = None
    tid: str | None = None


class WeightRead(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a scale, in grams, net."""

    device: str
    at: int
    weight_g: float
    stable: bool


class CountRead(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a people counter.

    Attributes:
        line: counting line; counters with one line say "1".
        entered: people in, since power-on when ``cumulative``, else since the previous report.
        left: people out, likewise.
        report: what tells this report from any other of its line; a second delivery has the same. None
            where the device gives nothing to tell by.
        told_at: the device's own time of a total, in ms, by which a late delivery is recognised.
        preference: of several figures for one line those with the highest count, see
            :mod:`edge.sensing.footfall`.
    """

    device: str
    at: int
    line: str
    entered: int
    left: int
    cumulative: bool
    report: str | None = None
    told_at: int | None = None
    preference: int = 0


class StatusRead(msgspec.Struct, frozen=True, kw_only=True):
    """The device said something about itself; it is alive, and senses unless NOT_SENSING says otherwise.

    Attributes:
        what: stable word: ``alive`` (an answer without content, such as "no tag"), ``started``,
            ``stopped``, ``error`` (the device reports a fault), ``gap`` (numbered reports of it were lost) …
    """

    device: str
    at: int
    what: str
    detail: str = ""


class InputRead(msgspec.Struct, frozen=True, kw_only=True):
    """The level of a reader's general-purpose input, for example a photo-eye.

    Attributes:
        port: 1-based.
        high: as the device reports it.
    """

    device: str
    at: int
    port: int
    high: bool


class BarcodeRead(msgspec.Struct, frozen=True, kw_only=True):
    """A barcode scanner read a code; ``code`` is what the symbol says, without prefix or ending."""

    device: str
    at: int
    code: str


class LabelRead(msgspec.Struct, frozen=True, kw_only=True):
    """A shelf label has taken what was last sent to it.

    Attributes:
        mac: the label, upper-case hex.
        sku, price, currency: what it shows now, as the command said.
    """

    device: str
    at: int
    mac: str
    sku: str
    price: str
    currency: str


class RejectRead(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not be understood."""

    device: str
    at: int
    reason: str
    raw: bytes
    detail: str = ""


NOT_SENSING: Final = frozenset(
    {"line_open", "line_closed", "no_region", "stopped", "not_understood", "nothing_comes"}
)
"""Statuses of a device that answers but senses nothing: its zones are blind all the same."""

Read: TypeAlias = (
    TagRead | WeightRead | CountRead | InputRead | BarcodeRead | LabelRead | StatusRead | RejectRead
)


class Parcel(msgspec.Struct, frozen=True):
    """A run of outbox numbers that travels as one envelope.

    Attributes:
        first_seq: number of the first observation.
        last_seq: number of the last.
        lines: the observations as bytes; empty when ``lost``.
        lost: why these numbers have no content, else None.
    """

    first_seq: int
    last_seq: int
    lines: tuple[bytes, ...] = ()
    lost: str | None = None


class Place(msgspec.Struct, frozen=True):
    """What the sensing stages must know of the shop: which device sees what.

    Attributes:
        zones: (device, antenna) → zone.
        trays: device → tray.
        lines: counter device → name of its line, where configuration names it.
        silent_after_ms: device → how long it may say nothing before it counts as silent.
        stations: readers of enrolment stations; they sense no zone.
        fronts: (device, input port) → zone that a person stands in front of while the input is high; port 0
            for a people counter that counts who comes there.
    """

    zones: dict[tuple[str, int], str]
    trays: dict[str, "Tray"]
    lines: dict[str, str]
    silent_after_ms: dict[str, int]
    stations: frozenset[str] = frozenset()
    fronts: dict[tuple[str, int], str] = {}

    def without(self, zones: Collection[str]) -> "Place":
        """Return the place without the antennas of these zones."""
        kept = {antenna: zone for antenna, zone in self.zones.items() if zone not in zones}
        return msgspec.structs.replace(self, zones=kept)

    def zones_of(self, device: str) -> tuple[str, ...]:
        """Return the zones that go blind with this device, in a stable order."""
        seen = {zone for (owner, _), zone in self.zones.items() if owner == device}
        if device in self.trays:
            seen.add(self.trays[device].zone)
        return tuple(sorted(seen))


class TrayItem(msgspec.Struct, frozen=True):
    """One of several SKUs on a plate.

    Attributes:
        units: lay there when it was set up, None when nobody counted.
        gtin: GTIN-14 that the tags of its units carry.
    """

    sku: str
    unit_weight_g: float
    units: int | None = None
    gtin: str | None = None


class Tray(msgspec.Struct, frozen=True):
    """A weighed tray and what lies on it.

    Attributes:
        zone: the shelf; plates of one zone share their goods.
        sku: None for a plate that only weighs, and for one with several SKUs.
        unit_weight_g: of ``sku``.
        items: the SKUs of a plate with several.
        tagged: its units carry tags, so that RFID and weight should agree.
        gtin: GTIN-14 that the tags of ``sku`` carry.
    """

    zone: str
    sku: str | None = None
    unit_weight_g: float | None = None
    items: tuple[TrayItem, ...] = ()
    tagged: bool = False
    gtin: str | None = None


class Near(msgspec.Struct, frozen=True, array_like=True):
    """From ``since`` to ``until``, in ms, a hand or a person is likely to be at a zone."""

    zone: str
    since: int
    until: int


class Removal(msgspec.Struct, frozen=True, array_like=True):
    """Goods with tags that left a zone, as a plate weighed them.

    Attributes:
        zone: which zone.
        since: the plate was still quiet then, in ms.
        at: when the plate had settled.
        units: how many.
        goods: (GTIN-14, expected units), None for goods whose GTIN nobody named; the sum is ``units``.
    """

    zone: str
    since: int
    at: int
    units: int
    goods: tuple[tuple[str | None, float], ...]


class Hints(msgspec.Struct, frozen=True):
    """What other sensors let the presence stage expect.

    Attributes:
        near: where a pick-up is likelier than usual.
        vouched: where plates would have noticed one: it is less likely without a removal.
        removals: since the last call.
    """

    near: tuple[Near, ...] = ()
    vouched: tuple[Near, ...] = ()
    removals: tuple[Removal, ...] = ()
