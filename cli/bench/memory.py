"""``shelfwise bench memory``: what each program of the demonstration holds after half an hour.

The demonstration store runs in real time with live shoppers and two viewers at the screen; resident memory (VmRSS of
/proc/PID/status) is sampled after a warm-up and at the end. Growth is the median of the last tenth of
the samples over the median of the first tenth after the warm-up.
"""

import asyncio
import contextlib
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from websockets.exceptions import ConnectionClosed

from cli.bench.viewer import watch
from cli.broker import answers

if TYPE_CHECKING:
    from cli.store import LocalStore

BOUNDS_MIB: Final = {"broker": 60, "hub": 250, "edge": 120, "dashboard": 350}
MAX_GROWTH: Final = 0.05
SAMPLE_S: Final = 5.0
VIEWERS: Final = 2


def memory(
    *,
    minutes: Annotated[float, typer.Option(min=0.2, help="how long the store is open")] = 30.0,
    warm_up_minutes: Annotated[
        float, typer.Option(min=0.0, help="samples before this are not counted")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Run the demonstration store and print the memory of each of its programs.

    Exits with 1 when a bound or the growth limit is passed.

    Example: shelfwise bench memory --minutes 30
    """
    with tempfile.TemporaryDirectory(prefix="shelfwise-") as scratch:
        # The hub's libraries take 90 MB, which every other bench would carry.
        from cli.store import LocalStore

        samples = _run(LocalStore(Path(scratch), "popup"), minutes * 60, warm_up_minutes * 60)
    report = {name: _judge(name, found) for name, found in samples.items()}
    if as_json:
        print(json.dumps(report))
    else:
        table = Table(
            "program",
            "MiB at the end",
            "bound",
            "growth",
            "",
            title=f"resident memory after {minutes:g} minutes",
        )
        for name, row in report.items():
            bound = str(row["bound_mib"] or "")
            table.add_row(
                name,
                f"{row['rss_mib']:.0f}",
                bound,
                f"{row['growth']:.1%}",
                "ok" if row["good"] else "[red]too much[/red]",
            )
        Console().print(table)
    raise typer.Exit(0 if all(row["good"] for row in report.values()) else 1)


def _run(store: "LocalStore", seconds: float, warm_up_s: float) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {}
    console = Console(stderr=True)
    with store.family, console.status("the demonstration store is open …"):
        store.write_history(seed=7)
        store.start(noise=True, seed=7)
        store.start_dashboard()
        store.family.wait_for("the screen", lambda: answers(store.dashboard_port), 60)
        started = time.monotonic()
        for _ in range(VIEWERS):
            threading.Thread(
                target=_look, args=(f"ws://127.0.0.1:{store.dashboard_port}", started + seconds), daemon=True
            ).start()
        while (open_s := time.monotonic() - started) < seconds:
            store.family.check()
            for name, child in store.family.children.items():
                if child.pid is not None and open_s >= warm_up_s:
                    samples.setdefault(name, []).append(resident_mib(child.pid))
            time.sleep(SAMPLE_S)
    return samples


def _look(url: str, until: float) -> None:
    """A viewer at protocol level, for as long as the store is open."""
    with contextlib.suppress(OSError, ConnectionClosed):
        asyncio.run(watch(url, until=until, start_after_s=0.0, measure_from=until))


def resident_mib(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _judge(name: str, found: list[float]) -> dict[str, Any]:
    tenth = max(1, len(found) // 10)
    early, late = statistics.median(found[:tenth]), statistics.median(found[-tenth:])
    growth = late / early - 1 if early else 0.0
    bound = BOUNDS_MIB.get(name)
    good = bound is None or (late <= bound and growth <= MAX_GROWTH)
    return {"rss_mib": round(late, 1), "bound_mib": bound, "growth": round(growth, 4), "good": good}
