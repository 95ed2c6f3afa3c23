"""Pictures of the scoreboard: one bar chart per kind of event, one curve per parameter. matplotlib, SVG."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contract.errors import ConfigError

if TYPE_CHECKING:
    from cli.bench.sensing.report import Run

COLOURS: Final = ("#0b7285", "#adb5bd", "#868e96", "#ced4da", "#495057", "#e8590c")
FIGURES: Final = {
    "reads_per_s": "reads a second of the reader",
    "gap_db": "gap between own and next zone, dB",
}
SHELVES: Final = ("jewel-dense", "jewel-sparse", "rail-body", "neighbour-move", "chaos")


def draw(means: "dict[Run, dict[str, Any]]", folder: Path) -> list[Path]:
    """Draw what there are results for.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "plots need matplotlib; expected `pip install matplotlib` or `make setup`"
        ) from error
    mpl.rcParams["svg.hashsalt"] = "shelfwise"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    shelves = [name for name in SHELVES if any(run.scenario == name for run in means)]
    if shelves:
        figure = Figure(figsize=(9.0, 3.6), layout="constrained")
        axes = figure.subplots()
        methods = list(
            dict.fromkeys(run.method for run in means if run.scenario in shelves and not run.parameter)
        )
        width = 0.8 / len(methods)
        for number, method in enumerate(methods):
            heights = [_f1(means, name, method) for name in shelves]
            places = [index + (number - (len(methods) - 1) / 2) * width for index in range(len(shelves))]
            axes.bar(places, heights, width, label=method, color=COLOURS[number % len(COLOURS)])
        axes.set_xticks(range(len(shelves)), shelves)
        axes.set_ylabel("pick F1 (simulated)")
        axes.set_ylim(0.0, 1.0)
        axes.legend(ncols=3, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.25), frameon=False)
        written.append(_saved(figure, folder / "sensing-pick-f1.svg"))
    for parameter, label in FIGURES.items():
        runs = sorted(run for run in means if run.parameter == parameter)
        if not runs:
            continue
        figure = Figure(figsize=(9.0, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        methods = sorted({run.method for run in runs}, key=lambda name: (name != "shelfwise", name))
        for number, method in enumerate(methods):
            own = [run for run in runs if run.method == method]
            values = [run.value for run in own]
            style: dict[str, Any] = {"marker": "o", "label": method, "color": COLOURS[(0, 2, 5)[number % 3]]}
            left.plot(values, [means[run]["pick"]["f1"] or 0.0 for run in own], **style)
            right.plot(values, [100 * means[run]["state_error"] for run in own], **style)
        left.set_ylabel("pick F1 (simulated)")
        left.set_ylim(0.0, 1.0)
        right.set_ylabel("state error, % (simulated)")
        right.set_yscale("log")
        for axes in (left, right):
            axes.set_xlabel(label)
            axes.grid(alpha=0.3)
        left.legend(fontsize=8, frameon=False)
        figure.suptitle(f"{runs[0].scenario}", fontsize=10)
        written.append(_saved(figure, folder / f"sensing-{parameter.replace('_', '-')}.svg"))
    return written


def _f1(means: "dict[Run, dict[str, Any]]", scenario: str, method: str) -> float:
    for run, parts in means.items():
        if (run.scenario, run.method, run.radio, run.parameter) == (scenario, method, "threshold", ""):
            return float(parts["pick"]["f1"] or 0.0)
    return 0.0


def _saved(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    return path
