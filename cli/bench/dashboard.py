"""``shelfwise bench dashboard``: what the live screen costs with many viewers.

A simulated store runs, the screen's server runs beside it, and viewers at protocol level look at the
first page as browsers do. CPU is the server process's own clock over the time measured (1.00 is one
core); the store, the hub and the viewers are not in it.
"""

import asyncio
import json
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from cli.bench.viewer import Looked, watch
from cli.broker import free_port
from cli.children import Child, shelfwise
from contract.errors import ConfigError

SEED: Final = 7
WARM_S: Final = 4.0


def dashboard(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    viewers: Annotated[str, typer.Option(help="numbers of viewers to measure, with commas")] = "10,30",
    seconds: Annotated[float, typer.Option(min=2, help="length of each measurement")] = 15.0,
    hub_url: Annotated[str, typer.Option(help="measure against this hub instead of a simulated store")] = "",
) -> None:
    """Measure CPU, answer times, bytes and rates of the live screen at one refresh a second.

    Example: shelfwise bench dashboard --viewers 10,30 --json
    """
    counts = _counts(viewers)
    console = Console(stderr=True)
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="shelfwise-bench-") as scratch:
        # The hub's libraries take 90 MB, which every other bench would carry.
        from cli.store import LocalStore

        store = LocalStore(Path(scratch), "busy")
        with store.family:
            if not hub_url:
                store.start(noise=False, seed=SEED)
            port = free_port()
            command = shelfwise("dashboard", "run", "--hub-url", hub_url or store.url, "--port", str(port))
            server = store.family.start(Child("dashboard", command, Path(scratch) / "dashboard.log"))
            store.family.wait_for("the screen", lambda: _listens(port), 30)
            for count in counts:
                report[str(count)] = _measure(f"ws://127.0.0.1:{port}", server.pid or 0, count, seconds)
                console.print(f"{count} viewers: {report[str(count)]}")
    if as_json:
        print(json.dumps(report))
        return
    table = Table(
        "viewers", "share of one core", "answer p50 ms", "p95 ms", "kB per refresh", "slowest viewer's share of its rate",
        title="the live screen at one refresh a second",
    )  # fmt: skip
    for name, row in report.items():
        table.add_row(name, *(f"{value:,}" for value in row.values()))
    Console().print(table)


def _counts(viewers: str) -> list[int]:
    try:
        counts = [int(part) for part in viewers.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--viewers {viewers!r}: expected whole numbers with commas, for example 10,30"
        ) from error
    if not counts or min(counts) < 1:
        raise ConfigError(f"--viewers {viewers!r}: expected numbers of 1 or more")
    return counts


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_s(pid: int) -> float:
    """Return the processor seconds a process has used, by the kernel's account."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _measure(url: str, pid: int, count: int, seconds: float) -> dict[str, Any]:
    async def run() -> tuple[list[Looked], float]:
        spread_s = 2.0
        measure_from = time.monotonic() + spread_s + WARM_S
        until = measure_from + seconds
        tasks = [
            asyncio.create_task(
                watch(url, until=until, start_after_s=spread_s * index / count, measure_from=measure_from)
            )
            for index in range(count)
        ]
        await asyncio.sleep(max(0.0, measure_from - time.monotonic()))
        before, began = cpu_s(pid), time.monotonic()
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        share = (cpu_s(pid) - before) / (time.monotonic() - began)
        return await asyncio.gather(*tasks), share

    seen, share = asyncio.run(run())
    return summary(seen, share)


def summary(seen: list[Looked], share: float) -> dict[str, Any]:
    """Return the figures of one measurement."""
    answers = sorted(answer for one in seen for answer in one.answers_s)
    sizes = [size for one in seen for size in one.sizes]
    rates = [min(1.0, len(one.answers_s) / one.wanted) if one.wanted > 0 else 0.0 for one in seen]
    return {
        "cpu_share": round(share, 3),
        "answer_p50_ms": round(1000 * statistics.median(answers), 1) if answers else None,
        "answer_p95_ms": round(1000 * answers[int(0.95 * (len(answers) - 1))], 1) if answers else None,
        "payload_kb": round(statistics.mean(sizes) / 1000, 1) if sizes else None,
        "slowest_rate": round(min(rates, default=0.0), 3),
    }
