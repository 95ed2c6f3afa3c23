"""What the sections that people act in share: heading with age, one open card, choosing a product, telling the hub.

One card at most is open, so that one list of products at most goes to a phone. Cards keep their order, new
ones come last: nothing changes places under a finger though the block is drawn every second. What became of a
tap is said in its section for a few seconds. Names go into plain text and lists, which read no markup.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from dashboard.client import HubClient, HubRefusedError, HubUnreachableError
from dashboard.poller import PERIOD_S
from dashboard.set_up import Part, Source
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, age_badge
from dashboard.words import DASH, Words, isolated, plain

BY: Final = "dashboard"
OPEN: Final = "open_card"
"""Session key: the card that is open, and the product that was in conflict there."""
SAID: Final = "said_in_section"
SAID_FOR_MS: Final = 8_000
REFRESH_S: Final = 3.0
DONE: Final = frozenset({"setup.mapped", "setup.bound", "setup.assigned", "take.posted", "gate.booked"})

Names = Mapping[str, tuple[str | None, str | None]]


def card(kind: str, name: str) -> str:
    """Return a key for the card of something, whatever letters its name has."""
    return f"{kind}_{hashlib.blake2s(name.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def heading(screen: Screen, section: str, part: Part[Any], source: Source[Any], *, title: str = "") -> None:
    """Draw a section's title (that of the set-up page unless one is given), how old its figures are, and what became of the last tap in it."""
    words = screen.words
    with st.container(key=f"head_{section}", horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(words(title or f"setup.{section}"), anchor=False, width="content")
        if part.value is not None:
            age_badge(words, part.age_s, max(PERIOD_S, source.period_ms / 1000))
    say(screen, section)


def say(screen: Screen, section: str) -> None:
    """Draw what became of the last tap in a section, for a few seconds."""
    words = screen.words
    where, said, sentence, at_ms = st.session_state.get(SAID, ("", "", "", 0))
    if where == section and screen.now_ms - at_ms <= SAID_FOR_MS:
        show = st.success if said in DONE else st.error
        show(words(said))
        if sentence:
            with st.container(key=f"small_said_{section}"):
                st.text(isolated(sentence))


def not_yet(screen: Screen, part: Part[Any]) -> None:
    """Draw that the hub has not said anything about a section."""
    if part.fault:
        st.warning(screen.words("setup.no_answer"), icon=":material/cloud_off:")
    else:
        st.info(screen.words("hub.waiting"), icon=":material/hourglass_top:")


def is_open(key: str) -> bool:
    """Return whether a card is the open one."""
    opened: tuple[str, str] = st.session_state.get(OPEN, ("", ""))
    return opened[0] == key


def conflict_in(key: str) -> str:
    """Return the SKU that the hub has refused once in a card, because something else is recorded there."""
    opened: tuple[str, str] = st.session_state.get(OPEN, ("", ""))
    return opened[1] if opened[0] == key else ""


def open_card(key: str, conflict: str = "") -> None:
    """Open a card and close the one that was open; an empty key closes all."""
    st.session_state[OPEN] = (key, conflict)


def names_of(snapshot: Snapshot) -> Names:
    """Return SKU → name and Chinese name, of the catalogue's products."""
    return {line.sku: (line.name, line.name_zh) for line in snapshot.lines if line.sku and line.mapped}


def choose_product(words: Words, names: Names, key: str, preset: str | None = None) -> str | None:
    """Draw the list of products, which is searched by typing, and return the chosen SKU."""
    skus = list(names)

    def label(sku: str) -> str:
        name = words.name(*names[sku], sku)
        return name if name == plain(sku) else f"{isolated(name)} · {isolated(sku)}"

    chosen: str | None = st.selectbox(
        words("setup.product"), skus, index=skus.index(preset) if preset and preset in names else None, format_func=label,
        placeholder=words("setup.pick"), key=f"product_{key}",
    )  # fmt: skip
    return chosen


def tell(
    screen: Screen, section: str, key: str, ask: Callable[[HubClient], Any], done: str, conflict: str = ""
) -> None:
    """Tell the hub something, keep what became of it for the section, and read everything anew.

    Args:
        screen: who asks.
        section: where the outcome is shown.
        key: the open card; it stays open when the hub did not take it.
        ask: the call.
        done: words for success.
        conflict: the SKU to be told twice when the hub holds something else; empty where that is a refusal.
    """
    said, sentence = done, ""
    try:
        ask(screen.poller.client)
        open_card("")
    except HubRefusedError as error:
        if error.is_conflict and conflict:
            open_card(key, conflict)
            st.session_state.pop(SAID, None)
            return
        said, sentence = "setup.refused", error.sentence
    except HubUnreachableError:
        st.session_state[SAID] = (section, "orders.not_reached", "", screen.now_ms)
        return
    st.session_state[SAID] = (section, said, sentence, screen.now_ms)
    screen.poller.refresh(REFRESH_S)


def product_name(words: Words, names: Names, sku: str | None) -> str:
    """Return a product's name for a table, the SKU where nothing names it, a dash for none."""
    return words.name(*names.get(sku, (None, None)), sku) if sku else DASH


def ago(screen: Screen, at_ms: int | None) -> str:
    """Return how long ago something was; a dash for unknown."""
    if at_ms is None:
        return DASH
    return screen.words("setup.ago", span=screen.words.span(max(0, screen.now_ms - at_ms) / 1000))
