"""Orders: each proposal with its arithmetic, approved or refused in two taps; and why nothing else is ordered.

Proposals stand in an untimed block, so that nothing moves under a finger; the timed block below asks for
a new drawing only when the set of proposals differs from the one on the screen. The hub takes a repeated
answer as the same one, so tapping twice, or again after a lost connection, orders once.
"""

from typing import Literal

import pyarrow as pa
import streamlit as st

from dashboard.client import HubRefusedError, HubUnreachableError
from dashboard.figures import refusals, to_approve
from dashboard.snapshot import Decision, Order, Snapshot
from dashboard.view import Screen, live, look, named
from dashboard.words import DASH, plain

BY = "dashboard"
PENDING = "pending"
SAID = "said"
SHOWN = 50
REFRESH_S = 3.0

Action = Literal["approve", "refuse"]


def proposals() -> None:
    """Draw the orders that wait for a person."""
    screen = look()
    snapshot = screen.snapshot
    if snapshot is None:
        return
    words = screen.words
    waiting = to_approve(snapshot)
    st.session_state["drawn"] = [order.order_id for order in waiting]
    st.subheader(words("orders.waiting"), anchor=False)
    said = st.session_state.pop(SAID, None)
    if said is not None:
        show = st.success if said in ("orders.done_approve", "orders.done_refuse") else st.error
        show(words(said))
    if not waiting:
        st.info(words("orders.none_waiting"), icon=":material/done_all:")
    reasons = {one.order_id: one for one in snapshot.decisions if one.order_id is not None}
    with st.grid(min_column_width=330, gap="small"):
        for order in waiting[:SHOWN]:
            _proposal(screen, snapshot, order, reasons.get(order.order_id))


def _proposal(screen: Screen, snapshot: Snapshot, order: Order, decision: Decision | None) -> None:
    words, key = screen.words, order.order_id
    line = next((one for one in snapshot.lines if one.sku == order.sku), None)
    name = named(screen, line.name if line else None, line.name_zh if line else None, order.sku)
    with st.container(border=True, key=f"card_{key}", gap="small"):
        with st.container(key=f"headline_{key}"):
            st.text(words("orders.headline", quantity=words.number(order.quantity), name=name))
        with st.container(key=f"small_{key}"):
            parts = [
                words(
                    "orders.proposed_at",
                    at=words.moment(order.decided_ms, screen.now_ms),
                    rule=plain(decision.rule if decision else order.by),
                    version=decision.rule_version if decision else DASH,
                )
            ]
            if line is not None and line.price is not None:
                parts.append(words("orders.worth", amount=words.money(line.price * order.quantity)))
            st.text(" · ".join(parts))
        if decision is None:
            st.text(words("orders.no_sum"))
        else:
            st.text(explanation(screen, decision))
            with st.expander(words("orders.all_inputs"), key=f"inputs_{key}"):
                st.dataframe(
                    inputs_table(screen, decision), hide_index=True, key=f"figures_{key}", lazy=False
                )
        _buttons(screen, snapshot, order)


def explanation(screen: Screen, decision: Decision) -> str:
    """Return the arithmetic and what bound it, as sentences."""
    words, inputs = screen.words, decision.inputs
    reason = words.maybe(f"reason.{decision.reason}", plain(decision.reason))
    bound = words.maybe(f"constraint.{decision.constraint}", plain(decision.constraint))
    figures = {
        name: words.number(inputs[field]) if isinstance(inputs.get(field), int | float) else DASH
        for name, field in (
            ("sold", "sold_units"), ("days", "window_days"), ("lead", "lead_time_days"), ("need", "need"),
            ("position", "inventory_position"), ("on_hand", "on_hand"), ("on_order", "on_order"), ("in_transit", "in_transit"),
        )
    }  # fmt: skip
    sentence = words("orders.sum", **figures)
    if not bound:
        return words("orders.why", reason=reason, sum=sentence)
    return words("orders.why_bound", reason=reason, bound=bound, sum=sentence)


def inputs_table(screen: Screen, decision: Decision) -> pa.Table:
    """Return every figure the rule used."""
    words = screen.words
    names = [words.maybe(f"input.{name}", plain(name)) for name in decision.inputs]
    values = []
    for value in decision.inputs.values():
        if isinstance(value, bool):
            values.append(words("input.yes" if value else "input.no"))
        elif isinstance(value, int | float):
            values.append(words.number(value))
        else:
            values.append(plain(str(value or "")) or DASH)
    return pa.table({words("orders.figure"): names, words("orders.value"): values})


def _buttons(screen: Screen, snapshot: Snapshot, order: Order) -> None:
    words, key = screen.words, order.order_id
    pending = st.session_state.get(PENDING)
    with st.container(horizontal=True, key=f"buttons_{key}"):
        if pending == (key, "approve") or pending == (key, "refuse"):
            action: Action = pending[1]
            st.button(
                words(f"orders.confirm_{action}"), key=f"confirm_{key}", type="primary", icon=":material/check:",
                on_click=_decide, args=(screen, snapshot.store.store, key, action),
            )  # fmt: skip
            st.button(words("orders.back"), key=f"back_{key}", on_click=_choose, args=(None,))
            return
        st.button(
            words("orders.approve"), key=f"approve_{key}", type="primary", on_click=_choose, args=((key, "approve"),)
        )  # fmt: skip
        st.button(words("orders.refuse"), key=f"refuse_{key}", on_click=_choose, args=((key, "refuse"),))


def _choose(pending: tuple[str, Action] | None) -> None:
    st.session_state[PENDING] = pending


def _decide(screen: Screen, store: str, order_id: str, action: Action) -> None:
    try:
        screen.poller.client.decide(store, order_id, action, by=BY)
        said = f"orders.done_{action}"
    except HubRefusedError:
        said = "orders.refused_by_hub"
    except HubUnreachableError:
        st.session_state[SAID] = "orders.not_reached"
        return
    st.session_state[PENDING], st.session_state[SAID] = None, said
    screen.poller.refresh(REFRESH_S)


def draw(screen: Screen, snapshot: Snapshot) -> None:
    """Draw what changes by itself: decisions not to order, and the orders so far."""
    if st.session_state.get("drawn") != [order.order_id for order in to_approve(snapshot)]:
        st.rerun(scope="app")
    words = screen.words
    names = {line.sku: words.name(line.name, line.name_zh, line.sku) for line in snapshot.lines}
    st.subheader(words("orders.not_now"), anchor=False)
    decisions = refusals(snapshot, SHOWN)
    if decisions:
        st.dataframe(
            _decision_table(screen, decisions, names),
            hide_index=True,
            placeholder=DASH,
            key="why",
            lazy=False,
        )
    else:
        st.info(words("orders.no_decisions"), icon=":material/psychology:")
    st.subheader(words("orders.history"), anchor=False)
    past = [order for order in snapshot.orders if order.state != "proposed"][:SHOWN]
    if not past:
        st.caption(words("orders.no_orders"))
        return
    table = pa.table(
        {
            words("orders.when"): [words.moment(order.changed_ms, screen.now_ms) for order in past],
            words("stock.product"): [names.get(order.sku, plain(order.sku)) for order in past],
            words("orders.quantity"): pa.array([order.quantity for order in past], pa.int64()),
            words("orders.state"): [
                words.maybe(f"order.{order.state}", plain(order.state)) for order in past
            ],
            words("orders.by"): [plain(order.by) or DASH for order in past],
        }
    )
    st.dataframe(table, hide_index=True, key="past", lazy=False)


def _decision_table(screen: Screen, decisions: list[Decision], names: dict[str | None, str]) -> pa.Table:
    words = screen.words

    def figure(decision: Decision, field: str) -> float | None:
        value = decision.inputs.get(field)
        return float(value) if isinstance(value, int | float) else None

    return pa.table(
        {
            words("orders.when"): [words.moment(one.at_ms, screen.now_ms) for one in decisions],
            words("stock.product"): [names.get(one.sku, plain(one.sku)) for one in decisions],
            words("orders.reason"): [
                words.maybe(f"reason.{one.reason}", plain(one.reason)) for one in decisions
            ],
            words("orders.need"): [words.number(figure(one, "need")) for one in decisions],
            words("orders.there"): [words.number(figure(one, "inventory_position")) for one in decisions],
            words("orders.bound"): [
                words.maybe(f"constraint.{one.constraint}", plain(one.constraint)) or DASH
                for one in decisions
            ],
        }
    )


age = st.container()
st.fragment(proposals, key="proposals")()
live(draw, age_in=age)
