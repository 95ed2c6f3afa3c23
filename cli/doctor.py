"""``shelfwise doctor``: what is there, what is missing, in one line each.

A configured serial device is asked as the agent would ask it: its port is opened for up to two seconds,
the driver sends what it sends first, and anything that the driver understands counts as an answer. On
every other port all drivers are tried, so that the one that fits is named. A reader is never asked to
transmit: only what a driver without a region would send is sent.
"""

import contextlib
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

from cli.broker import find_nats_server
from cli.probe import converse, open_port, probe, without_region
from contract.errors import ConfigError, LinkError
from edge.config import Device, load_edge
from edge.drivers import drivers

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
    port: Annotated[
        list[str] | None, typer.Option(help="ask this port too, for example /dev/ttyUSB0; may be repeated")
    ] = None,
    ask_ports: Annotated[
        bool, typer.Option("--ask/--no-ask", help="find out who is on ports that no device is configured for")
    ] = True,
) -> None:
    """Check Python, clock, disk, broker program, serial ports, configuration, and which devices answer.

    Exits with 1 when something needs attention.

    Example: shelfwise doctor --config edge.toml
    """
    console = Console()
    findings = [
        _python(),
        _clock(),
        _disk(config.absolute().parent),
        _broker_program(),
        _ports(),
        *_configuration(config),
    ]
    if ask_ports:
        findings += [_who(name, console) for name in _unclaimed(config, port or [])]
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


def _unclaimed(config: Path, named: list[str]) -> list[str]:
    """Return the named ports, and those of this machine that no configured device uses."""
    claimed: set[str] = set()
    with contextlib.suppress(ConfigError):
        claimed = {
            str(Path(device.settings.port).resolve())
            for device in load_edge(config, os.environ).devices
            if device.settings.port
        }
    plugged = [found.device for found in comports() if found.hwid != "n/a"]
    candidates = dict.fromkeys([*named, *plugged])
    return [name for name in candidates if str(Path(name).resolve()) not in claimed]


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
    settings, spec = device.settings, device.spec
    what, port_name = f"device {settings.id}", settings.port
    if not Path(port_name).exists():
        return Finding(good=False, what=what, detail=f"{port_name} does not exist; is the device plugged in?")
    driver = spec.build(settings.id, without_region(spec, device.driver_settings))
    try:
        with open_port(
            port_name, settings.baud or spec.baud or 9_600, settings.framing or spec.framing
        ) as port:
            heard, understood = converse(port, driver, LISTEN_S)
    except LinkError as error:
        return Finding(good=False, what=what, detail=str(error))
    if understood:
        return Finding(good=True, what=what, detail=f"{port_name} answers as {spec.name}")
    if heard:
        detail = (
            f"{port_name} sends {heard} bytes that {spec.name} does not understand; is the baud rate right?"
        )
    else:
        detail = f"{port_name} is there, but nothing answers within {LISTEN_S:.0f} s"
    return Finding(good=False, what=what, detail=detail)


def _who(port_name: str, console: Console) -> Finding:
    """Try every driver on a port that no configured device uses."""
    what = f"port {port_name}"
    try:
        with console.status("") as status:
            answer = probe(port_name, lambda tried: status.update(f"asking {tried} …"))
    except LinkError as error:
        return Finding(good=False, what=what, detail=str(error))
    if answer.driver is None:
        heard = f"{answer.heard} bytes came that no driver understands" if answer.heard else "nothing answers"
        return Finding(good=False, what=what, detail=f"{heard}; every driver was tried at its own rate")
    others = f", perhaps {' or '.join(answer.others)}" if answer.others else ""
    detail = f'{drivers()[answer.driver].title} answers at {answer.rate}: driver = "{answer.driver}"{others}'
    return Finding(good=True, what=what, detail=detail)


def _reachable(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
