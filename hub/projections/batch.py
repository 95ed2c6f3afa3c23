"""One batch of recorded events, folded: what it adds to every read table.

:class:`Batch` dispatches each event to the folds that care and keeps one delta per touched row, so the
ledger merges a row once per batch however many events touched it. Deltas merge with what is stored by
the same laws (a register by key, a sum, a set), therefore the cut into batches does not show.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from contract.messages import (
    Alert,
    BarcodeScanned,
    Blind,
    DeviceHealth,
    Disagreement,
    GateBatch,
    InputChanged,
    LabelShown,
    PeopleCounted,
    Rejected,
    TagArrived,
    TagMoved,
    TagPickedUp,
    TagPresented,
    TagPutBack,
    TryOnEnded,
    TryOnStarted,
    WeightChanged,
)
from hub.model import (
    Adjusted,
    AnyEvent,
    GateConfirmed,
    GoodsDispatched,
    GoodsNoticed,
    GoodsReceived,
    NoticeChanged,
    OrderChanged,
    OrderDecided,
    Returned,
    Sale,
    StockCounted,
    StockTakeApproved,
    StockTakeCancelled,
    StockTakeClosed,
    StockTakeOpened,
    TagBound,
    TagsCounted,
    TagUnbound,
)
from hub.projections import footfall, gate, heat, items, trays, try_on

Row: TypeAlias = tuple[Any, ...]
Handler: TypeAlias = Callable[[Any, str, str, int, int, Any], None]
_SOLD: Final = "sold"
_RETURNED: Final = "returned"
_RECEIVED: Final = "received"
_ADJUSTED: Final = "adjusted"
_DISPATCHED: Final = "dispatched"


class Batch:
    """Deltas per read table, keyed by that table's key.

    Tables that only grow are lists of whole rows; the others are dictionaries from key to state.
    """

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], items.ItemState] = {}
        self.trays: dict[tuple[str, str], trays.TrayState] = {}
        self.plates: dict[tuple[str, str, str], trays.TrayState] = {}
        self.heat: dict[tuple[str, str, int], list[int]] = {}
        self.footfall: dict[tuple[str, str, int], footfall.Sums] = {}
        self.device_states: dict[tuple[str, str, str], Row] = {}
        self.device_rejects: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.try_ons: list[Row] = []
        self.fitting_trials: dict[tuple[str, try_on.TrialKey], try_on.TrialState] = {}
        self.placements: list[Row] = []
        self.blind_spans: list[Row] = []
        self.alerts: list[Row] = []
        self.movements: list[Row] = []
        self.bindings: dict[str, Row] = {}
        self.tid_bindings: dict[str, Row] = {}
        self.binding_log: list[Row] = []
        self.scans: dict[tuple[str, str], Row] = {}
        self.presented: dict[tuple[str, str, str, str], Row] = {}
        self.labels_shown: dict[tuple[str, str], Row] = {}
        self.stock_takes: list[Row] = []
        self.stock_take_changes: list[Row] = []
        self.stock_batches: list[Row] = []
        self.zone_anchors: dict[tuple[str, str], Row] = {}
        self.counts: list[Row] = []
        self.disagreements: list[Row] = []
        self.gate_parts: dict[tuple[str, str, int], Row] = {}
        self.notices: list[Row] = []
        self.notice_changes: list[Row] = []
        self.gate_confirmations: list[Row] = []
        self.gates: dict[tuple[str, str], set[str]] = {}
        self.decisions: list[Row] = []
        self.orders: list[Row] = []
        self.order_changes: list[Row] = []

    def add(self, store: str, stream: str, seq: int, position: int, event: AnyEvent) -> None:
        """Fold one event that stands at ``position`` of the ledger."""
        self._HANDLERS[type(event)](self, store, stream, seq, position, event)

    def _tag(self, store: str, stream: str, seq: int, _position: int, event: items.TagEvent) -> None:
        key = (store, event.epc)
        self.items[key] = items.fold(self.items.get(key), event, stream, seq)
        place = (store, event.zone, event.at - event.at % footfall.BUCKET_MS)
        sums = self.heat.get(place)
        if sums is None:
            sums = self.heat[place] = [0, 0, 0]
        sums[heat.COLUMN[type(event)]] += 1

    def _placed(self, store: str, stream: str, seq: int, position: int, event: TagArrived | TagMoved) -> None:
        self._tag(store, stream, seq, position, event)
        self.placements.append((store, stream, seq, event.epc, event.zone, event.at))

    def _put_back(self, store: str, stream: str, seq: int, position: int, event: TagPutBack) -> None:
        self._tag(store, stream, seq, position, event)
        outcome = try_on.outcome_of(event.picked_at, event.at)
        self.try_ons.append(
            (store, stream, seq, event.epc, event.from_zone, event.zone, event.picked_at, event.at, outcome)
        )

    def _trial(
        self, store: str, _stream: str, _seq: int, _position: int, event: TryOnStarted | TryOnEnded
    ) -> None:
        key = (store, try_on.key_of(event))
        self.fitting_trials[key] = try_on.merge(self.fitting_trials.get(key), try_on.state_of(event))

    def _weight(self, store: str, stream: str, seq: int, _position: int, event: WeightChanged) -> None:
        state = trays.from_weight(event, stream, seq)
        if state is not None:
            key = (store, event.device)
            self.trays[key] = trays.merge(self.trays.get(key), state)
        for sku, on_plate in trays.from_plate(event, stream, seq).items():
            place = (store, event.device, sku)
            self.plates[place] = trays.merge(self.plates.get(place), on_plate)

    def _disagreement(self, store: str, stream: str, seq: int, _position: int, event: Disagreement) -> None:
        figures = (event.rfid_units, event.weight_units, event.weight_g, " ".join(event.epcs))
        where = (store, stream, seq, event.zone, event.device, event.why, event.since, event.at)
        self.disagreements.append((*where, *figures, msgspec.json.encode(event.skus).decode()))

    def _people(self, store: str, _stream: str, _seq: int, _position: int, event: PeopleCounted) -> None:
        key = (store, event.line, footfall.bucket_of(event.at))
        self.footfall[key] = footfall.add(self.footfall.get(key, footfall.Sums()), footfall.sums_of(event))

    def _health(self, store: str, stream: str, seq: int, _position: int, event: DeviceHealth) -> None:
        key = (store, event.device, event.state)
        row = (event.at, stream, seq, " ".join(event.zones), event.reads, event.rejects, event.detail)
        known = self.device_states.get(key)
        if known is None or row[:3] > known[:3]:
            self.device_states[key] = row

    def _blind(self, store: str, stream: str, seq: int, _position: int, event: Blind) -> None:
        self.blind_spans.append(
            (store, stream, seq, event.device, event.since, event.at, " ".join(event.zones), event.reason)
        )

    def _no_fold(self, _store: str, _stream: str, _seq: int, _position: int, _event: Any) -> None:
        """The event stands in the ledger; no table shows it."""

    def _rejected(self, store: str, _stream: str, _seq: int, _position: int, event: Rejected) -> None:
        key = (store, event.device, event.reason)
        count, last = self.device_rejects.get(key, (0, 0))
        self.device_rejects[key] = (count + footfall.plausible(event.count), max(last, event.at))

    def _alert(self, store: str, stream: str, seq: int, _position: int, event: Alert) -> None:
        self.alerts.append(
            (store, event.code, stream, seq, "edge", event.device, event.text, event.at, 1, event.at)
        )

    def _sale(self, store: str, _stream: str, _seq: int, position: int, event: Sale) -> None:
        row = (event.code, event.quantity, event.at, None, event.epc, event.price, 0, None)
        self.movements.append((position, store, _SOLD, event.sale_id, event.line, *row))

    def _returned(self, store: str, _stream: str, _seq: int, position: int, event: Returned) -> None:
        row = (event.code, event.quantity, event.at, None, event.epc, event.price, 0, event.of_sale)
        self.movements.append((position, store, _RETURNED, event.return_id, event.line, *row))

    def _received(self, store: str, stream: str, seq: int, position: int, event: GoodsReceived) -> None:
        row = (event.code, event.quantity, event.at, event.zone, None, None, len(event.epcs), None)
        self.movements.append((position, store, _RECEIVED, event.receipt_id, event.line, *row))
        for epc in event.epcs:
            if event.gate is None:
                state = items.from_receipt(event.zone, stream, seq, event.at)
            else:
                state = items.from_gate(event.at, event.zone, items.RECEIVED, stream, seq)
            self.items[store, epc] = items.merge(self.items.get((store, epc)), state)

    def _dispatched(self, store: str, stream: str, seq: int, position: int, event: GoodsDispatched) -> None:
        row = (event.code, event.quantity, event.at, None, None, None, len(event.epcs), None)
        self.movements.append((position, store, _DISPATCHED, event.dispatch_id, event.line, *row))
        for epc in event.epcs:
            state = items.from_gate(event.at, None, items.DISPATCHED, stream, seq)
            self.items[store, epc] = items.merge(self.items.get((store, epc)), state)

    def _gate(self, store: str, stream: str, seq: int, _position: int, event: GateBatch) -> None:
        row = gate.row_of(event, stream, seq)
        key = (store, event.batch_id, event.part)
        known = self.gate_parts.get(key)
        if known is None or row[1:4] > known[1:4]:
            self.gate_parts[key] = row
        self.gates.setdefault((store, event.gate), set()).add(event.batch_id)

    def _noticed(self, store: str, _stream: str, _seq: int, position: int, event: GoodsNoticed) -> None:
        body = gate.encode(event)
        row = (event.gate, event.direction, "open", event.by, event.at, event.at, position, body)
        self.notices.append((store, event.notice_id, *row))
        self.gates.setdefault((store, event.gate), set())

    def _notice_changed(
        self, store: str, _stream: str, _seq: int, _position: int, event: NoticeChanged
    ) -> None:
        self.notice_changes.append((event.state, event.by, event.at, store, event.notice_id))
        self.gates.setdefault((store, event.gate), set())

    def _confirmed(self, store: str, _stream: str, _seq: int, position: int, event: GateConfirmed) -> None:
        row = (event.gate, event.verdict.notice_id, event.at, event.by, position, gate.encode(event))
        self.gate_confirmations.append((store, event.batch_id, *row))
        self.gates.setdefault((store, event.gate), set()).add(event.batch_id)

    def _adjusted(self, store: str, _stream: str, _seq: int, position: int, event: Adjusted) -> None:
        row = (event.code, event.quantity, event.at, event.zone, None, None, 0, None)
        self.movements.append((position, store, _ADJUSTED, event.adjustment_id, 1, *row))

    def _label(self, store: str, stream: str, seq: int, _position: int, event: LabelShown) -> None:
        row = (event.at, stream, seq, event.device, event.sku, event.price, event.currency)
        known = self.labels_shown.get((store, event.mac))
        if known is None or row[:3] > known[:3]:
            self.labels_shown[store, event.mac] = row

    def _scanned(self, store: str, stream: str, seq: int, _position: int, event: BarcodeScanned) -> None:
        known = self.scans.get((store, stream))
        if known is None or seq > known[-1]:
            self.scans[store, stream] = (event.device, event.code, event.at, seq)

    def _presented(self, store: str, stream: str, seq: int, _position: int, event: TagPresented) -> None:
        key = (store, stream, event.epc, event.tid or "")
        known = self.presented.get(key)
        if known is None or seq > known[-1]:
            self.presented[key] = (event.device, event.at, seq)

    def _take_opened(
        self, store: str, _stream: str, _seq: int, position: int, event: StockTakeOpened
    ) -> None:
        zones = " ".join(event.zones)
        self.stock_takes.append(
            (store, event.stock_take_id, "open", zones, event.by, event.note, event.at, event.at, "", position, None)
        )  # fmt: skip

    def _counted(self, store: str, _stream: str, _seq: int, position: int, event: StockCounted) -> None:
        row = (event.zone, event.way, event.started_at, event.at, event.by, position)
        self.stock_batches.append((store, event.stock_take_id, event.batch_id, *row))
        self._take_to("counting", store, event, event.by, None)

    def _take_closed(
        self, store: str, _stream: str, _seq: int, position: int, event: StockTakeClosed
    ) -> None:
        self._take_to("closed", store, event, event.by, position)

    def _take_cancelled(
        self, store: str, _stream: str, _seq: int, _position: int, event: StockTakeCancelled
    ) -> None:
        self._take_to("cancelled", store, event, event.by, None)

    def _take_approved(
        self, store: str, stream: str, seq: int, position: int, event: StockTakeApproved
    ) -> None:
        self._take_to("approved", store, event, event.by, None)
        for counted in event.zones:
            row = (counted.started_at, stream, seq, event.stock_take_id)
            known = self.zone_anchors.get((store, counted.zone))
            if known is None or row[:3] > known[:3]:
                self.zone_anchors[store, counted.zone] = row
        for line, one in enumerate(event.units):
            figures = (one.sku, one.zone, one.units, one.at, one.expected, one.tray_units, int(event.whole))
            self.counts.append((position, line, store, event.stock_take_id, *figures))

    def _take_to(self, state: str, store: str, event: Any, by: str, closed: int | None) -> None:
        self.stock_take_changes.append((state, event.at, by, closed, store, event.stock_take_id))

    def _tags_counted(self, store: str, stream: str, seq: int, _position: int, event: TagsCounted) -> None:
        for tag in event.tags:
            state = items.from_count(tag.zone, tag.at, stream, seq)
            self.items[store, tag.epc] = items.merge(self.items.get((store, tag.epc)), state)

    def _bound(self, store: str, _stream: str, _seq: int, position: int, event: TagBound) -> None:
        self._bind(store, position, event, event.sku, event.code)

    def _unbound(self, store: str, _stream: str, _seq: int, position: int, event: TagUnbound) -> None:
        self._bind(store, position, event, None, "")

    def _bind(
        self, store: str, position: int, event: TagBound | TagUnbound, sku: str | None, code: str
    ) -> None:
        """The last position wins: what tags stand for is decided by the hub alone, one thing after another."""
        row = (sku, event.way, event.by, event.at, position)
        if event.epc is not None:
            self.bindings[event.epc] = row
        if event.tid is not None:
            self.tid_bindings[event.tid] = row
        self.binding_log.append(
            (position, store, event.at, event.epc, event.tid, sku, event.way, event.by, code)
        )

    def _decided(self, store: str, _stream: str, _seq: int, position: int, event: OrderDecided) -> None:
        self.decisions.append((position, store, event))
        if event.order_id is not None:
            self.orders.append(
                (event.order_id, store, event.sku, event.quantity, "proposed", event.at, event.at, event.rule)
            )

    def _order(self, _store: str, _stream: str, _seq: int, _position: int, event: OrderChanged) -> None:
        self.order_changes.append((event.state, event.at, event.by, event.order_id))

    _HANDLERS: ClassVar[dict[type, Handler]] = {
        TagArrived: _placed,
        TagMoved: _placed,
        TagPickedUp: _tag,
        TagPutBack: _put_back,
        WeightChanged: _weight,
        Disagreement: _disagreement,
        PeopleCounted: _people,
        InputChanged: _no_fold,
        TryOnStarted: _trial,
        TryOnEnded: _trial,
        TagPresented: _presented,
        BarcodeScanned: _scanned,
        LabelShown: _label,
        GateBatch: _gate,
        DeviceHealth: _health,
        Blind: _blind,
        Rejected: _rejected,
        Alert: _alert,
        Sale: _sale,
        Returned: _returned,
        GoodsReceived: _received,
        GoodsDispatched: _dispatched,
        GoodsNoticed: _noticed,
        NoticeChanged: _notice_changed,
        GateConfirmed: _confirmed,
        Adjusted: _adjusted,
        StockTakeOpened: _take_opened,
        StockCounted: _counted,
        StockTakeClosed: _take_closed,
        StockTakeApproved: _take_approved,
        StockTakeCancelled: _take_cancelled,
        TagsCounted: _tags_counted,
        TagBound: _bound,
        TagUnbound: _unbound,
        OrderDecided: _decided,
        OrderChanged: _order,
    }
