"""Now: six figures, the five most urgent tasks, and a small picture of the floor."""

import streamlit as st

from dashboard.figures import Task, Tiles, tasks, tiles
from dashboard.plan import draw_plan
from dashboard.snapshot import Snapshot
from dashboard.view import PAGES, Screen, kept_query, live, named
from dashboard.words import DASH, plain

PLAN_WIDTH, PLAN_HEIGHT = 440, 300
COLOURS = {
    "approve": "blue",
    "blind": "gray",
    "sold_out": "red",
    "unmapped": "violet",
    "alert": "orange",
    "stale": "orange",
}
ICONS = {
    "approve": ":material/local_shipping:",
    "blind": ":material/visibility_off:",
    "sold_out": ":material/remove_shopping_cart:",
    "unmapped": ":material/label_off:",
    "alert": ":material/warning:",
    "stale": ":material/schedule:",
}


def draw(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the page."""
    words = screen.words
    if not snapshot.devices and not any(line.total for line in snapshot.lines):
        _first_steps(screen, snapshot)
    _tiles(screen, tiles(snapshot, screen.now_ms))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader(words("now.tasks"), anchor=False)
        _tasks(screen, snapshot)
    with right:
        st.subheader(words("now.heat"), anchor=False)
        draw_plan(screen, snapshot, "today", width=PLAN_WIDTH, height=PLAN_HEIGHT, key="plan_now")


def _tiles(screen: Screen, figures: Tiles) -> None:
    words = screen.words
    peak = words("now.peak", n=figures.peak) if figures.counter_ok else words("now.counter_down")
    uncertain = [words("now.uncertain", n=figures.uncertain)] if figures.uncertain else []
    shelf = " · ".join([words("now.low", n=figures.low), *uncertain])
    blind = words("now.blind", n=figures.blind_zones) if figures.blind_zones else words("now.all_seen")
    online = f"{figures.devices_online}/{figures.devices}" if figures.devices else None
    with st.grid(min_column_width=150, gap="small"):
        for name, value, note in (
            ("visitors", figures.visitors, peak),
            ("in_store", figures.in_store, peak if not figures.counter_ok else ""),
            ("sold_out", figures.sold_out, shelf),
            ("unknown_items", figures.unknown_items, ""),
            ("to_approve", figures.to_approve, ""),
            ("devices", online, blind),
        ):
            text = DASH if value is None else value if isinstance(value, str) else words.number(value)
            st.metric(
                words(f"now.{name}"), text, (words("app.unknown") if value is None else note) or None,
                delta_color="off", delta_arrow="off", help=words(f"now.{name}_help"),
            )  # fmt: skip


def _tasks(screen: Screen, snapshot: Snapshot) -> None:
    words = screen.words
    urgent, more = tasks(snapshot)
    kept = kept_query()
    if not urgent:
        st.success(words("now.no_tasks"), icon=":material/done_all:")
    for index, task in enumerate(urgent):
        # Few elements: each is a message to every viewer, every second.
        with st.container(
            key=f"task_{index}", border=True, horizontal=True, vertical_alignment="center", gap="xsmall"
        ):
            st.badge(words(f"task.{task.kind}"), icon=ICONS[task.kind], color=COLOURS[task.kind])  # type: ignore[arg-type]
            if task.page:
                st.page_link(
                    st.session_state[PAGES][task.page], label=words(f"task.open_{task.page}"), query_params=kept
                )  # fmt: skip
            st.text(_sentence(screen, task), width="stretch")
    if more:
        st.caption(words("now.more_tasks", n=more))


def _sentence(screen: Screen, task: Task) -> str:
    words = screen.words
    return words(
        f"task.{task.kind}_text",
        name=named(screen, *task.subject),
        units=words.number(task.units),
        at=words.moment(task.at_ms, screen.now_ms),
        detail=plain(task.detail, most=160) or DASH,
    )


def _first_steps(screen: Screen, snapshot: Snapshot) -> None:
    words = screen.words
    with st.container(border=True, key="card_steps"):
        st.subheader(words("empty.title"), anchor=False)
        if not snapshot.store.zones:
            st.text(words("empty.zones"))
        if not any(line.sku for line in snapshot.lines):
            st.text(words("empty.products"))
        st.text(words("empty.devices"))


live(draw, alike=lambda: ("now",))
