"""Floor: the plan with its heat, and the same zones as a table."""

import pyarrow as pa
import streamlit as st

from dashboard.figures import ZoneRow
from dashboard.floorplan import Span, zone_name
from dashboard.plan import draw_plan
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, choose, language, live, narrowed
from dashboard.words import DASH, Words

PLAN_WIDTH, PLAN_HEIGHT = 1100, 400


def span() -> Span:
    """Return the period in the address."""
    return "now" if st.query_params.get("span") == "now" else "today"


def draw(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the page."""
    rows = draw_plan(screen, snapshot, span(), width=PLAN_WIDTH, height=PLAN_HEIGHT, key="plan_floor")
    if rows:
        st.subheader(screen.words("floor.table"), anchor=False)
        st.dataframe(
            zone_table(rows, screen.words), hide_index=True, placeholder=DASH, key="zones", lazy=False,
            column_config=narrowed(screen.words("floor.zone"), [zone_name(row, screen.words) for row in rows]),
        )  # fmt: skip


def zone_table(rows: list[ZoneRow], words: Words) -> pa.Table:
    """Return the zones as a table; null is unknown."""
    units = [
        None if row.units is None else f"{words.number(row.units)}{' ?' if row.uncertain else ''}"
        for row in rows
    ]
    return pa.table(
        {
            words("floor.zone"): [zone_name(row, words) for row in rows],
            words("floor.state"): [words(f"state.{row.state}") for row in rows],
            words("floor.units_column"): pa.array(units, pa.string()),
            words("floor.recent"): pa.array([row.recent for row in rows], pa.int64()),
            words("floor.today"): pa.array([row.today for row in rows], pa.int64()),
            words("floor.picked_up"): pa.array([row.picked_up for row in rows], pa.int64()),
            words("floor.put_back"): pa.array([row.put_back for row in rows], pa.int64()),
        }
    )


def choose_span() -> None:
    """Draw the switch between the last minutes and today."""
    words = Words(language())
    names = {"today": words("floor.today"), "now": words("floor.now")}
    choose(words("floor.span"), names, span(), parameter="span")


choose_span()
live(draw, alike=lambda: ("floor", span()))
