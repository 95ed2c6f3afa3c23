#!/usr/bin/env python3
"""Draw docs/pictures/flow.svg: one read's way, stage by stage, with the package that does each.

Hand-made SVG, readable on a light and on a dark page. Run it after a stage has changed its name:

    .venv/bin/python scripts/flow_picture.py
"""

from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

TARGET: Final = Path(__file__).parent.parent / "docs" / "pictures" / "flow.svg"


class Stage(NamedTuple):
    """What a stage hands on, and the package that does it."""

    gives: str
    by: str


class Side(NamedTuple):
    """One machine's row of stages."""

    title: str
    colour: str
    stages: tuple[Stage, ...]


EDGE: Final = Side(
    "on the Pi",
    "#0f766e",
    (
        Stage("device bytes", "edge.transports"),
        Stage("frames", "contract.wire"),
        Stage("reads", "edge.drivers"),
        Stage("observations", "edge.sensing"),
        Stage("outbox", "edge.outbox"),
        Stage("MQTT", "edge.uplink"),
    ),
)
HUB: Final = Side(
    "in the back room",
    "#1d4ed8",
    (
        Stage("batches", "hub.ingest"),
        Stage("ledger", "hub.ledger"),
        Stage("projections", "hub.projections"),
        Stage("plans", "hub.planning"),
        Stage("API", "hub.api"),
        Stage("screen", "dashboard"),
    ),
)
BOX_W: Final = 148
BOX_H: Final = 62
GAP: Final = 26
LEFT: Final = 24
WIDTH: Final = 2 * LEFT + 6 * BOX_W + 5 * GAP
ROWS: Final = (64, 226)
HEIGHT: Final = 332


def row(side: Side, top: int, title_y: int) -> list[str]:
    """Return the title, boxes and arrows of one side."""
    parts = [f'<text class="title" x="{LEFT}" y="{title_y}" fill="{side.colour}">{escape(side.title)}</text>']
    for number, stage in enumerate(side.stages):
        x = LEFT + number * (BOX_W + GAP)
        middle = x + BOX_W // 2
        parts += [
            f'<rect x="{x}" y="{top}" width="{BOX_W}" height="{BOX_H}" rx="8" fill="{side.colour}"/>',
            f'<text class="gives" x="{middle}" y="{top + 27}">{escape(stage.gives)}</text>',
            f'<text class="by" x="{middle}" y="{top + 48}">{escape(stage.by)}</text>',
        ]
        if number:
            parts.append(line(f"M{x - GAP + 3} {top + BOX_H // 2} H{x - 5}"))
    return parts


def line(path: str, style: str = "") -> str:
    """Return an arrow along a path."""
    return f'<path class="arrow{style}" d="{path}" marker-end="url(#head)"/>'


def picture() -> str:
    """Return the whole drawing."""
    first, second = ROWS
    last_middle = LEFT + 5 * (BOX_W + GAP) + BOX_W // 2
    outbox_middle = LEFT + 4 * (BOX_W + GAP) + BOX_W // 2
    ingest_middle = LEFT + BOX_W // 2
    between = (first + BOX_H + second) // 2
    parts = [
        *row(EDGE, first, first - 16),
        *row(HUB, second, second + BOX_H + 28),
        line(f"M{last_middle} {first + BOX_H + 2} V{between + 18} H{ingest_middle} V{second - 5}"),
        line(
            f"M{ingest_middle - 40} {second - 2} V{between - 12} H{outbox_middle} V{first + BOX_H + 5}",
            " back",
        ),
        f'<text class="note" x="{WIDTH // 2 - 100}" y="{between + 8}">the receipt: only what the hub has committed leaves the outbox</text>',
    ]
    body = "\n".join(f"  {part}" for part in parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="what">
  <title id="what">Device bytes become frames, reads, observations, wait in the outbox, cross MQTT, and become ledger, projections, plans, API and screen; a receipt comes back.</title>
  <style>
    text {{ font-family: system-ui, sans-serif; }}
    .title {{ font-size: 17px; font-weight: 600; }}
    .gives {{ font-size: 17px; font-weight: 600; fill: #fff; text-anchor: middle; }}
    .by {{ font-size: 13px; fill: #fff; text-anchor: middle; font-family: ui-monospace, monospace; }}
    .note {{ font-size: 14px; fill: #64748b; text-anchor: middle; }}
    .arrow {{ fill: none; stroke: #64748b; stroke-width: 2; }}
    .back {{ stroke-dasharray: 6 4; }}
  </style>
  <defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#64748b"/></marker></defs>
{body}
</svg>
"""


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(picture(), encoding="utf-8")
