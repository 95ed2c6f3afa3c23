"""The command: one scenario, one or all methods, several seeds; figures are means over the seeds.

Every figure comes from simulation and is called simulated. Seeds 1 to 10 were used for tuning; a claim
needs others.
"""

import json
import resource
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cli.bench.sensing.contest import Conditions, contest, contests, mean_of
from contract.errors import ConfigError

TUNING_SEEDS: Final = range(1, 11)
DIGITS: Final = 4


def sensing(
    *,
    scenario: Annotated[str, typer.Option(help="one scenario, or 'all'")] = "all",
    seeds: Annotated[
        str, typer.Option(help="numbers with commas; 1 to 10 were used for tuning")
    ] = "101,102,103",
    minutes: Annotated[float, typer.Option(min=1, help="simulated time of each run")] = 30.0,
    method: Annotated[str, typer.Option(help="one method, or 'all'")] = "all",
    radio: Annotated[str, typer.Option(help="radio model: threshold or rician")] = "threshold",
    vary: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=NUMBER of the scenario's physics")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a line on standard output")
    ] = False,
) -> None:
    """Score sensing methods on simulated stores whose truth is known.

    Example: shelfwise bench sensing --scenario jewel-dense --seeds 101,102,103 --json
    """
    conditions = Conditions(minutes=minutes, radio=_radio(radio), overrides=_overrides(vary or []))
    numbers = _seeds(seeds)
    names = list(contests()) if scenario == "all" else [scenario]
    runs = [
        (name, one)
        for name in names
        for one in ([method] if method != "all" else contest(name).methods)
        if method == "all" or scenario != "all" or method in contest(name).methods
    ]
    for name, one in runs:
        contest(name, one)
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=len(runs) * len(numbers))
        for name, one in runs:
            parts = []
            for seed in numbers:
                progress.update(bar, description=f"{name} {one} seed {seed}")
                parts.append(contest(name, one).run(one, seed, conditions))
                progress.advance(bar)
            result = {"scenario": name, "method": one, "seeds": numbers, "minutes": minutes, "radio": radio}
            result |= mean_of(parts) | {"rss_mb": _peak_rss_mb(), "simulated": True}
            results.append(result)
            if as_json:
                print(json.dumps(_rounded(result)), flush=True)
    if not as_json:
        _show(results)


def _radio(name: str) -> Literal["threshold", "rician"]:
    if name == "threshold":
        return "threshold"
    if name == "rician":
        return "rician"
    raise ConfigError(f"there is no radio model {name!r}; expected 'threshold' or 'rician'")


def _seeds(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--seeds is {text!r}; expected whole numbers with commas, for example 101,102,103"
        ) from error


def _overrides(pairs: list[str]) -> dict[str, float]:
    found = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        try:
            found[name] = float(number)
        except ValueError as error:
            raise ConfigError(f"--set is {pair!r}; expected NAME=NUMBER, for example gap_db=12") from error
    return found


def _peak_rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value


def _show(results: list[dict[str, Any]]) -> None:
    console = Console()
    for name in dict.fromkeys(result["scenario"] for result in results):
        table = Table(title=f"{name} (simulated)")
        table.add_column("figure")
        rows: dict[str, list[str]] = {}
        own = [result for result in results if result["scenario"] == name]
        for position, result in enumerate(own):
            table.add_column(result["method"], justify="right")
            for label, figure in _flat(result):
                rows.setdefault(label, [""] * len(own))[position] = "–" if figure is None else f"{figure:.4g}"
        for label, cells in rows.items():
            table.add_row(label, *cells)
        console.print(table)


def _flat(result: dict[str, Any]) -> list[tuple[str, float | None]]:
    found: list[tuple[str, float | None]] = []
    for key, value in result.items():
        if isinstance(value, dict):
            found += [(f"{key} {inner}", figure) for inner, figure in value.items()]
        elif key in ("state_error", "cpu_ms_per_cycle", "rss_mb", "wrong_zone", "read_probability"):
            found.append((key, value))
    return found
