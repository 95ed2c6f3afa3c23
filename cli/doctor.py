"""``shelfwise doctor``: what is there, what is missing, in one line each."""

import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from serial.tools.list_ports import comports

from contract.errors import ConfigError

EARLIEST_PLAUSIBLE_S = 1_735_689_600


class Finding(NamedTuple):
    """One line of the doctor's report."""

    good: bool
    what: str
    detail: str


def doctor(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="the agent's TOML file; skipped when missing")
    ] = Path("edge.toml"),
) -> None:
    """Check Python, clock, disk, broker program, serial ports and the agent's configuration.

    Exits with 1 when something needs attention.

    Example: shelfwise doctor --config edge.toml
    """
    findings = [
        _python(),
        _clock(),
        _disk(config.absolute().parent),
        _broker_program(),
        _ports(),
        *_configuration(config),
    ]
    console = Console()
    for finding in findings:
        mark = "[green]ok[/green]  " if finding.good else "[red]look[/red]"
        console.print(f"{mark} {finding.what}: {finding.detail}", highlight=False)
    raise typer.Exit(0 if all(finding.good for finding in findings) else 1)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(sys.version_info >= (3, 11), "python", f"{version}, 3.11 or newer is needed")


def _clock() -> Finding:
    return Finding(time.time() > EARLIEST_PLAUSIBLE_S, "clock", time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    return Finding(
        free > 256 * 1024 * 1024, "disk", f"{free // (1024 * 1024)} MiB free in {folder}, 256 are needed"
    )


def _broker_program() -> Finding:
    from cli.broker import find_nats_server

    try:
        return Finding(good=True, what="broker", detail=find_nats_server())
    except ConfigError as error:
        return Finding(good=False, what="broker", detail=str(error))


def _ports() -> Finding:
    found = [f"{port.device} ({port.description})" for port in comports()]
    return Finding(good=True, what="serial ports", detail=", ".join(found) or "none found")


def _configuration(path: Path) -> list[Finding]:
    if not path.exists():
        return [Finding(good=True, what="configuration", detail=f"{path} does not exist; nothing to check")]
    from edge.config import load_edge

    try:
        edge = load_edge(path, os.environ)
    except ConfigError as error:
        return [Finding(good=False, what="configuration", detail=str(error))]
    broker = edge.config.broker
    reachable = _reachable(broker.host, broker.port)
    findings = [
        Finding(good=True, what="configuration", detail=f"{path}, {len(edge.devices)} devices"),
        Finding(
            reachable,
            "broker",
            f"{broker.host}:{broker.port} {'answers' if reachable else 'does not answer'}",
        ),
    ]
    for device in edge.devices:
        port = device.settings.port
        if port:
            readable = os.access(port, os.R_OK | os.W_OK)
            state = (
                "can be opened"
                if readable
                else "cannot be opened; is it plugged in, and is this user in group 'dialout'?"
            )
            findings.append(Finding(readable, f"device {device.settings.id}", f"{port} {state}"))
    return findings


def _reachable(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
