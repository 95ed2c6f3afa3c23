"""``shelfwise doctor``: what is there, what is missing, in one line each.

A configured serial device is asked as the agent would ask it: its port is opened for up to two seconds,
the driver sends what it sends first, and anything that the driver understands counts as an answer. A
reader is never asked to transmit: only what a driver without a region would send is sent.
"""

import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import serial
import typer
from rich.console import Console
from serial.tools.list_ports import comports

from cli.broker import find_nats_server
from contract.errors import ConfigError
from edge.config import Device, load_edge
from edge.model import RejectRead

EARLIEST_PLAUSIBLE_S = 1_735_689_600
LISTEN_S = 2.0


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
    """Check Python, clock, disk, broker program, serial ports, configuration, and whether devices answer.

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
    return findings + [_answer(device) for device in edge.devices if device.settings.port]


def _answer(device: Device) -> Finding:
    """Open a device's port, talk to it as its driver does, and say whether it was understood."""
    what, port_name = f"device {device.settings.id}", device.settings.port
    if not Path(port_name).exists():
        return Finding(good=False, what=what, detail=f"{port_name} does not exist; is the device plugged in?")
    settings = device.driver_settings
    if hasattr(settings, "region"):
        settings = msgspec.structs.replace(settings, region=None)
    driver = device.spec.build(device.settings.id, settings)
    heard, understood = 0, 0
    try:
        with serial.Serial(
            port_name, device.settings.baud or device.spec.baud or 9_600, timeout=0.05, exclusive=True
        ) as port:
            driver.connected(_now_ms())
            until = time.monotonic() + LISTEN_S
            while not understood and time.monotonic() < until:
                port.write(driver.poll(_now_ms()))
                received = port.read(512)
                heard += len(received)
                reads = driver.receive(received, _now_ms()) if received else []
                understood += sum(not isinstance(read, RejectRead) for read in reads)
    except (serial.SerialException, OSError, ValueError) as error:
        detail = (
            f"{port_name} cannot be opened: {error}; does the agent run, is this user in group 'dialout'?"
        )
        return Finding(good=False, what=what, detail=detail)
    if understood:
        return Finding(good=True, what=what, detail=f"{port_name} answers as {device.spec.name}")
    if heard:
        detail = f"{port_name} sends {heard} bytes that {device.spec.name} does not understand; is the baud rate right?"
    else:
        detail = f"{port_name} is there, but nothing answers within {LISTEN_S:.0f} s"
    return Finding(good=False, what=what, detail=detail)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _reachable(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
