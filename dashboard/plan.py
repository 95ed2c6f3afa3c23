"""The floor plan on a page: the shared figure, its words for those who cannot see it, and its legend.

Figures are built once per state of the zones, language, period and height, and shared by all viewers.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from dashboard.figures import ZoneRow, zone_rows
from dashboard.floorplan import Span, fitting_height, floor_figure, is_crowded, legend, top_zones
from dashboard.snapshot import Snapshot
from dashboard.view import Screen
from dashboard.words import Words

KEPT: Final = 24
_CONFIG: Final = {"displayModeBar": False, "responsive": True, "scrollZoom": False}
_LOCK: Final = Lock()
_FIGURES: dict[tuple[tuple[ZoneRow, ...], str, str, int], go.Figure] = {}


class SharedFigure(go.Figure):  # type: ignore[misc]
    """A figure nobody changes any more: it is described once and not copied again for every viewer."""

    def to_dict(self) -> Any:
        """Return the description; read-only."""
        known = self.__dict__.get("_described")
        if known is None:
            known = self.__dict__["_described"] = super().to_dict()
        return known


def shared_figure(rows: Sequence[ZoneRow], words: Words, span: Span, height: int) -> go.Figure:
    """Return the figure of the zones, from the shelf when somebody has drawn it already."""
    key = (tuple(rows), words.language, span, height)
    with _LOCK:
        found = _FIGURES.get(key)
        if found is None:
            found = floor_figure(rows, words, span, height=height, kind=SharedFigure)
            while len(_FIGURES) >= KEPT:
                del _FIGURES[next(iter(_FIGURES))]
            _FIGURES[key] = found
        return found


def draw_plan(
    screen: Screen, snapshot: Snapshot, span: Span, *, width: int, height: int, key: str
) -> list[ZoneRow]:
    """Draw the plan and its legend; return its zones.

    Args:
        screen: who looks.
        snapshot: what there is to see.
        span: period of the heat.
        width: pixels the plan gets on a large screen.
        height: most pixels it may be high.
        key: name of the element.
    """
    words, rows = screen.words, zone_rows(snapshot)
    if not rows:
        st.info(words("floor.no_zones"), icon=":material/draw:")
        return rows
    figure = shared_figure(rows, words, span, fitting_height(rows, width=width, most=height))
    most_lively = top_zones(rows, span, words)
    st.plotly_chart(figure, theme=None, config=_CONFIG, key=key, alt=most_lively)
    most, middle = legend(rows, span)
    notes = [words("floor.scale", mid=middle, most=most) if most else words("floor.scale_flat")]
    if any(row.state != "seen" for row in rows):
        notes.append(words("floor.marks"))
    if span == "now" and snapshot.recent_since_ms is not None:
        notes.append(words("floor.since", at=words.moment(snapshot.recent_since_ms, screen.now_ms)))
    if is_crowded(rows):
        notes.append(most_lively)
    st.text("\n".join(notes))
    return rows
