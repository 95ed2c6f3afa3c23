"""``shelfwise bench sensing-report``: every scenario, every method, both radio models, and two curves, as a page.

Runs are independent of each other and are spread over processes. Each result is appended to a file of JSON lines
as soon as it is there, and a run that is in the file is not made again: a report that was stopped goes on
where it was. Everything on the page is simulated, and the page says so.
"""

import json
import multiprocessing
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from cli.bench.sensing.contest import Conditions, contest, contests, mean_of
from cli.bench.sensing.page import page
from cli.bench.sensing.plots import draw
from contract.errors import ConfigError

OWN: Final = "shelfwise"
CURVES: Final = {
    "reads_per_s": ("jewel-dense", (100.0, 200.0, 300.0, 500.0, 700.0)),
    "gap_db": ("neighbour-move", (8.0, 10.0, 12.0, 15.0, 20.0)),
}
"""Parameter → scenario, values. Read rate is that of the reader, the gap that between own and next zone."""

CURVE_METHODS: Final = (OWN, "fixed10-hyst6", "smurf")


class Run(msgspec.Struct, frozen=True, order=True):
    """One run: what makes it different from the others."""

    scenario: str
    method: str
    radio: str
    seed: int
    minutes: float
    parameter: str = ""
    value: float = 0.0

    @property
    def conditions(self) -> Conditions:
        """Return what it is run under."""
        vary = {self.parameter: self.value} if self.parameter else {}
        return msgspec.convert({"minutes": self.minutes, "radio": self.radio, "overrides": vary}, Conditions)


def sensing_report(
    *,
    seeds: Annotated[
        str, typer.Option(help="numbers with commas; 1 to 10 were used for tuning")
    ] = "201,202,203,204",
    minutes: Annotated[float, typer.Option(min=1, help="simulated time of each run")] = 30.0,
    out: Annotated[
        Path, typer.Option(help="folder for the page; its pictures go to 'pictures' there")
    ] = Path("docs"),
    results: Annotated[Path, typer.Option(help="file of results; what is in it is not run again")] = Path(
        "artifacts/sensing.jsonl"
    ),
    processes: Annotated[int, typer.Option(min=1, help="runs at a time")] = 2,
    only: Annotated[str, typer.Option(help="scenarios with commas; all when empty")] = "",
) -> None:
    """Run the whole scoreboard and write docs/sensing-report.md with its pictures.

    Example: shelfwise bench sensing-report --seeds 201,202,203,204
    """
    numbers = _numbers(seeds)
    names = only.split(",") if only else list(contests())
    wanted = planned(names, numbers, minutes)
    results.parent.mkdir(parents=True, exist_ok=True)
    found = read_results(results)
    missing = [run for run in wanted if run not in found]
    with (
        results.open("a", encoding="utf-8") as file,
        Progress(console=Console(stderr=True), transient=True) as progress,
        multiprocessing.get_context("spawn").Pool(processes, _one_thread, maxtasksperchild=20) as pool,
    ):
        bar = progress.add_task("", total=len(missing))
        for run, parts in pool.imap_unordered(made, missing):
            progress.update(bar, description=f"{run.scenario} {run.method} {run.radio} seed {run.seed}")
            found[run] = parts
            file.write(json.dumps({"run": msgspec.to_builtins(run), "parts": parts}) + "\n")
            file.flush()
            progress.advance(bar)
    kept = {run: found[run] for run in wanted}
    draw(averaged(kept), out / "pictures")
    (out / "sensing-report.md").write_text(page(averaged(kept), numbers, minutes), encoding="utf-8")
    print(f"{out / 'sensing-report.md'}: {len(kept)} runs, {len(missing)} of them new")


def planned(names: Iterable[str], seeds: list[int], minutes: float) -> list[Run]:
    """Return every run of a report, longest scenarios not last."""
    runs = [
        Run(name, method, radio, seed, minutes)
        for name in names
        for method in contest(name).methods
        for radio in contest(name).radios
        if radio == "threshold" or method == contest(name).methods[0]
        for seed in seeds
    ]
    runs += [
        Run(scenario, method, "threshold", seed, minutes, parameter, value)
        for parameter, (scenario, values) in CURVES.items()
        if scenario in names
        for value in values
        for method in CURVE_METHODS
        for seed in seeds[:2]
    ]
    return runs


def made(run: Run) -> tuple[Run, dict[str, Any]]:
    """Make one run."""
    return run, contest(run.scenario).run(run.method, run.seed, run.conditions)


def averaged(found: dict[Run, dict[str, Any]]) -> dict[Run, dict[str, Any]]:
    """Return means over seeds; the runs' seeds are 0."""
    groups: dict[Run, list[dict[str, Any]]] = {}
    for run, parts in found.items():
        groups.setdefault(msgspec.structs.replace(run, seed=0), []).append(parts)
    return {run: mean_of(parts) for run, parts in groups.items()}


def read_results(path: Path) -> dict[Run, dict[str, Any]]:
    """Return the results in a file; none when it is not there.

    Raises:
        ConfigError: a line is no result.
    """
    found: dict[Run, dict[str, Any]] = {}
    if not path.exists():
        return found
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            found[msgspec.convert(entry["run"], Run)] = entry["parts"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}, line {number} is no result of a run: {error}; remove it") from error
    return found


def _one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--seeds is {text!r}; expected whole numbers with commas, for example 201,202"
        ) from error
