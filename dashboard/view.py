"""What every page shares: who looks at which store in which language, and the live block.

A page has one timed fragment, made by :func:`live`. Each second the browser asks for it again; it takes
the shared snapshot, says how old that is, and draws. It asks nobody and waits for nobody. When the hub is
silent the last picture stays, dimmed, under a banner with its age.

What many viewers see alike is drawn once and its elements replayed to the others (Streamlit's cache does
that for elements that nobody can press); making them is most of what a viewer costs.
"""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.column_types import ColumnConfig

from dashboard.client import HubClient
from dashboard.poller import PERIOD_S, Poller, View
from dashboard.server import DEFAULT_HUB_URL, HUB_URL
from dashboard.snapshot import Snapshot
from dashboard.style import AGE_COLOURS, AGE_ICONS
from dashboard.words import Words, isolated, language_of

LATE_PERIODS = 3
OLD_PERIODS = 10
HUB_TIMEOUT_S = 5.0
FIRST_WAIT_S = 1.0
SHARED_FOR_MS = 2_000
SHARED_KEPT = 64
LONG_NAME = 24
LONG_NAME_WIDTH = 180
HEADER = "header"
"""Session key: what the header on the screen was drawn from."""
PAGES = "pages"
"""Session key: the pages by name; a link by page object saves Streamlit a walk through the file system."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One look at one store."""

    poller: Poller
    view: View
    words: Words
    now_ms: int

    @property
    def snapshot(self) -> Snapshot | None:
        """The last picture."""
        return self.view.snapshot


@st.cache_resource(show_spinner=False, on_release=Poller.stop)
def shared_poller(hub_url: str) -> Poller:
    """Return the one poller of this server, started."""
    poller = Poller(HubClient(hub_url, timeout_s=HUB_TIMEOUT_S))
    poller.start()
    return poller


def asked_store() -> str | None:
    """Return the store in the address."""
    return st.query_params.get("store") or None


def language() -> str:
    """Return the language in the address, or the browser's."""
    return language_of(st.query_params.get("lang"), st.context.locale)


def choose(label: str, options: Mapping[str, str], chosen: str, *, parameter: str) -> None:
    """Draw a switch between a few options; the choice goes into the address."""
    key = f"choose_{parameter}"

    def keep() -> None:
        st.query_params[parameter] = st.session_state[key] or chosen

    st.segmented_control(
        label, list(options), format_func=options.__getitem__, default=chosen, required=True, key=key, on_change=keep,
        label_visibility="collapsed",
    )  # fmt: skip


def look(*, wait: bool = False) -> Screen:
    """Return what can be drawn now; ``wait`` gives a server that has just started a moment for its first picture."""
    poller = shared_poller(os.environ.get(HUB_URL, DEFAULT_HUB_URL))
    store = asked_store()
    view = poller.latest(store)
    for _ in range(2):  # the first round finds the stores, the second reads this one
        if wait and view.snapshot is None and not view.fault and not view.unknown:
            poller.refresh(FIRST_WAIT_S)
            view = poller.latest(store)
    own = view.snapshot.store if view.snapshot else None
    words = Words.of(language(), own.time_zone if own else "UTC", own.currency if own else "")
    return Screen(poller, view, words, poller.now_ms())


def kept_query() -> dict[str, str]:
    """Return what a link to another page must carry on: language and store."""
    query = {"lang": language()}
    store = asked_store()
    return {**query, "store": store} if store else query


def live(
    draw: Callable[[Screen, Snapshot], None],
    *,
    age_in: DeltaGenerator | None = None,
    alike: Callable[[], tuple[str, ...]] | None = None,
) -> None:
    """Draw a block again every second, with its age, whatever the hub does.

    Args:
        draw: draws a snapshot.
        age_in: container for the age, when that stands further up the page.
        alike: returns the page's name and every choice in the address its drawing depends on, but for
            language and store; viewers with the same answer share the drawing. None draws for each
            viewer, which a page with buttons or searches must.
    """

    def block() -> None:
        screen = look()
        snapshot = screen.snapshot
        if snapshot is None:
            _nothing_yet(screen)
            return
        if st.session_state.get(HEADER, header_of(screen)) != header_of(screen):
            st.rerun(scope="app")
        with age_in or nullcontext():
            _age(screen)
        if screen.view.fault:
            st.warning(
                screen.words("hub.down", span=screen.words.span(screen.view.age_s or 0)),
                icon=":material/cloud_off:",
            )
        with st.container(key="dimmed" if screen.view.fault else "fresh"):
            if alike is None:
                draw(screen, snapshot)
            else:
                _draw_shared(_alike(screen, alike()), draw, screen, snapshot)

    st.fragment(block, run_every=PERIOD_S, key="live")()


def _alike(screen: Screen, choices: tuple[str, ...]) -> tuple[Hashable, ...]:
    own = screen.snapshot.store.store if screen.snapshot else ""
    # The time is in it because some words depend on the clock and not on the picture alone.
    period = screen.now_ms // SHARED_FOR_MS
    return (own, asked_store() or "", screen.view.version, screen.words.language, period, *choices)


@st.cache_resource(show_spinner=False, max_entries=SHARED_KEPT)
def _draw_shared(
    alike: tuple[Hashable, ...],  # noqa: ARG001  the key of the cache
    _draw: Callable[[Screen, Snapshot], None],
    _screen: Screen,
    _snapshot: Snapshot,
) -> None:
    _draw(_screen, _snapshot)


def header_of(screen: Screen) -> tuple[str, ...]:
    """Return the figures that the page outside of the live block shows; when they change, all is drawn anew."""
    own = screen.snapshot.store if screen.snapshot else None
    names = (own.store, own.name, own.name_zh or "", str(bool(own.gates))) if own else ()
    return (*names, *(one.store for one in screen.view.stores))


def age_class(age_s: float | None, period_s: float = PERIOD_S) -> str:
    """Return fresh, late past three periods, old past ten, never without an answer."""
    if age_s is None:
        return "never"
    if age_s > OLD_PERIODS * period_s:
        return "old"
    return "late" if age_s > LATE_PERIODS * period_s else "fresh"


def age_badge(words: Words, age_s: float | None, period_s: float = PERIOD_S) -> None:
    """Draw how old something is that is read once in a period."""
    kind = age_class(age_s, period_s)
    text = words(f"age.{kind}", span=words.span(age_s or 0))
    st.badge(text, icon=AGE_ICONS[kind], color=AGE_COLOURS[kind])  # type: ignore[arg-type]


def _age(screen: Screen) -> None:
    with st.container(key="age", horizontal=True, horizontal_alignment="right"):
        age_badge(screen.words, screen.view.age_s)


def _nothing_yet(screen: Screen) -> None:
    view, words = screen.view, screen.words
    if view.unknown:
        st.warning(words("hub.unknown_store"), icon=":material/storefront:")
    elif view.fault:
        st.error(words("hub.down_never"), icon=":material/cloud_off:")
    elif view.age_s is not None and not view.stores:
        st.info(words("hub.no_stores"), icon=":material/storefront:")
    else:
        st.info(words("hub.waiting"), icon=":material/hourglass_top:")


def narrowed(label: str, names: Sequence[str]) -> dict[str, ColumnConfig]:
    """Return a column's settings so that one long name does not push the figures off a phone."""
    if max(map(len, names), default=0) <= LONG_NAME:
        return {}
    return {label: st.column_config.TextColumn(width=LONG_NAME_WIDTH)}


def named(screen: Screen, name: str | None, name_zh: str | None, code: str | None) -> str:
    """Return a name for the middle of a sentence."""
    return isolated(screen.words.name(name, name_zh, code))
