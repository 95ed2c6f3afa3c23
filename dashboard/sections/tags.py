"""Tags on the enrolment antenna: what each stands for, bind it to a product, and the log of who bound what.

A tag that stands for something else is bound anew only by a second tap, on a button that says so: the first
one asks the hub without ``replace``, and the hub, which knows best, is the one to call it a conflict.
"""

from typing import Final

import pyarrow as pa
import streamlit as st

from dashboard.sections.choosing import (
    BY,
    Names,
    ago,
    card,
    choose_product,
    conflict_in,
    heading,
    is_open,
    names_of,
    not_yet,
    open_card,
    product_name,
    tell,
)
from dashboard.set_up import LOG, STATIONS, LogEntry, PresentedTag, Station
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, named, narrowed
from dashboard.words import DASH, isolated, plain

SECTION: Final = "tags"
SHOWN: Final = 12
LOG_HEIGHT: Final = 248
"""Six entries and the head; the rest is scrolled to, so that a file of bindings does not fill a phone."""
LOG_FITS: Final = 6


def draw_tags(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the section."""
    words, part = screen.words, screen.poller.part(snapshot.store.store, STATIONS)
    heading(screen, SECTION, part, STATIONS)
    if part.value is None:
        not_yet(screen, part)
        return
    if not part.value:
        st.info(words("setup.no_station"), icon=":material/contactless:")
    names = names_of(snapshot)
    for station in part.value:
        _station(screen, snapshot, station, names)


def _station(screen: Screen, snapshot: Snapshot, station: Station, names: Names) -> None:
    words = screen.words
    with st.container(key=f"scan_{card('station', station.agent)}", gap="xsmall"):
        st.text(words("setup.station", station=isolated(station.agent), scan=_scan(screen, station)))
    if not station.tags:
        st.info(words("setup.no_tags"), icon=":material/contactless:")
        return
    with st.grid(min_column_width=330, gap="small"):
        for tag in sorted(station.tags, key=lambda one: (one.epc, one.tid or ""))[:SHOWN]:
            _card(screen, snapshot, station, tag, names)
    if len(station.tags) > SHOWN:
        st.caption(words("setup.more_tags", n=words.number(len(station.tags) - SHOWN)))


def _scan(screen: Screen, station: Station) -> str:
    if station.code is None:
        return screen.words("setup.scan_none")
    kind = "unknown" if station.sku is None else "open" if station.open else "over"
    return screen.words(
        f"setup.scan_{kind}",
        code=isolated(station.code),
        name=named(screen, station.name, station.name_zh, station.sku),
        at=ago(screen, station.scanned_ms),
    )


def _card(screen: Screen, snapshot: Snapshot, station: Station, tag: PresentedTag, names: Names) -> None:
    words = screen.words
    key = card("tag", f"{station.agent} {tag.epc} {tag.tid}")
    refused = conflict_in(key)
    stands_for = named(screen, tag.name, tag.name_zh, tag.sku)
    with st.container(border=True, key=f"card_{key}", gap="small"):
        if refused:
            st.badge(words("setup.conflict"), icon=":material/warning:", color="orange")
        with st.container(key=f"product_{key}_now"):
            st.text(words("setup.free") if tag.sku is None else words("setup.stands_for", name=stands_for))
        with st.container(key=f"small_{key}"):
            way = words.maybe(f"way.{tag.way}", plain(tag.way)) if tag.way else ""
            seen = words("setup.seen", at=ago(screen, tag.presented_ms), device=isolated(tag.device))
            st.text(" · ".join(filter(None, (plain(tag.epc), seen, way))))
        if refused:
            _replace(screen, snapshot, tag, key, refused, names)
        elif is_open(key):
            _choose(screen, snapshot, station, tag, key, names)
        else:
            scanned = station.sku if station.sku in names and station.sku != tag.sku else None
            with st.container(horizontal=True, key=f"buttons_{key}"):
                if scanned is not None:
                    st.button(
                        words("setup.bind_scanned"), key=f"scanned_{key}", type="primary", icon=":material/barcode:",
                        on_click=_bind, args=(screen, snapshot, tag, key, scanned),
                    )  # fmt: skip
                st.button(
                    words("setup.choose_product" if scanned is None else "setup.other_product"), key=f"open_{key}",
                    disabled=not names, icon=":material/sell:", on_click=open_card, args=(key,),
                )  # fmt: skip


def _choose(
    screen: Screen, snapshot: Snapshot, station: Station, tag: PresentedTag, key: str, names: Names
) -> None:
    words = screen.words
    sku = choose_product(words, names, key, station.sku)
    with st.container(horizontal=True, key=f"buttons_{key}"):
        st.button(
            words("setup.bind"), key=f"bind_{key}", type="primary", icon=":material/check:", disabled=sku is None,
            on_click=_bind, args=(screen, snapshot, tag, key, sku),
        )  # fmt: skip
        st.button(words("orders.back"), key=f"back_{key}", on_click=open_card, args=("",))


def _replace(screen: Screen, snapshot: Snapshot, tag: PresentedTag, key: str, sku: str, names: Names) -> None:
    words = screen.words
    with st.container(key=f"conflict_{key}"):
        st.text(words("setup.conflict_text", name=isolated(product_name(words, names, sku))))
    with st.container(horizontal=True, key=f"buttons_{key}"):
        st.button(
            words("setup.replace"), key=f"replace_{key}", type="primary", icon=":material/swap_horiz:",
            on_click=_bind, args=(screen, snapshot, tag, key, sku, True),
        )  # fmt: skip
        st.button(words("setup.keep"), key=f"back_{key}", on_click=open_card, args=("",))


def _bind(
    screen: Screen, snapshot: Snapshot, tag: PresentedTag, key: str, sku: str, replace: bool = False
) -> None:
    named_by = {"epc": tag.epc, **({"tid": tag.tid} if tag.tid else {})}
    store = snapshot.store.store
    tell(
        screen, SECTION, key, lambda client: client.bind(store, named_by, sku, by=BY, replace=replace), "setup.bound",
        conflict="" if replace else sku,
    )  # fmt: skip


def draw_log(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the latest entries of the commissioning log."""
    words, part = screen.words, screen.poller.part(snapshot.store.store, LOG)
    heading(screen, "log", part, LOG)
    if part.value is None:
        not_yet(screen, part)
        return
    if not part.value:
        st.info(words("setup.log_none"), icon=":material/history:")
        return
    table = log_table(screen, part.value, names_of(snapshot))
    product = words("stock.product")
    st.dataframe(
        table, hide_index=True, placeholder=DASH, key="log", lazy=False,
        height="content" if len(part.value) <= LOG_FITS else LOG_HEIGHT,
        column_config=narrowed(product, table[product].to_pylist()),
    )  # fmt: skip


def log_table(screen: Screen, entries: tuple[LogEntry, ...], names: Names) -> pa.Table:
    """Return the log as a table of texts."""
    words = screen.words
    return pa.table(
        {
            words("orders.when"): [words.moment(one.at_ms, screen.now_ms) for one in entries],
            words("stock.product"): [
                words("setup.unbound") if one.sku is None else product_name(words, names, one.sku)
                for one in entries
            ],
            words("setup.how"): [words.maybe(f"way.{one.way}", plain(one.way)) for one in entries],
            words("setup.who"): [plain(one.by) or DASH for one in entries],
            words("setup.tag"): [plain(one.epc or one.tid) or DASH for one in entries],
        }
    )
