"""Plan a store: decide for every SKU outside the writer, commit only what still stands.

Figures are read in one snapshot and decided there. The writer reads the same figures again; a decision
whose inputs changed in between is thrown away and left to the next run, so nothing is ordered on
outdated stock. Decisions not to order are stored too; one equal to the SKU's last decision in everything
but time is not repeated, so that the history shows changes.
"""

from typing import Any, Final

import msgspec

from hub.ledger import catalogue, reads
from hub.ledger.reads import Connection
from hub.ledger.writer import Transaction
from hub.model import OrderDecided
from hub.planning.reorder import DAY_MS, RULE, VERSION, Reorder, ReorderInputs, reorder, window_days
from hub.services.stock import STALE_AFTER_MS, stock

_IN_TRANSIT: Final = "in_transit"
_OPEN: Final = ("proposed", "approved", "sent", _IN_TRANSIT)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A decision not yet committed."""

    sku: str
    inputs: ReorderInputs
    outcome: Reorder


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions for a store, read at one position."""

    store: str
    position: int
    proposals: tuple[Proposal, ...]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to.

    Attributes:
        decided: decisions stored, ``ordered`` of them with an order.
        unchanged: decisions equal to the SKU's last one.
        outdated: decisions thrown away because their inputs changed meanwhile.
    """

    decided: int
    ordered: int
    unchanged: int
    outdated: int


def plan(connection: Connection, store: str, now: int, *, stale_after_ms: int = STALE_AFTER_MS) -> Plan:
    """Decide for every product of the catalogue.

    Raises:
        NotFoundError: the store is not known.
    """
    found = stock(connection, store, now, stale_after_ms=stale_after_ms)
    days = window_days(reads.first_event_ms(connection, store), now)
    names = catalogue.naming(connection)
    sold: dict[str, int] = {}
    for row in reads.movement_rows(connection, store, "sold", since_ms=now - round(days * DAY_MS)):
        sku = names.sku_of_code(row.code)
        sold[sku] = sold.get(sku, 0) + row.quantity
    open_orders = {row.sku: row for row in reads.orders(connection, store, _OPEN)}
    lines = {line.sku: line for line in found.lines}
    proposals = []
    for sku, product in found.products.items():
        line, order = lines[sku], open_orders.get(sku)
        inputs = ReorderInputs(
            sold_units=sold.get(sku, 0),
            window_days=round(days, 3),
            lead_time_days=product.lead_time_days,
            case_pack=product.case_pack,
            on_hand=line.total,
            on_order=order.quantity if order is not None and order.state != _IN_TRANSIT else 0,
            in_transit=order.quantity if order is not None and order.state == _IN_TRANSIT else 0,
            open_order=order.order_id if order is not None else "",
            uncertain=line.uncertain,
        )
        proposals.append(Proposal(sku=sku, inputs=inputs, outcome=reorder(inputs)))
    return Plan(store=store, position=found.position, proposals=tuple(proposals))


def commit_plan(
    transaction: Transaction, planned: Plan, now: int, *, stale_after_ms: int = STALE_AFTER_MS
) -> Planned:
    """Store the decisions whose inputs still stand."""
    fresh = {
        one.sku: one
        for one in plan(transaction.connection, planned.store, now, stale_after_ms=stale_after_ms).proposals
    }
    events: list[OrderDecided] = []
    unchanged = outdated = 0
    for proposal in planned.proposals:
        again = fresh.get(proposal.sku)
        if again is None or _material(again.inputs) != _material(proposal.inputs):
            outdated += 1
        elif _is_known(transaction, planned.store, proposal):
            unchanged += 1
        else:
            events.append(_event(planned, proposal, now, number=transaction.position() + len(events) + 1))
    if events:
        transaction.append_own(planned.store, events, now)
    ordered = sum(event.order_id is not None for event in events)
    return Planned(decided=len(events), ordered=ordered, unchanged=unchanged, outdated=outdated)


def _material(inputs: ReorderInputs) -> ReorderInputs:
    """The window grows with every second; that alone does not make a decision outdated."""
    return msgspec.structs.replace(inputs, window_days=1.0)


def _is_known(transaction: Transaction, store: str, proposal: Proposal) -> bool:
    if proposal.outcome.quantity:
        return False
    last = reads.decisions(transaction.connection, store, sku=proposal.sku, limit=1)
    if not last or last[0].order_id is not None or last[0].reason != proposal.outcome.reason:
        return False
    before: dict[str, Any] = msgspec.json.decode(last[0].inputs)
    now = msgspec.to_builtins(_material(proposal.inputs))
    return all(before.get(name) == value for name, value in now.items() if name != "window_days")


def _event(planned: Plan, proposal: Proposal, now: int, *, number: int) -> OrderDecided:
    outcome = proposal.outcome
    figures = {
        **msgspec.to_builtins(proposal.inputs),
        "need": round(outcome.need, 6),
        "mean_daily_sales": round(outcome.mean_daily_sales, 6),
        "inventory_position": outcome.inventory_position,
    }
    return OrderDecided(
        at=now,
        sku=proposal.sku,
        quantity=outcome.quantity,
        order_id=f"{planned.store}-{number}" if outcome.quantity else None,
        rule=RULE,
        rule_version=VERSION,
        reason=outcome.reason,
        constraint=outcome.constraint,
        inputs=figures,
        position=planned.position,
    )
