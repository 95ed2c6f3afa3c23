"""One batch of a gate: its figures, what a person has to look at, and the two taps that book it.

The first tap says what of the doubtful tags counts: all, none, or each by itself; without doubtful tags it just
asks. The second tap books. The hub takes the same word twice as one, so a second tap on a slow line is harmless.
"""

from typing import Final, Literal

import pyarrow as pa
import streamlit as st

from dashboard.gate import LISTS, FullBatch, GateTag
from dashboard.sections.choosing import BY, Names, ago, card, product_name, tell
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, narrowed
from dashboard.words import DASH, Words, isolated, plain

SECTION: Final = "gate"
PENDING: Final = "gate_pending"
"""Session key: (batch, mode) after the first tap."""

ROWS_SHOWN: Final = 100
Mode = Literal["all", "expected", "each"]


def draw_batch(screen: Screen, snapshot: Snapshot, batch: FullBatch, names: Names) -> None:
    """Draw a batch with its buttons, then its lists."""
    words, head = screen.words, batch.head
    key = card("batch", head.batch_id)
    with st.container(border=True, key=f"card_{key}", gap="small"):
        with st.container(key=f"headline_{key}"):
            way = head.direction or "none"
            st.text(words(f"gate.headline_{way}", gate=isolated(head.gate)))
        with st.container(key=f"small_{key}"):
            at = words(
                "gate.when", at=words.moment(head.ended_ms, screen.now_ms), ago=ago(screen, head.ended_ms)
            )
            meant = (
                words("gate.against", notice=isolated(head.notice_id))
                if head.notice_id is not None
                else words("gate.against_none")
            )
            st.text(f"{at} · {meant}")
        _state(screen, batch)
        with st.grid(min_column_width=120, gap="small"):
            for name in ("expected", "missing", "unexpected", "undecided"):
                count = head.counts.get(name, 0) + (
                    head.counts.get("by_carton", 0) if name == "expected" else 0
                )
                st.metric(words(f"gate.{name}"), words.number(count))
        if head.state == "waiting":
            _buttons(screen, snapshot.store.store, batch, key)
    for name in LISTS:
        _list(screen, batch, name, names)


def _state(screen: Screen, batch: FullBatch) -> None:
    words, head = screen.words, batch.head
    if head.state == "confirmed":
        st.success(words("gate.confirmed", at=words.moment(head.confirmed_ms, screen.now_ms)))
    elif head.state == "incomplete":
        st.info(words("gate.incomplete"), icon=":material/hourglass_top:")
    elif head.state == "lapsed":
        st.info(words("gate.lapsed"), icon=":material/history:")
    elif head.light == "ok":
        st.success(words("gate.ok"), icon=":material/check_circle:")
    elif head.light == "doubt":
        st.warning(words("gate.doubt"), icon=":material/front_hand:")
    else:
        st.info(words("gate.empty"))


def pending_batch() -> str | None:
    """Return the batch that somebody is about to book."""
    pending: tuple[str, Mode] | None = st.session_state.get(PENDING)
    return pending[0] if pending is not None else None


def _buttons(screen: Screen, store: str, batch: FullBatch, key: str) -> None:
    words, batch_id = screen.words, batch.head.batch_id
    doubtful = frozenset(tag.epc for tag in batch.in_doubt)
    pending = st.session_state.get(PENDING)
    if pending is None or pending[0] != batch_id:
        _first_tap(words, batch, key, doubtful)
        return
    accepted = {"all": doubtful, "expected": frozenset[str](), "each": frozenset[str]()}[pending[1]]
    if pending[1] == "each":
        names = {tag.epc: _name(words, tag) for tag in batch.in_doubt}
        chosen = st.multiselect(
            words("gate.choose"), list(names), format_func=lambda epc: names.get(epc, epc), key=f"each_{key}"
        )
        accepted = frozenset(chosen)
    with st.container(horizontal=True, key=f"buttons_{key}"):
        way = batch.head.direction or "in"
        st.button(
            words(f"gate.sure_{way}", n=words.number(batch.units(accepted))), key=f"sure_{key}", type="primary",
            icon=":material/check:", on_click=_book, args=(screen, store, batch_id, accepted, doubtful - accepted),
        )  # fmt: skip
        st.button(words("orders.back"), key=f"back_{key}", on_click=_choose, args=(None,))


def _first_tap(words: Words, batch: FullBatch, key: str, doubtful: frozenset[str]) -> None:
    batch_id = batch.head.batch_id
    most, least = (words.number(batch.units(chosen)) for chosen in (doubtful, frozenset[str]()))
    with st.container(horizontal=True, key=f"buttons_{key}"):
        if not doubtful:
            st.button(
                words("gate.book", n=least), key=f"book_{key}", type="primary", on_click=_choose, args=((batch_id, "expected"),)
            )  # fmt: skip
            return
        st.button(
            words("gate.book_all", n=most), key=f"all_{key}", on_click=_choose, args=((batch_id, "all"),)
        )
        st.button(
            words("gate.book_expected", n=least), key=f"expected_{key}", on_click=_choose, args=((batch_id, "expected"),)
        )  # fmt: skip
        st.button(words("gate.book_each"), key=f"open_{key}", on_click=_choose, args=((batch_id, "each"),))


def _choose(pending: tuple[str, Mode] | None) -> None:
    st.session_state[PENDING] = pending


def _book(screen: Screen, store: str, batch_id: str, accept: frozenset[str], reject: frozenset[str]) -> None:
    st.session_state[PENDING] = None
    tell(
        screen,
        SECTION,
        "",
        lambda client: client.confirm_batch(
            store, batch_id, accept=sorted(accept), reject=sorted(reject), by=BY
        ),
        "gate.booked",
    )


def _name(words: Words, tag: GateTag) -> str:
    if tag.sscc is not None:
        return words("gate.carton", sscc=plain(tag.sscc))
    return (
        f"{isolated(words.name(tag.name, tag.name_zh, tag.sku))} · {plain(tag.epc)}"
        if tag.sku
        else plain(tag.epc)
    )


def _list(screen: Screen, batch: FullBatch, name: str, names: Names) -> None:
    """Draw one list of the verdict: tags, then units without a tag; nothing when it is empty."""
    words, tags = screen.words, batch.tags[name]
    units = {"missing": batch.missing_units, "by_carton": batch.by_carton_units}.get(name, {})
    cartons = batch.missing_cartons if name == "missing" else ()
    rows = [
        (words.name(tag.name, tag.name_zh, tag.sku) if tag.sku else DASH, plain(tag.epc), 1)
        for tag in tags
        if tag.sscc is None
    ]
    rows += [
        (words("gate.carton", sscc=plain(tag.sscc)), plain(tag.epc), 1)
        for tag in tags
        if tag.sscc is not None
    ]
    rows += [(product_name(words, names, sku), DASH, count) for sku, count in units.items()]
    rows += [(words("gate.carton", sscc=plain(sscc)), DASH, 1) for sscc in cartons]
    if not rows:
        return
    total = sum(count for *_, count in rows)
    st.subheader(words("gate.list_count", list=words(f"gate.{name}"), n=words.number(total)), anchor=False)
    label = words("stock.product")
    products = [product for product, *_ in rows[:ROWS_SHOWN]]
    table = pa.table(
        {
            label: products,
            words("gate.units"): pa.array([count for *_, count in rows[:ROWS_SHOWN]], pa.int64()),
            words("gate.tag"): [epc for _, epc, _ in rows[:ROWS_SHOWN]],
        }
    )
    st.dataframe(
        table, hide_index=True, key=f"list_{name}", lazy=False, column_config=narrowed(label, products)
    )  # fmt: skip
    if len(rows) > ROWS_SHOWN:
        st.caption(words("gate.more", n=words.number(len(rows) - ROWS_SHOWN)))
