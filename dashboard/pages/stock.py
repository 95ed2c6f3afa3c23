"""Stock: find a product by name, SKU or EPC; where it is, in hand, sold, and when it was last seen to move; disagreements; stock-takes."""

import pyarrow as pa
import streamlit as st

from dashboard.figures import matching, never_stocked
from dashboard.poller import Search
from dashboard.sections.disagreements import draw_disagreements
from dashboard.sections.stock_takes import draw_stock_takes
from dashboard.snapshot import Label, Snapshot, StockLine
from dashboard.view import Screen, language, live, narrowed
from dashboard.words import DASH, Words, plain

SHOWN = 100
# Letters from which on a text may be part of an EPC.
EPC_PART = 6


def query() -> str:
    """Return the text in the address."""
    text = st.session_state.get("q")
    return plain(st.query_params.get("q") if text is None else text, most=120)


def draw(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the page."""
    _draw_stock(screen, snapshot)
    with st.container(key="section_disagreements", gap="small"):
        draw_disagreements(screen, snapshot)
    with st.container(key="section_stock_takes", gap="small"):
        draw_stock_takes(screen, snapshot)


def _draw_stock(screen: Screen, snapshot: Snapshot) -> None:
    words, text = screen.words, query()
    if not snapshot.lines:
        st.info(words("stock.no_products"), icon=":material/inventory_2:")
        return
    found = matching(snapshot.lines, text)
    items = _items(screen, snapshot, text, found)
    if items is not None and items.items:
        _draw_items(screen, snapshot, items)
    if not found:
        waits = text and items is None
        st.info(words("stock.searching" if waits else "stock.nothing"), icon=":material/search:")
        return
    st.caption(words("stock.count", shown=words.number(len(found)), all=words.number(len(snapshot.lines))))
    table = stock_table(found[:SHOWN], screen, snapshot)
    product = words("stock.product")
    st.dataframe(
        table, hide_index=True, placeholder=DASH, key="lines", lazy=False, height="content",
        column_config=narrowed(product, table[product].to_pylist()),
    )  # fmt: skip
    if len(found) > SHOWN:
        st.caption(words("stock.refine", shown=words.number(SHOWN), found=words.number(len(found))))
    with st.container(key="small_note"):
        st.text(words("stock.note"))


def _items(screen: Screen, snapshot: Snapshot, text: str, found: list[StockLine]) -> Search | None:
    """Return single items when the text may be an EPC, or names nothing else, or just one product."""
    hexadecimal = len(text) >= EPC_PART and all(letter in "0123456789abcdefABCDEF" for letter in text)
    if not text or not (hexadecimal or len(found) <= 1):
        return None
    return screen.poller.search(snapshot.store.store, text)


def _zone_names(snapshot: Snapshot, words: Words) -> dict[str, str]:
    return {zone.zone: words.name(zone.name, zone.name_zh, zone.zone) for zone in snapshot.store.zones}


def _draw_items(screen: Screen, snapshot: Snapshot, items: Search) -> None:
    words = screen.words
    zones = _zone_names(snapshot, words)
    st.subheader(words("stock.items"), anchor=False)
    st.caption(words("stock.item_count", shown=len(items.items), all=words.number(items.total)))
    table = {
        words("stock.epc"): [plain(one.epc) for one in items.items],
        words("stock.product"): [_item_name(one.name, one.name_zh, one.sku, words) for one in items.items],
        words("stock.status"): [words.maybe(f"item.{one.status}", plain(one.status)) for one in items.items],
        words("stock.where"): [
            f"{zones.get(one.zone, plain(one.zone))}{'' if snapshot.zone_states.get(one.zone, 'seen') == 'seen' else ' ?'}"
            if one.zone
            else DASH
            for one in items.items
        ],
        words("stock.last_seen"): [words.moment(one.changed_ms, screen.now_ms) for one in items.items],
    }
    st.dataframe(pa.table(table), hide_index=True, key="items", lazy=False, height="content")


def _item_name(name: str | None, name_zh: str | None, sku: str | None, words: Words) -> str:
    return words("app.unknown_items") if sku is None else words.name(name, name_zh, sku)


def stock_table(lines: list[StockLine], screen: Screen, snapshot: Snapshot) -> pa.Table:
    """Return the lines as a table of texts and counts; null is unknown."""
    words, zones = screen.words, _zone_names(snapshot, screen.words)
    known = [not never_stocked(line) for line in lines]
    on_label = _on_labels(snapshot.labels, words)
    labelled = (
        {words("stock.on_label"): [on_label.get(line.sku or "", DASH) for line in lines]} if on_label else {}
    )
    return pa.table(
        {
            words("stock.product"): [_item_name(line.name, line.name_zh, line.sku, words) for line in lines],
            words("stock.on_hand"): [
                f"{words.number(line.total)}{' ?' if line.uncertain else ''}"
                if sure
                else f"{DASH} {words('app.unknown')}"
                for line, sure in zip(lines, known, strict=True)
            ],
            words("stock.where"): [_where(line, zones, words) for line in lines],
            words("stock.in_hand"): _counts(lines, known, "unplaced"),
            words("stock.sold"): _counts(lines, known, "sold"),
            words("stock.last_seen"): [
                words.moment(snapshot.seen_ms.get(line.sku or ""), screen.now_ms) for line in lines
            ],
            words("stock.price"): [words.money(line.price) for line in lines],
            **labelled,
            words("stock.sku"): [plain(line.sku) or DASH for line in lines],
        }
    )


def _on_labels(labels: tuple[Label, ...], words: Words) -> dict[str, str]:
    """Return SKU → the prices its labels last confirmed; a mark where a label does not show what it should."""
    prices: dict[str, dict[str, None]] = {}
    waits: set[str] = set()
    for label in labels:
        if label.sku is None:
            continue
        own = prices.setdefault(label.sku, {})
        if label.confirmed_sku == label.sku and label.confirmed_price:
            own[plain(label.confirmed_price, most=20)] = None
        if label.state in ("pending", "differs"):
            waits.add(label.sku)
    mark = f" ({words('stock.label_waits')})"
    return {sku: f"{' / '.join(own) or DASH}{mark if sku in waits else ''}" for sku, own in prices.items()}


def _counts(lines: list[StockLine], known: list[bool], field: str) -> pa.Array:
    counts = [getattr(line, field) if sure else None for line, sure in zip(lines, known, strict=True)]
    return pa.array(counts, pa.int64())


def _where(line: StockLine, zones: dict[str, str], words: Words) -> str:
    placed = [
        f"{zones.get(own.zone, plain(own.zone))} {words.number(own.units)}{' ?' if own.uncertain else ''}"
        for own in line.zones
        if own.units
    ]
    return " · ".join(placed) or DASH


def search_box() -> None:
    """Draw the search field."""
    words = Words(language())
    st.text_input(
        words("stock.search"), key="q", bind="query-params", placeholder=words("stock.search_hint"), type="search",
        icon=":material/search:", max_chars=120, live=True,
    )  # fmt: skip


search_box()
live(draw)
