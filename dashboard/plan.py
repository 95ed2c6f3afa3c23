"""The floor plan on a page: the shared figure, its words for those who cannot see it, and its legend.

Figures are built once per snapshot, language, period and height, and shared by all viewers.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from dashboard.figures import ZoneRow, zone_rows
from dashboard.floorplan import Span, floor_figure, legend, top_zones
from dashboard.snapshot import Snapshot
from dashboard.view import Screen
from dashboard.words import Words

KEPT: Final = 24
_CONFIG: Final = {"displayModeBar": False, "responsive": True, "scrollZoom": False}
_LOCK: Final = Lock()
_FIGURES: dict[tuple[int, str, str, int], tuple[Snapshot, go.Figure]] = {}


class SharedFigure(go.Figure):  # type: ignore[misc]
    """A figure nobody changes any more: it is described once and not copied again for every viewer."""

    def to_dict(self) -> Any:
        """Return the description; read-only."""
        known = self.__dict__.get("_described")
        if known is None:
            known = self.__dict__["_described"] = super().to_dict()
        return known


def shared_figure(
    snapshot: Snapshot, rows: Sequence[ZoneRow], words: Words, span: Span, height: int
) -> go.Figure:
    """Return the figure of a snapshot, from the shelf when somebody has drawn it already."""
    key = (id(snapshot), words.language, span, height)
    with _LOCK:
        found = _FIGURES.get(key)
        # The entry holds its snapshot, so an id cannot come to mean another one.
        if found is None:
            found = (snapshot, SharedFigure(floor_figure(rows, words, span, height=height)))
            while len(_FIGURES) >= KEPT:
                del _FIGURES[next(iter(_FIGURES))]
            _FIGURES[key] = found
        return found[1]


def draw_plan(screen: Screen, snapshot: Snapshot, span: Span, *, height: int, key: str) -> list[ZoneRow]:
    """Draw the plan and its legend; return its zones."""
    words, rows = screen.words, zone_rows(snapshot)
    if not rows:
        st.info(words("floor.no_zones"), icon=":material/draw:")
        return rows
    figure = shared_figure(snapshot, rows, words, span, height)
    st.plotly_chart(figure, theme=None, config=_CONFIG, key=key, alt=top_zones(rows, span, words))
    most, middle = legend(rows, span)
    notes = [words("floor.scale", mid=middle, most=most) if most else words("floor.scale_flat")]
    if any(row.state != "seen" for row in rows):
        notes.append(words("floor.marks"))
    if span == "now" and snapshot.recent_since_ms is not None:
        notes.append(words("floor.since", at=words.moment(snapshot.recent_since_ms, screen.now_ms)))
    st.text("\n".join(notes))
    return rows
