"""Shelf labels: the price each should show, the one it confirmed, and when; and which product a label is for.

The confirmed price is what customers see. A label that has confirmed nothing shows a dash, not the price
that it was sent.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import streamlit as st

from dashboard.sections.choosing import (
    BY,
    Names,
    choose_product,
    heading,
    is_open,
    names_of,
    not_yet,
    open_card,
    product_name,
    tell,
)
from dashboard.set_up import AGENTS, LABELS, ShelfLabel
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, narrowed
from dashboard.words import DASH, LANGUAGES, Words, plain

SECTION: Final = "labels"
KEY: Final = "label_form"
SHOWN: Final = 100
ANOTHER: Final = ""
MAX_MAC: Final = 40


def draw_labels(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the section."""
    words, part = screen.words, screen.poller.part(snapshot.store.store, LABELS)
    heading(screen, SECTION, part, LABELS)
    if part.value is None:
        not_yet(screen, part)
        return
    names = names_of(snapshot)
    # Those that do not show what they should come first.
    labels = sorted(part.value, key=lambda one: (one.state == "confirmed", one.mac))
    if not labels:
        st.info(words("setup.no_labels"), icon=":material/price_change:")
    else:
        open_ones = sum(one.state != "confirmed" for one in labels)
        count = {"n": words.number(open_ones), "all": words.number(len(labels))}
        st.caption(words("setup.label_count" if open_ones else "setup.label_all", **count))
        table = label_table(screen, snapshot, labels[:SHOWN], names)
        product = words("stock.product")
        st.dataframe(
            table, hide_index=True, placeholder=DASH, key="labels", lazy=False, height="content",
            column_config=narrowed(product, table[product].to_pylist()),
        )  # fmt: skip
        if len(labels) > SHOWN:
            st.caption(words("setup.more_labels", n=words.number(len(labels) - SHOWN)))
    if not names:
        return
    if is_open(KEY):
        with st.container(border=True, key=f"card_{KEY}", gap="small"):
            _form(screen, snapshot, part.value, names)
        return
    st.button(
        words("setup.assign_label"), key=f"open_{KEY}", icon=":material/price_change:",
        on_click=open_card, args=(KEY,),
    )  # fmt: skip


def label_table(screen: Screen, snapshot: Snapshot, labels: Sequence[ShelfLabel], names: Names) -> pa.Table:
    """Return the labels as a table of texts; null is unknown."""
    words = screen.words
    currency = snapshot.store.currency
    told = [plain(one.detail) or None for one in labels]
    details = {words("setup.note"): pa.array(told, pa.string())} if any(told) else {}
    return pa.table(
        {
            words("stock.product"): [
                product_name(words, {**names, **({one.sku: (one.name, one.name_zh)} if one.sku else {})}, one.sku)
                for one in labels
            ],
            words("setup.wanted"): pa.array([_price(one.wanted_price) for one in labels], pa.string()),
            words("setup.confirmed"): pa.array(
                [_shown(screen, one, currency, names) for one in labels], pa.string()
            ),
            words("stock.status"): [_state(words, one) for one in labels],
            words("setup.confirmed_at"): [words.moment(one.confirmed_ms, screen.now_ms) for one in labels],
            words("setup.label"): [plain(one.mac) for one in labels],
            **details,
        }
    )  # fmt: skip


def _state(words: Words, one: ShelfLabel) -> str:
    text = words.maybe(f"label.{one.state}", plain(one.state))
    return text if one.state == "confirmed" else f"⚠ {text}"


def _price(text: str | None) -> str | None:
    return plain(text, most=20) or None


def _shown(screen: Screen, one: ShelfLabel, currency: str, names: Names) -> str | None:
    """Return the price on the label, with its currency or product where they are not the ones expected."""
    price = _price(one.confirmed_price)
    if price is None:
        return None
    other = plain(one.confirmed_currency, most=8) if one.confirmed_currency != currency else ""
    product = (
        product_name(screen.words, names, one.confirmed_sku)
        if one.confirmed_sku and one.confirmed_sku != one.sku
        else ""
    )
    return " ".join(filter(None, (price, other, f"({product})" if product else "")))


def _form(screen: Screen, snapshot: Snapshot, labels: tuple[ShelfLabel, ...], names: Names) -> None:
    words, store = screen.words, snapshot.store.store
    known = {one.mac: one for one in labels}

    def label_name(mac: str) -> str:
        if mac == ANOTHER:
            return words("setup.another_label")
        own = known[mac]
        return (
            plain(mac) if own.sku is None else f"{plain(mac)} · {words.name(own.name, own.name_zh, own.sku)}"
        )

    mac = st.selectbox(
        words("setup.label"), [*known, ANOTHER], index=None if known else 0, format_func=label_name,
        placeholder=words("setup.pick_label"), key=f"mac_{KEY}",
    )  # fmt: skip
    own = known.get(mac or "")
    if mac == ANOTHER:
        mac = st.text_input(
            words("setup.label_number"), key=f"number_{KEY}", max_chars=MAX_MAC,
            placeholder=words("setup.label_number_hint"), live=True,
        ).strip()  # fmt: skip
    sku = choose_product(words, names, KEY)
    agents = screen.poller.part(store, AGENTS).value or ()
    agent = _one_of(words("setup.agent"), words, agents, own.agent if own else None, "agent")
    devices = tuple(one.device for one in snapshot.devices)
    device = _one_of(words("setup.device"), words, devices, own.device if own else None, "device")
    speaks = own.language if own and own.language in LANGUAGES else words.language
    if not agent or not device:
        with st.container(key=f"small_{KEY}"):
            st.text(words("setup.no_gateway"))
    wanted = {"sku": sku or "", "agent": agent or "", "device": device or "", "language": speaks, "by": BY}
    with st.container(horizontal=True, key=f"buttons_{KEY}"):
        st.button(
            words("setup.assign"), key=f"assign_{KEY}", type="primary", icon=":material/check:",
            disabled=not (mac and all(wanted.values())), on_click=_assign, args=(screen, store, mac, wanted),
        )  # fmt: skip
        st.button(words("orders.back"), key=f"back_{KEY}", on_click=open_card, args=("",))


def _one_of(label: str, words: Words, options: Sequence[str], known: str | None, name: str) -> str | None:
    """Return what is known or the only choice there is; else let a person choose."""
    if known:
        return known
    if len(options) == 1:
        return options[0]
    if not options:
        return None
    chosen: str | None = st.selectbox(
        label, options, index=None, format_func=plain, placeholder=words("setup.pick"), key=f"{name}_{KEY}"
    )
    return chosen


def _assign(screen: Screen, store: str, mac: str, wanted: dict[str, str]) -> None:
    tell(screen, SECTION, KEY, lambda client: client.assign_label(store, mac, wanted), "setup.assigned")
