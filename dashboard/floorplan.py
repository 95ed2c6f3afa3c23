"""The floor plan as one Plotly figure, made once per snapshot and shared by all viewers. Pure.

Zones are data: rectangles in metres. Zones of one look (a heat class, blind, stale, not watched) are one
trace with gaps, so 200 zones cost as many traces as seven. The heat colour starts near transparent, has one
hue that gets darker (safe for colour-blind readers), and its range comes from the liveliest zone. Blind
zones are hatched and say so. Names are escaped: Plotly would read ``<b>`` as markup.
"""

import html
from collections.abc import Sequence
from typing import Final, Literal

import plotly.graph_objects as go

from dashboard.figures import ZoneRow
from dashboard.words import DASH, Words, plain

HEAT: Final = ("#eef4f1", "#cfe5de", "#9dccc2", "#5aa9a0", "#1f7f7a")
INK: Final = "#1d2a2f"
QUIET: Final = "#6b7780"
BLIND: Final = "#8b9298"
STALE: Final = "#c07a1a"
PAPER: Final = "#fbfbf9"
MARGIN_M: Final = 0.35
MAX_LABELS: Final = 24
MAX_BLIND_NAMES: Final = 8
# Shares of the plan's width that a name and a figure need on a phone.
NAME_SHARE: Final = 0.1
FIGURE_SHARE: Final = 0.05
LEAST_HEIGHT: Final = 160
FONT: Final = '"Inter", "Source Sans", "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", sans-serif'

Span = Literal["now", "today"]


def activity(row: ZoneRow, span: Span) -> int | None:
    """Return the figure a zone is coloured by."""
    return row.recent if span == "now" else row.today


def heat_class(value: int, most: int) -> int:
    """Return which of the five colours a figure gets; zero is the lightest."""
    return 0 if value <= 0 or most <= 0 else min(len(HEAT) - 1, 1 + (value - 1) * (len(HEAT) - 1) // most)


def legend(rows: Sequence[ZoneRow], span: Span) -> tuple[int, int]:
    """Return the largest figure of the plan and the figure in the middle of the scale."""
    most = max((activity(row, span) or 0 for row in rows), default=0)
    return most, most // 2


def top_zones(rows: Sequence[ZoneRow], span: Span, words: Words, most: int = 3) -> str:
    """Return the liveliest zones in words, for readers who do not see the picture."""
    lively = sorted(
        (row for row in rows if (activity(row, span) or 0) > 0), key=lambda row: -(activity(row, span) or 0)
    )
    named = "; ".join(f"{zone_name(row, words)}: {activity(row, span)}" for row in lively[:most])
    text = words("floor.alt", zones=named) if lively else words("floor.alt_quiet")
    blind = [zone_name(row, words) for row in rows if row.state == "blind"]
    if not blind:
        return text
    more = " …" if len(blind) > MAX_BLIND_NAMES else ""
    return f"{text} {words('floor.alt_blind', zones='; '.join(blind[:MAX_BLIND_NAMES]) + more)}"


def zone_name(row: ZoneRow, words: Words) -> str:
    """Return a zone's name in this language."""
    return words.name(row.zone.name, row.zone.name_zh, row.zone.zone)


def floor_figure(
    rows: Sequence[ZoneRow], words: Words, span: Span, *, height: int, kind: type[go.Figure] = go.Figure
) -> go.Figure:
    """Return the plan with its heat, as a figure of the kind asked for."""
    most, _ = legend(rows, span)
    looks: dict[str, list[ZoneRow]] = {}
    for row in rows:
        value = activity(row, span)
        look = (
            row.state
            if row.state in ("blind", "unwatched")
            else f"{row.state}-{heat_class(value or 0, most)}"
        )
        looks.setdefault(look, []).append(row)
    left, right, near, far = _bounds(rows)
    traces = [_rectangles(look, own) for look, own in sorted(looks.items())]
    # In one call: Plotly takes ten times as long to change a layout as to read one.
    return kind(
        [*traces, _labels(rows, words, span), _touch_points(rows, words, span)],
        {
            "shapes": [{
                "type": "rect", "x0": left, "x1": right, "y0": near, "y1": far, "layer": "below", "fillcolor": PAPER,
                "line": {"color": "#d7dcd8", "width": 2},
            }],
            "height": height, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "showlegend": False, "uirevision": "plan",
            "dragmode": False, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "color": INK, "size": 13},
            "hoverlabel": {"bgcolor": "white", "font": {"family": FONT, "color": INK, "size": 14}},
            "xaxis": {"visible": False, "range": [left, right], "fixedrange": True},
            "yaxis": {"visible": False, "range": [far, near], "fixedrange": True, "scaleanchor": "x", "scaleratio": 1},
        },
    )  # fmt: skip


def is_crowded(rows: Sequence[ZoneRow]) -> bool:
    """Return whether zones are many and too small on the plan to carry their names; a few have room around them."""
    left, right, _, _ = _bounds(rows)
    return len(rows) > MAX_LABELS and any(row.zone.w < NAME_SHARE * (right - left) for row in rows)


def fitting_height(rows: Sequence[ZoneRow], *, width: int, most: int) -> int:
    """Return the height at which a plan so wide fills its width, within bounds; all in pixels."""
    left, right, near, far = _bounds(rows)
    return max(LEAST_HEIGHT, min(most, round(width * (far - near) / (right - left))))


def _bounds(rows: Sequence[ZoneRow]) -> tuple[float, float, float, float]:
    if not rows:
        return 0.0, 1.0, 0.0, 1.0
    return (
        min(row.zone.x for row in rows) - MARGIN_M,
        max(row.zone.x + row.zone.w for row in rows) + MARGIN_M,
        min(row.zone.y for row in rows) - MARGIN_M,
        max(row.zone.y + row.zone.h for row in rows) + MARGIN_M,
    )


def _rectangles(look: str, rows: Sequence[ZoneRow]) -> go.Scatter:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for row in rows:
        zone = row.zone
        right, far = zone.x + zone.w, zone.y + zone.h
        xs += [zone.x, right, right, zone.x, zone.x, None]
        ys += [zone.y, zone.y, far, far, zone.y, None]
    state, _, heat = look.partition("-")
    line = {"seen": "#9db5ae", "stale": STALE, "blind": BLIND, "unwatched": "#c9cfcc"}[state]
    dash = {"seen": "solid", "stale": "dash", "blind": "solid", "unwatched": "dot"}[state]
    look_of: dict[str, object] = {"fillcolor": HEAT[int(heat)] if heat else "rgba(255,255,255,0.6)"}
    if state == "blind":
        look_of = {
            "fillcolor": "#e4e6e6",
            "fillpattern": {
                "shape": "/",
                "fgcolor": "#c2c8cb",
                "bgcolor": "#f0f1f0",
                "size": 9,
                "solidity": 0.22,
            },
        }
    return go.Scatter(
        x=xs, y=ys, mode="lines", fill="toself", hoverinfo="skip",
        line={"color": line, "width": 2 if state in ("stale", "blind") else 1.2, "dash": dash}, **look_of,
    )  # fmt: skip


def _labels(rows: Sequence[ZoneRow], words: Words, span: Span) -> go.Scatter:
    # The liveliest zones and those that cannot be seen speak; a wall of names would say nothing.
    left, right, _, _ = _bounds(rows)
    shares = {row.zone.zone: row.zone.w / (right - left) for row in rows}
    crowded = is_crowded(rows)
    able = [row for row in rows if not crowded or shares[row.zone.zone] >= FIGURE_SHARE]
    ranked = sorted(
        able, key=lambda row: (row.state not in ("blind", "stale"), -(activity(row, span) or -1))
    )[:MAX_LABELS]
    return go.Scatter(
        x=[row.zone.x + row.zone.w / 2 for row in ranked],
        y=[row.zone.y + row.zone.h / 2 for row in ranked],
        mode="text",
        hoverinfo="skip",
        text=[
            _figure(row, words, span)
            if crowded and shares[row.zone.zone] < NAME_SHARE
            else _label(row, words, span)
            for row in ranked
        ],
        textfont={"size": 12, "color": [_label_colour(row, rows, span) for row in ranked]},
    )


def _label_colour(row: ZoneRow, rows: Sequence[ZoneRow], span: Span) -> str:
    dark = heat_class(activity(row, span) or 0, legend(rows, span)[0]) == len(HEAT) - 1
    if row.state == "unwatched":
        return QUIET
    return "#ffffff" if dark and row.state in ("seen", "stale") else INK


def _label(row: ZoneRow, words: Words, span: Span) -> str:
    name = html.escape(plain(zone_name(row, words), most=14))
    if row.state == "blind":
        return f"{name}<br><b>{words('state.blind')}</b>"
    value = activity(row, span)
    if value is None:
        return name
    mark = f" · {words('state.stale')}" if row.state == "stale" else ""
    return f"{name}<br><b>{words.number(value)}{mark}</b>"


def _figure(row: ZoneRow, words: Words, span: Span) -> str:
    value = activity(row, span)
    return "" if row.state == "blind" or value is None else f"<b>{words.number(value)}</b>"


def _touch_points(rows: Sequence[ZoneRow], words: Words, span: Span) -> go.Scatter:
    """Return invisible points that carry each zone's figures on hover and touch."""
    texts = []
    for row in rows:
        units = f"{words.number(row.units)}{' ?' if row.uncertain else ''}" if row.units is not None else DASH
        texts.append(
            f"<b>{html.escape(zone_name(row, words))}</b> · {words(f'state.{row.state}')}"
            f"<br>{words('floor.activity')} {words.number(activity(row, span))}"
            f"<br>{words('floor.units')} {units}"
        )
    return go.Scatter(
        x=[row.zone.x + row.zone.w / 2 for row in rows],
        y=[row.zone.y + row.zone.h / 2 for row in rows],
        mode="markers",
        marker={"size": 44, "opacity": 0},
        text=texts,
        hovertemplate="%{text}<extra></extra>",
    )
