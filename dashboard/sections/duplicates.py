"""Tags that are not one tag, each kind the hub finds in words: what was found, and what to do."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboard.sections.choosing import Names, card, heading, names_of, not_yet, product_name
from dashboard.set_up import DUPLICATES, Duplicate
from dashboard.snapshot import Snapshot
from dashboard.view import Screen
from dashboard.words import isolated, plain, strings

SECTION: Final = "duplicates"
SHOWN: Final = 12
NAMED: Final = 6


def draw_duplicates(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the section."""
    words, part = screen.words, screen.poller.part(snapshot.store.store, DUPLICATES)
    heading(screen, SECTION, part, DUPLICATES)
    if part.value is None:
        not_yet(screen, part)
        return
    if not part.value:
        st.success(words("setup.duplicates_none"), icon=":material/done_all:")
        return
    with st.grid(min_column_width=330, gap="small"):
        for one in _of_every_kind(part.value, SHOWN):
            key = card(f"twice_{plain(one.kind)}", one.epc)
            with st.container(border=True, key=f"card_{key}", gap="xsmall"):
                known = f"duplicate.{one.kind}" in strings()
                st.badge(
                    words(f"duplicate.{one.kind}" if known else "duplicate.other"),
                    icon=":material/content_copy:", color="orange",
                )  # fmt: skip
                st.text(sentence(screen, snapshot, one))
                with st.container(key=f"small_{key}"):
                    st.text(words(f"duplicate.{one.kind}_do" if known else "duplicate.other_do"))
    if len(part.value) > SHOWN:
        st.caption(words("setup.more_duplicates", n=words.number(len(part.value) - SHOWN)))


def _of_every_kind(found: tuple[Duplicate, ...], most: int) -> list[Duplicate]:
    """Return the first ones, so that many of one kind do not hide another."""
    kinds = list(dict.fromkeys(one.kind for one in found))
    by_kind = {kind: [one for one in found if one.kind == kind] for kind in kinds}
    share = max(1, most // len(kinds))
    first = [one for kind in kinds for one in by_kind[kind][:share]]
    return (first + [one for kind in kinds for one in by_kind[kind][share:]])[:most]


def sentence(screen: Screen, snapshot: Snapshot, one: Duplicate) -> str:
    """Return what was found about an EPC."""
    words, names = screen.words, names_of(snapshot)
    zones = {zone.zone: words.name(zone.name, zone.name_zh, zone.zone) for zone in snapshot.store.zones}
    told = [_place(screen, snapshot, one.kind, row, names, zones) for row in one.found]
    told = [text for text in dict.fromkeys(told) if text]
    more = [words("setup.and_more", n=len(told) - NAMED)] if len(told) > NAMED else []
    key = f"duplicate.{one.kind}_text"
    found = words("setup.comma").join(told[:NAMED] + more) or words("app.unknown")
    if key not in strings():
        return words("duplicate.other_text", kind=isolated(one.kind), epc=isolated(one.epc), found=found)
    return words(key, epc=isolated(one.epc), found=found)


def _place(
    screen: Screen, snapshot: Snapshot, kind: str, row: Mapping[str, Any], names: Names, zones: Mapping[str, str]
) -> str:  # fmt: skip
    """Return what one finding adds: a product, a chip or a place; the hub may leave any field empty."""
    words = screen.words
    at_ms = row.get("at_ms")
    at = words.moment(at_ms, screen.now_ms) if isinstance(at_ms, int) else ""
    store, device = row.get("store"), _text(row.get("device"))
    elsewhere = _text(store) if store and store != snapshot.store.store else ""
    notes: tuple[str, ...] = ()
    if kind == "bound_twice":
        name, notes = product_name(words, names, _text(row.get("sku"))), (at,)
    elif kind == "two_chips":
        name, notes = _text(row.get("tid")), (elsewhere, device, at)
    elif kind == "two_places":
        zone = _text(row.get("zone"))
        name, notes = zone if elsewhere else zones.get(zone, zone), (elsewhere, device)
    else:
        name = " ".join(_text(value) for value in row.values())
    more = words("setup.comma").join(filter(None, map(plain, notes)))
    return words("setup.with_notes", name=isolated(name), notes=isolated(more)) if more else isolated(name)


def _text(value: object) -> str:
    return "" if value is None else plain(str(value))
