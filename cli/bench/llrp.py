"""``shelfwise bench llrp``: what four LLRP readers at full rate cost the edge.

Each simulated reader and the edge run in a process of their own, on one machine, over loopback. The edge
runs lines, drivers, presence sensing and the outbox as the agent does. CPU share is the edge process's
own clock over wall time; 1.00 is one core. The yardstick, in the same run, is a bare loop that parses as
many of the same reports and does nothing else; beside it, what a complete LLRP library takes to parse one.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from llrpkit.protocol import decode_message
from rich.console import Console
from rich.table import Table

from contract.errors import LinkError
from contract.wire import llrp as wire

MAX_CPU_SHARE: Final = 0.5
MIN_RECEIVED: Final = 0.95
YARDSTICK_REPORTS: Final = 20_000
LIBRARY_REPORTS: Final = 5_000
ANTENNAS: Final = 4

READER: Final = """
[[devices]]
id = "reader-{number}"
driver = "llrp"
transport = "llrp"
address = "127.0.0.1:{port}"
settings = {{ region = "us", tags_per_report = {tags_per_report} }}
antennas = {{ {zones} }}
"""


def llrp(
    *,
    readers: Annotated[int, typer.Option(min=1, max=16, help="simulated readers")] = 4,
    reads_per_s: Annotated[float, typer.Option(min=1, help="of each reader")] = 1_000.0,
    seconds: Annotated[float, typer.Option(min=1, help="how long each figure is measured")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Measure the edge's share of a core with LLRP readers, one and ten tags per report.

    Exits with 1 when the share passes 0.50 of a core or reads are missing.

    Example: shelfwise bench llrp --json
    """
    parse_us, library_us = _yardsticks()
    report: dict[str, Any] = {
        "yardstick_us_per_read": round(parse_us, 1),
        "library_us_per_read": round(library_us, 1),
    }
    good = True
    for tags_per_report in (1, 10):
        found = _measure(readers, reads_per_s, seconds, tags_per_report)
        received = sum(found["reads"].values())
        share, us_per_read = found["cpu_s"] / found["wall_s"], found["cpu_s"] / max(received, 1) * 1e6
        good = (
            good
            and share <= MAX_CPU_SHARE
            and received >= MIN_RECEIVED * readers * reads_per_s * found["wall_s"]
        )
        report |= {
            f"reads_per_s_{tags_per_report}": round(received / found["wall_s"]),
            f"cpu_share_{tags_per_report}": round(share, 3),
            f"us_per_read_{tags_per_report}": round(us_per_read, 1),
            f"ratio_{tags_per_report}": round(us_per_read / parse_us, 2),
        }
    if as_json:
        print(json.dumps(report))
    else:
        table = Table(
            "figure", "value", title=f"{readers} LLRP readers at {reads_per_s:g} reads a second each"
        )
        for key, value in report.items():
            table.add_row(key, f"{value:,}")
        Console().print(table)
    if not good:
        raise typer.Exit(1)


def _yardsticks() -> tuple[float, float]:
    """Return microseconds per read of the bare parse loop, and of a complete library."""
    tag = wire.TagReport(
        "E2" + "0" * 21 + "5", 1, -55.25, 120.0, 903_250, 1, "3000", None, 1_800_000_000_000_000
    )
    body = wire.encode_report([tag], {903_250: 2})
    raw = wire.encode(wire.Message(wire.RO_ACCESS_REPORT, 1, body))
    codec = wire.LlrpCodec()

    def parse() -> None:
        codec.feed(raw)
        message = codec.next_frame()
        if isinstance(message, wire.Message):
            wire.parse_report(message.body, {2: 903_250})

    return _cost_us(parse, YARDSTICK_REPORTS), _cost_us(lambda: decode_message(raw), LIBRARY_REPORTS)


def _cost_us(action: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - begun) / times * 1e6


def _measure(readers: int, reads_per_s: float, seconds: float, tags_per_report: int) -> Any:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shelfwise-bench-")))
        config = '[agent]\nid = "pi-1"\nstore = "bench"\n'
        for number in range(1, readers + 1):
            zones = ", ".join(f'{antenna} = "zone-{number}-{antenna}"' for antenna in range(1, ANTENNAS + 1))
            config += READER.format(
                number=number,
                port=_start_reader(stack, reads_per_s, f"{number:02X}"),
                tags_per_report=tags_per_report,
                zones=zones,
            )
        (folder / "edge.toml").write_text(config, encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, "-m", "cli.bench.llrp_edge", str(folder / "edge.toml"), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if ran.returncode:
        raise LinkError(f"the edge of the measurement ended with code {ran.returncode}")
    return json.loads(ran.stdout)


def _start_reader(stack: ExitStack, reads_per_s: float, prefix: str) -> int:
    """Start one reader, to be ended with the stack, and return its port."""
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "cli.bench.llrp_reader", str(reads_per_s), prefix],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    if process.stdout is None or process.stdin is None:
        raise LinkError("the simulated reader has no pipes")
    stack.callback(process.stdin.close)
    port = process.stdout.readline().strip()
    if not port:
        raise LinkError("the simulated reader did not start")
    return int(port)
