"""Stock-takes: what is being counted, what a count found, and its approval in two taps by a person with a name.

The first tap opens the card and asks for the name, the second posts. The hub posts once, however often it is told.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import streamlit as st

from dashboard.sections.choosing import card, heading, is_open, open_card, tell
from dashboard.snapshot import Snapshot
from dashboard.stock_takes import STOCK_TAKES, StockTake, VarianceLine
from dashboard.view import Screen, narrowed
from dashboard.words import DASH, Words, plain

SECTION: Final = "stock_takes"
SHOWN: Final = 5
LINES: Final = 100
MAX_NAME: Final = 80


def draw_stock_takes(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the section; nothing while the hub has not told of any stock-take."""
    words, part = screen.words, screen.poller.part(snapshot.store.store, STOCK_TAKES)
    if not part.value:
        return
    heading(screen, SECTION, part, STOCK_TAKES, title="take.title")
    # Those that wait for a person come first, then those being counted.
    order = {"closed": 0, "counting": 1, "open": 1}
    takes = sorted(part.value, key=lambda one: order.get(one.state, 2))
    for take in takes[:SHOWN]:
        key = card("take", take.stock_take_id)
        with st.container(border=True, key=f"card_{key}", gap="small"):
            _draw(screen, snapshot, take, key)
    if len(takes) > SHOWN:
        st.caption(words("take.more", n=words.number(len(takes) - SHOWN)))


def _draw(screen: Screen, snapshot: Snapshot, take: StockTake, key: str) -> None:
    words = screen.words
    zones = zone_names(snapshot, words)
    state = words.maybe(f"take.{take.state}", plain(take.state))
    with st.container(key=f"headline_{key}"):
        st.text(f"{plain(take.stock_take_id)} · {state}")
    where = words("setup.comma").join(zones.get(zone, plain(zone)) for zone in take.zones) or words(
        "take.whole"
    )
    with st.container(key=f"small_{key}"):
        parts = [
            where,
            words(
                "take.opened",
                at=words.moment(take.opened_ms, screen.now_ms),
                by=plain(take.opened_by) or DASH,
            ),
        ]
        if take.changed_by and take.state not in ("open", "counting"):
            at = words.moment(take.changed_ms, screen.now_ms)
            parts.append(words("take.changed", state=state, at=at, by=plain(take.changed_by)))
        if take.value is not None:
            parts.append(words("take.worth", amount=words.money(take.value)))
        st.text(" · ".join(parts))
    if take.not_counted:
        names = words("setup.comma").join(zones.get(zone, plain(zone)) for zone in take.not_counted)
        with st.container(key=f"small_left_{key}"):
            st.text(words("take.not_counted", zones=names))
    if take.lines:
        _draw_lines(screen, take.lines, zones, key)
    if take.state == "closed":
        _approval(screen, snapshot.store.store, take, key)


def zone_names(snapshot: Snapshot, words: Words) -> dict[str, str]:
    """Return zone → its name in the language of the screen."""
    return {zone.zone: words.name(zone.name, zone.name_zh, zone.zone) for zone in snapshot.store.zones}


def _draw_lines(screen: Screen, lines: Sequence[VarianceLine], zones: dict[str, str], key: str) -> None:
    words = screen.words
    differing = [
        line for line in lines if line.difference or line.missing or line.unexpected or line.misplaced
    ]
    same = len(lines) - len(differing)
    if same:
        st.caption(words("take.same", n=words.number(same)))
    if differing:
        table = variance_table(screen, differing[:LINES], zones)
        product = words("stock.product")
        st.dataframe(
            table, hide_index=True, placeholder=DASH, key=f"variance_{key}", lazy=False, height="content",
            column_config=narrowed(product, table[product].to_pylist()),
        )  # fmt: skip
    if len(differing) > LINES:
        st.caption(words("take.more_lines", n=words.number(len(differing) - LINES)))


def variance_table(screen: Screen, lines: Sequence[VarianceLine], zones: dict[str, str]) -> pa.Table:
    """Return the lines as a table of texts and counts; null is not counted."""
    words = screen.words

    def units(name: str) -> pa.Array:
        return pa.array([getattr(line, name) for line in lines], pa.int64())

    def tags(name: str) -> pa.Array:
        return pa.array([" ".join(map(plain, getattr(line, name))) or None for line in lines], pa.string())

    return pa.table(
        {
            words("stock.product"): [
                words("app.unknown_items")
                if line.sku is None
                else words.name(line.name, line.name_zh, line.sku)
                for line in lines
            ],
            words("stock.where"): [
                words("take.nowhere") if line.zone is None else zones.get(line.zone, plain(line.zone))
                for line in lines
            ],
            words("take.expected"): units("expected"),
            words("take.counted"): units("counted"),
            words("take.difference"): units("difference"),
            words("take.value"): [DASH if line.value is None else words.money(line.value) for line in lines],
            words("take.missing"): tags("missing"),
            words("take.unexpected"): tags("unexpected"),
            words("take.misplaced"): tags("misplaced"),
        }
    )


def _approval(screen: Screen, store: str, take: StockTake, key: str) -> None:
    words = screen.words
    if not is_open(key):
        st.button(
            words("take.approve"), key=f"open_{key}", icon=":material/fact_check:", on_click=open_card, args=(key,)
        )  # fmt: skip
        return
    name = st.text_input(
        words("take.name"), key=f"name_{key}", max_chars=MAX_NAME, placeholder=words("take.name_hint"), live=True
    ).strip()  # fmt: skip
    with st.container(horizontal=True, key=f"buttons_{key}"):
        st.button(
            words("take.post"), key=f"post_{key}", type="primary", icon=":material/check:", disabled=not name,
            on_click=_approve, args=(screen, store, take.stock_take_id, key, name),
        )  # fmt: skip
        st.button(words("orders.back"), key=f"back_{key}", on_click=open_card, args=("",))


def _approve(screen: Screen, store: str, stock_take_id: str, key: str, name: str) -> None:
    tell(
        screen, SECTION, key, lambda client: client.approve_stock_take(store, stock_take_id, by=name), "take.posted"
    )  # fmt: skip
