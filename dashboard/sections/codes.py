"""Codes the till sends and no product has: what waits behind each, and the product it means, in two taps."""

from typing import Final

import streamlit as st

from dashboard.sections.choosing import (
    BY,
    Names,
    ago,
    card,
    choose_product,
    heading,
    is_open,
    names_of,
    not_yet,
    open_card,
    tell,
)
from dashboard.set_up import CODES, TO_FETCH, WaitingCode
from dashboard.snapshot import Snapshot
from dashboard.view import Screen
from dashboard.words import plain

SECTION: Final = "codes"
SHOWN: Final = 12


def draw_codes(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the section."""
    words, store = screen.words, snapshot.store.store
    part = screen.poller.part(store, CODES)
    heading(screen, SECTION, part, CODES)
    if part.value is None:
        not_yet(screen, part)
    elif not part.value:
        st.success(words("setup.codes_none"), icon=":material/done_all:")
    else:
        names = names_of(snapshot)
        # Those that wait longest first: a new sale under a code does not move its card.
        waiting = sorted(part.value, key=lambda one: (one.first_ms, one.code))
        if not names:
            st.info(words("stock.no_products"), icon=":material/inventory_2:")
        with st.grid(min_column_width=330, gap="small"):
            for one in waiting[:SHOWN]:
                _card(screen, one, names)
        if len(waiting) > SHOWN:
            st.caption(words("setup.more_codes", n=words.number(len(waiting) - SHOWN)))
    orders = screen.poller.part(store, TO_FETCH).value
    if orders:
        st.warning(words("setup.to_fetch", n=words.number(len(orders))), icon=":material/point_of_sale:")


def _card(screen: Screen, one: WaitingCode, names: Names) -> None:
    words, key = screen.words, card("code", one.code)
    with st.container(border=True, key=f"card_{key}", gap="small"):
        with st.container(key=f"headline_{key}"):
            st.text(plain(one.code))
        with st.container(key=f"small_{key}"):
            st.text(
                words(
                    "setup.code_waits", lines=words.number(one.lines), units=words.number(one.units),
                    first=words.moment(one.first_ms, screen.now_ms), last=ago(screen, one.last_ms),
                )
            )  # fmt: skip
        if not is_open(key):
            st.button(
                words("setup.choose_product"), key=f"open_{key}", disabled=not names, icon=":material/sell:",
                on_click=open_card, args=(key,),
            )  # fmt: skip
            return
        sku = choose_product(words, names, key)
        with st.container(key=f"hint_{key}"):
            st.text(words("setup.map_hint"))
        with st.container(horizontal=True, key=f"buttons_{key}"):
            st.button(
                words("setup.map"), key=f"map_{key}", type="primary", icon=":material/check:", disabled=sku is None,
                on_click=_map, args=(screen, key, one.code, sku),
            )  # fmt: skip
            st.button(words("orders.back"), key=f"back_{key}", on_click=open_card, args=("",))


def _map(screen: Screen, key: str, code: str, sku: str) -> None:
    tell(screen, SECTION, key, lambda client: client.map_code(code, sku, by=BY), "setup.mapped")
