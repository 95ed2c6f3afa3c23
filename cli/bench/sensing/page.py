"""The report as Markdown: a table per scenario, methods as columns, and where the second radio model differs."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cli.bench.sensing.report import Run

FALLS: Final = 0.05
"""A figure that is lower by this much on the second radio model is named."""

MADE: Final = (
    "Made by `shelfwise bench sensing-report`; not edited by hand. Every figure is from **simulated** stores"
    " whose truth is known, none from a real shop."
)
EXPLAINED: Final = (
    "What the scenarios contain: [sensing](sensing.md#how-well-does-it-work). The other columns are published rules"
    " on the same streams. `rician` is the product on a second radio model, with Rician fading per channel and"
    " bodies that block neighbours alike, which was kept out of tuning."
)

TARGETS: Final = (
    ("jewel-dense", "pick f1", ">=", 0.75),
    ("jewel-dense", "pick recall_long", ">=", 0.92),
    ("jewel-dense", "pick false_per_100_tag_h", "<=", 3.0),
    ("jewel-dense", "state_error", "<=", 0.0030),
    ("jewel-sparse", "pick f1", ">=", 0.93),
    ("jewel-sparse", "put_back f1", ">=", 0.92),
    ("jewel-sparse", "pick delay_p50_s", "<=", 5.0),
    ("rail-body", "pick f1", ">=", 0.87),
    ("rail-body", "pick false_per_100_tag_h", "<=", 8.0),
    ("rail-body", "state_error", "<=", 0.0035),
    ("neighbour-move", "wrong_zone", "<=", 0.0010),
    ("neighbour-move", "move f1", ">=", 0.90),
    ("dock-stray", "gate f1", ">=", 0.90),
    ("dock-stray", "gate direction", ">=", 0.96),
    ("dock-stray", "gate stray_false", "<=", 0.03),
    ("store-exit", "gate f1", ">=", 0.985),
    ("weight-vibration", "weight precision", ">=", 0.98),
    ("weight-vibration", "weight recall", ">=", 0.99),
    ("weight-vibration", "weight id_single", ">=", 0.92),
    ("weight-vibration", "weight delay_p95_s", "<=", 1.0),
    ("door-groups", "footfall error_1m", "<=", 0.03),
    ("door-groups", "footfall error_2m", "<=", 0.06),
    ("door-groups", "footfall u_turn_false", "<=", 0.01),
    ("fitting-wall", "try_on f1", ">=", 0.92),
    ("fitting-wall", "try_on right_room", ">=", 0.95),
    ("fitting-wall", "try_on outcome", ">=", 0.95),
    ("chaos", "chaos f1_loss", "<=", 0.02),
    ("chaos", "chaos from_outage", "<=", 0.0),
    ("chaos", "chaos from_ghost", "<=", 0.0),
)
"""What the project wants of itself: scenario, figure, bound."""

SHARES: Final = ("precision", "recall", "f1")
DIGITS: Final = 3
SKIPPED: Final = ("minutes", "seeds")


def page(means: "dict[Run, dict[str, Any]]", seeds: list[int], minutes: float) -> str:
    """Return the page."""
    used = ", ".join(map(str, seeds))
    lines = [
        "# Sensing report (simulated)",
        "",
        f"{MADE} Means over the seeds {used}, {minutes:g} minutes each; seeds 1 to 10 were used for tuning and are in no figure.",
        "",
        "## Targets",
        "",
        *_targets(means),
        "",
        "![Pick F1 of each method on each shelf scenario, simulated](pictures/sensing-pick-f1.svg)",
        "",
        "## Curves",
        "",
        "One parameter varied, everything else as in the scenario; the first two of the seeds.",
        "",
        "![Pick F1 and state error over the reader's read rate, simulated](pictures/sensing-reads-per-s.svg)",
        "",
        "![Pick F1 and state error over the gap between zones, simulated](pictures/sensing-gap-db.svg)",
        "",
        "## Scenarios",
        "",
        EXPLAINED,
        "",
    ]
    plain = {run: parts for run, parts in means.items() if not run.parameter}
    for name in sorted({run.scenario for run in plain}):
        lines += _scenario(name, {run: parts for run, parts in plain.items() if run.scenario == name})
    return "\n".join(lines) + "\n"


def _targets(means: "dict[Run, dict[str, Any]]") -> list[str]:
    own = {
        run.scenario: _flat(parts)
        for run, parts in means.items()
        if (run.method, run.radio, run.parameter) == ("shelfwise", "threshold", "")
    }
    lines = ["| scenario | figure | wanted | reached | |", "|---|---|---|---|---|"]
    for scenario, label, bound, wanted in TARGETS:
        figure = own.get(scenario, {}).get(label)
        if figure is not None:
            good = figure >= wanted if bound == ">=" else figure <= wanted
            sign = "≥" if bound == ">=" else "≤"
            verdict = "yes" if good else "**no**"
            lines.append(f"| {scenario} | {label} | {sign} {wanted:g} | {_cell(figure)} | {verdict} |")
    return lines


def _scenario(name: str, runs: "dict[Run, dict[str, Any]]") -> list[str]:
    columns = {
        run.method if run.radio == "threshold" else f"{run.method}, rician": _flat(parts)
        for run, parts in sorted(
            runs.items(), key=lambda one: (one[0].method != "shelfwise", one[0].radio != "threshold")
        )
    }
    labels = list(dict.fromkeys(label for figures in columns.values() for label in figures))
    lines = [f"### {name}", "", "| figure | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for label in labels:
        cells = [_cell(figures.get(label)) for figures in columns.values()]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    falls = _falls(runs)
    if falls:
        lines += ["", "Lower on the second radio model by five points or more: " + ", ".join(falls) + "."]
    return [*lines, ""]


def _falls(runs: "dict[Run, dict[str, Any]]") -> list[str]:
    by_radio: dict[str, dict[str, float | None]] = {}
    first = min((run.method for run in runs), key=lambda method: method != "shelfwise")
    for run, parts in runs.items():
        if run.method == first:
            by_radio[run.radio] = _flat(parts)
    usual, other = by_radio.get("threshold", {}), by_radio.get("rician", {})
    found = []
    for label, figure in usual.items():
        second = other.get(label)
        is_share = label.split(" ")[-1].startswith((*SHARES, "recall_long", "direction", "right", "outcome"))
        if is_share and figure is not None and second is not None and figure - second >= FALLS:
            found.append(f"{label} {figure:.3f} → {second:.3f}")
    return found


def _flat(parts: dict[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for key, value in parts.items():
        if isinstance(value, dict):
            found |= {
                f"{key} {inner}": figure for inner, figure in value.items() if not isinstance(figure, dict)
            }
        elif key not in SKIPPED and not isinstance(value, list | str):
            found[key] = value
    return found


def _cell(figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{figure:.{DIGITS}g}" if abs(figure) < 1 else f"{figure:.1f}"
