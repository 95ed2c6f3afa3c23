"""The hub's own words: events it writes into a store's stream, and what the folds read.

Sales, goods received, adjustments and orders are facts like observations are: each is an event with a
number in the store's stream named ``hub`` and stays in the ledger for ever. A **recorded event** is an
observation or a hub event together with where it stands (store, stream, seq). All folds take recorded
events and nothing else, so live tables and rebuilt tables come from the same functions.

Times are integer milliseconds since 1970-01-01 UTC.
"""

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec

from contract.errors import MessageError
from contract.ids import EPC_PATTERN, EpcHex, Slug
from contract.messages import AnyObservation, Millis
from contract.sscc import SSCC_PATTERN

HUB_STREAM: Final = "hub"
HUB_AGENT: Final = "hub"
EVERY_STORE: Final = "_"
"""Where facts stand that belong to no one store; no store can have this id."""

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Price = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class HubEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """A fact the hub itself was told or decided.

    Attributes:
        at: when it happened, in ms.
    """

    at: Millis


class Sale(HubEvent, frozen=True, kw_only=True, tag="sale"):
    """One line of a sale. (``sale_id``, ``line``) names it; the same line told twice counts once.

    Attributes:
        code: SKU or GTIN as the till said it.
        epc: the tag that was sold, where the till knows.
    """

    sale_id: Code
    line: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    code: Code
    quantity: Quantity
    price: Price | None = None
    epc: EpcHex | None = None


class Returned(HubEvent, frozen=True, kw_only=True, tag="returned"):
    """Sold goods came back and can be sold again: one line, named like a sale's by (``return_id``, ``line``).

    Attributes:
        quantity: units that came back, above zero.
        price: per unit, as paid back.
        of_sale: the sale they were part of, where the till says so.
    """

    return_id: Code
    line: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    code: Code
    quantity: Quantity
    price: Price | None = None
    epc: EpcHex | None = None
    of_sale: Code | None = None


class GoodsReceived(HubEvent, frozen=True, kw_only=True, tag="goods_received"):
    """Goods came into the store: by EPC list, or by quantity, or both counts of one line.

    Attributes:
        receipt_id: delivery note; (``receipt_id``, ``line``) names the line.
        quantity: units; with EPCs it equals their number.
        zone: where they were put, None when not said.
        gate: the gate that saw them come in at ``at``; None for goods known from paper.
    """

    receipt_id: Code
    line: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    code: Code
    quantity: Quantity
    epcs: tuple[EpcHex, ...] = ()
    zone: Slug | None = None
    gate: Slug | None = None


class GoodsDispatched(HubEvent, frozen=True, kw_only=True, tag="goods_dispatched"):
    """Goods left the store through a gate; (``dispatch_id``, ``line``) names the line.

    Attributes:
        quantity: units; with EPCs it equals their number.
    """

    dispatch_id: Code
    line: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    code: Code
    quantity: Quantity
    epcs: tuple[EpcHex, ...] = ()
    gate: Slug | None = None


Direction = Literal["in", "out"]
NoticeState = Literal["open", "closed", "cancelled"]


class NoticeLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Expected goods: one tag by its EPC, or so many units of a SKU."""

    epc: EpcHex | None = None
    sku: Code | None = None
    quantity: Quantity = 1


class NoticeCarton(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An expected carton and what is in it."""

    sscc: Annotated[str, msgspec.Meta(pattern=SSCC_PATTERN)]
    lines: tuple[NoticeLine, ...] = ()


class GoodsNoticed(HubEvent, frozen=True, kw_only=True, tag="goods_noticed"):
    """Somebody announced goods (an advance shipping notice): what shall come through a gate, and which way.

    Attributes:
        trust_cartons: a carton that was seen stands for those of its contents that were not.
    """

    notice_id: Code
    gate: Slug
    direction: Direction
    lines: tuple[NoticeLine, ...] = ()
    cartons: tuple[NoticeCarton, ...] = ()
    trust_cartons: bool = True
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


class NoticeChanged(HubEvent, frozen=True, kw_only=True, tag="notice_changed"):
    """Nothing more is expected of a notice: it is complete or was closed short, or it was a mistake."""

    notice_id: Code
    gate: Slug
    state: Literal["closed", "cancelled"]
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came through a gate against what was expected. See :mod:`hub.projections.gate`.

    Attributes:
        direction: the batch's.
        notice_id: the notice it was compared with, None when none fits.
        overlaps: notice → units of it in this batch, the candidates among which it was chosen.
        expected: seen, and the notice asks for it.
        by_carton: not seen, and its carton was.
        by_carton_units: SKU → such units.
        missing: the notice asks for it and it has not come.
        missing_units: SKU → such units.
        missing_cartons: SSCCs.
        unexpected: seen, and the notice does not ask for it.
        undecided: nobody can say which way it went.
        undecided_expected: those of them that the notice asks for.
        other_way: went against the batch's direction.
        turned: came into the gate and went back.
        taken_units: SKU → units of the notice's quantities that this batch uses up.
    """

    direction: Direction
    notice_id: str | None = None
    overlaps: dict[str, int] = {}
    expected: tuple[EpcHex, ...] = ()
    by_carton: tuple[EpcHex, ...] = ()
    by_carton_units: dict[str, int] = {}
    missing: tuple[EpcHex, ...] = ()
    missing_units: dict[str, int] = {}
    missing_cartons: tuple[str, ...] = ()
    unexpected: tuple[EpcHex, ...] = ()
    undecided: tuple[EpcHex, ...] = ()
    undecided_expected: tuple[EpcHex, ...] = ()
    other_way: tuple[EpcHex, ...] = ()
    turned: tuple[EpcHex, ...] = ()
    taken_units: dict[str, int] = {}


class GateConfirmed(HubEvent, frozen=True, kw_only=True, tag="gate_confirmed"):
    """A person confirmed a batch: what of it counts, and the verdict as it stood then.

    Attributes:
        at: when the batch was confirmed.
        accepted: EPCs that count, cartons and those by carton included.
        accepted_units: SKU → units that count without an EPC.
        rejected: EPCs that do not count.
        taken_units: SKU → units of the notice's quantities that this uses up.
    """

    batch_id: Slug
    gate: Slug
    by: Annotated[str, msgspec.Meta(max_length=200)]
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    verdict: Verdict
    accepted: tuple[EpcHex, ...] = ()
    accepted_units: dict[str, int] = {}
    rejected: tuple[EpcHex, ...] = ()
    taken_units: dict[str, int] = {}


class Adjusted(HubEvent, frozen=True, kw_only=True, tag="adjusted"):
    """Staff corrected a stock figure by ``quantity`` units (negative for missing ones).

    Attributes:
        counted: what was counted, when the correction comes from a stock-take.
    """

    adjustment_id: Code
    code: Code
    quantity: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
    zone: Slug | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    counted: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


BindingWay = Literal["file", "api", "station", "receipt", "tid"]

TidHex = Annotated[str, msgspec.Meta(pattern=EPC_PATTERN, description="TID as upper-case hex")]


class TagBound(HubEvent, frozen=True, kw_only=True, tag="tag_bound"):
    """A tag stands for a product from now on: by its EPC, by its chip's number, or both.

    Attributes:
        way: a file, a person or program over the API, an enrolment station, goods received by EPC, or a
            tag with a known TID that was presented.
        code: the barcode that was scanned for it.
    """

    sku: Code
    epc: EpcHex | None = None
    tid: TidHex | None = None
    way: BindingWay
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""
    code: Annotated[str, msgspec.Meta(max_length=200)] = ""


class TagUnbound(HubEvent, frozen=True, kw_only=True, tag="tag_unbound"):
    """A tag stands for no product any more, as far as bindings tell."""

    epc: EpcHex | None = None
    tid: TidHex | None = None
    way: BindingWay = "api"
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


CountWay = Literal["handheld", "fixed", "scanner", "hand"]

MAX_COUNTED: Final = 5_000
"""Tags or lines of one batch of a stock-take."""


class TagSeen(msgspec.Struct, frozen=True, array_like=True):
    """A tag that was read during a count, and when it was read last."""

    epc: EpcHex
    at: Millis


class TagPlaced(msgspec.Struct, frozen=True, array_like=True):
    """A tag that a count found: the zone where it was read last, and when."""

    epc: EpcHex
    at: Millis
    zone: Slug


class CountedUnits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units counted under one code."""

    code: Code
    quantity: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class StockTakeOpened(HubEvent, frozen=True, kw_only=True, tag="stock_take_opened"):
    """A stock-take was begun. It changes no stock.

    Attributes:
        zones: what is to be counted; empty for the whole store.
    """

    stock_take_id: Code
    zones: tuple[Slug, ...] = ()
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


class StockCounted(HubEvent, frozen=True, kw_only=True, tag="stock_counted"):
    """One batch of a count, ended at ``at``: tags, or units by code. It changes no stock.

    Attributes:
        batch_id: the counter's own; the same batch again adds nothing.
        started_at: when the count of the zone began.
        way: ``handheld`` and ``fixed`` readers count tags, and none says that nothing was there; ``scanner``
            and ``hand`` count units, of the codes that are named and no others.
    """

    stock_take_id: Code
    batch_id: Code
    zone: Slug
    way: CountWay
    started_at: Millis
    tags: Annotated[tuple[TagSeen, ...], msgspec.Meta(max_length=MAX_COUNTED)] = ()
    lines: Annotated[tuple[CountedUnits, ...], msgspec.Meta(max_length=MAX_COUNTED)] = ()
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Misplaced(msgspec.Struct, frozen=True, kw_only=True):
    """A tag found in another zone than the ledger had it in."""

    epc: EpcHex
    expected_zone: Slug


class VarianceLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a count found of one SKU in one zone, beside what the ledger expected when it was counted.

    Attributes:
        sku: None for tags that nothing names.
        zone: None for units in no zone: in hand, or nobody knows where.
        counted: None when this SKU was not counted here; it stays as it is.
        difference: ``counted - expected``.
        moved: the part of the difference that sightings during the count explain.
        missing: tags that were expected and not read anywhere.
        unexpected: tags that were read and that the ledger had in no zone.
        misplaced: tags that were read here and that the ledger had elsewhere.
        price: per unit, as of the closing.
        value: ``difference`` at that price.
    """

    sku: str | None
    zone: str | None
    expected: int
    counted: int | None
    difference: int | None
    moved: int = 0
    missing: tuple[EpcHex, ...] = ()
    unexpected: tuple[EpcHex, ...] = ()
    misplaced: tuple[Misplaced, ...] = ()
    price: float | None = None
    value: float | None = None


class ZoneCounted(msgspec.Struct, frozen=True, kw_only=True):
    """A zone whose tags were all read from ``started_at`` on.

    Attributes:
        zone: empty for what is in no zone, when the whole store was counted.
    """

    zone: Annotated[str, msgspec.Meta(max_length=64)]
    started_at: Millis


class UnitsAnchored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of a SKU counted in a zone.

    Attributes:
        zone: None for what is in no zone, when the whole store was counted.
        at: when it was counted.
        expected: what the ledger expected there; for a tagged SKU whose zone was read, the pieces without tag.
        tray_units: what the trays of the zone said then, None where there is none.
    """

    sku: Code
    zone: Slug | None = None
    at: Millis
    units: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
    expected: int = 0
    tray_units: int | None = None


class StockTakeClosed(HubEvent, frozen=True, kw_only=True, tag="stock_take_closed"):
    """Counting ended; the variance is what the approver is shown. It changes no stock.

    Attributes:
        zones, units, whole: what an approval will post.
        not_counted: zones that were to be counted and have no batch; for the whole store, zones in which the
            ledger has items whose tags nobody read. The whole store is then not anchored.
    """

    stock_take_id: Code
    lines: tuple[VarianceLine, ...]
    zones: tuple[ZoneCounted, ...] = ()
    units: tuple[UnitsAnchored, ...] = ()
    whole: bool = False
    not_counted: tuple[Slug, ...] = ()
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


class StockTakeApproved(HubEvent, frozen=True, kw_only=True, tag="stock_take_approved"):
    """A person approved the count: from its own time on it is what on-hand starts from.

    Attributes:
        whole: the whole store was counted, so that what is in no zone starts anew as well.
    """

    stock_take_id: Code
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    zones: tuple[ZoneCounted, ...] = ()
    units: tuple[UnitsAnchored, ...] = ()
    whole: bool = False


class TagsCounted(HubEvent, frozen=True, kw_only=True, tag="tags_counted"):
    """Tags that an approved stock-take found: each was in its zone when it was read."""

    stock_take_id: Code
    tags: tuple[TagPlaced, ...]


class StockTakeCancelled(HubEvent, frozen=True, kw_only=True, tag="stock_take_cancelled"):
    """A stock-take was given up. It changes no stock."""

    stock_take_id: Code
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


OrderState = Literal["proposed", "approved", "sent", "in_transit", "received", "refused", "cancelled"]

OPEN_STATES: Final[tuple[OrderState, ...]] = ("proposed", "approved", "sent", "in_transit")


class OrderDecided(HubEvent, frozen=True, kw_only=True, tag="order_decided"):
    """A planning rule looked at a SKU and ordered, or not; either way it says why.

    Attributes:
        order_id: the order that came of it, None when nothing is ordered.
        position: ledger position the rule read.
        inputs: every figure the rule used, by name.
        reason: stable word, for example ``below_need``, ``enough_stock``, ``blind_zone``.
        constraint: what bound the quantity, for example ``case_pack``; empty for nothing.
    """

    sku: Code
    quantity: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
    order_id: Code | None = None
    rule: Code
    rule_version: int
    reason: Code
    constraint: str = ""
    inputs: dict[str, float | int | str | bool | None] = {}
    position: int = 0


class OrderChanged(HubEvent, frozen=True, kw_only=True, tag="order_changed"):
    """An order went from one state to the next."""

    order_id: Code
    state: OrderState
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


AnyHubEvent: TypeAlias = (
    Sale
    | Returned
    | GoodsReceived
    | GoodsDispatched
    | GoodsNoticed
    | NoticeChanged
    | GateConfirmed
    | Adjusted
    | StockTakeOpened
    | StockCounted
    | StockTakeClosed
    | StockTakeApproved
    | TagsCounted
    | StockTakeCancelled
    | TagBound
    | TagUnbound
    | OrderDecided
    | OrderChanged
)
AnyEvent: TypeAlias = AnyObservation | AnyHubEvent

PARKED: Final = "parked"
"""Ledger kind of a line nobody could read; it has a digest and no effect."""


class Recorded(NamedTuple):
    """An event and where it stands in the ledger."""

    store: str
    stream: str
    seq: int
    event: AnyEvent


_ENCODER: Final = msgspec.json.Encoder()
_HUB_EVENT: Final = msgspec.json.Decoder(AnyHubEvent)


def encode_hub_event(event: AnyHubEvent) -> bytes:
    """Return the one line that stands for this event in the ledger."""
    return _ENCODER.encode(event)


def decode_hub_event(line: bytes) -> AnyHubEvent:
    """Read a hub event line.

    Raises:
        MessageError: ``bad_event`` naming the field and what was expected.
    """
    try:
        event: AnyHubEvent = _HUB_EVENT.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MessageError("bad_event", str(error)) from error
    return event


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    Attributes:
        unit_weight_g: for trays.
        case_pack: units per case; orders are whole cases.
        lead_time_days: from order to shelf.
    """

    sku: Code
    name: Code
    name_zh: str | None = None
    gtin: str | None = None
    unit_weight_g: float | None = None
    case_pack: int = 1
    lead_time_days: float = 3.0
    price: float | None = None


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone of the floor plan; sizes in metres."""

    zone: str
    name: str = ""
    name_zh: str | None = None
    kind: str = "shelf"
    x: float = 0.0
    y: float = 0.0
    w: float = 1.0
    h: float = 1.0


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A gate for goods.

    Attributes:
        zone: where goods stand that came in; None for the store's back room.
        device: the reader whose outputs light a stack light.
        ok_output, doubt_output: its ports, from 1.
    """

    gate: str
    name: str = ""
    name_zh: str | None = None
    zone: str | None = None
    device: str | None = None
    ok_output: int | None = None
    doubt_output: int | None = None


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """A store: its name, hours and plan.

    Attributes:
        opens, closes: local times ``HH:MM``; closing at or before opening means after midnight.
        time_zone: IANA name.
    """

    store: str
    name: str = ""
    name_zh: str | None = None
    time_zone: str = "UTC"
    opens: str = "10:00"
    closes: str = "22:00"
    currency: str = "CNY"
    zones: tuple[Zone, ...] = ()
    gates: tuple[Gate, ...] = ()
