"""``shelfwise survey``: what each antenna hears, which antenna is which zone, a swapped reader.

The readers of the agent's configuration are opened as the agent opens them, so the agent must not run
meanwhile. Zones belong to a device's id and antenna number, never to a port or a serial number: a
reader that is replaced gets the old id, and keeps its zones.
"""

import asyncio
import contextlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import tomlkit
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from cli.antennas import Heard, Survey, nearest, now_ms
from contract.errors import ConfigError, LinkError, MessageError
from contract.ids import parse_slug
from edge.config import load_edge

survey_app = typer.Typer(
    help="Antennas: what they hear, which zone they are, a swapped reader.", no_args_is_help=True
)

HOLD_S: Final = 3.0

CONFIG = typer.Option(Path("edge.toml"), "--config", "-c", help="the agent's TOML file")


@survey_app.command("watch")
def watch(
    config: Path = CONFIG,
    seconds: Annotated[float, typer.Option("--for", min=1.0, help="how long; Ctrl-C ends it sooner")] = 600.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object at the end, no table")] = False,
) -> None:
    """Show live what each antenna hears: reads per second, tags, RSSI.

    Example: shelfwise survey watch --config edge.toml
    """
    edge = load_edge(config, os.environ)

    async def run() -> None:
        async with Survey(edge) as survey:
            if as_json:
                await survey.listen(seconds)
                print(
                    json.dumps(
                        [_row(survey, place, heard) for place, heard in survey.ear.heard(now_ms()).items()]
                    )
                )
                return
            with Live(console=Console(), refresh_per_second=4) as live:
                await survey.listen(seconds, lambda: live.update(picture(survey)))

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


def _row(survey: Survey, place: tuple[str, int], heard: Heard) -> dict[str, Any]:
    device, antenna = place
    zone = survey.edge.place.zones.get(place)
    return {"device": device, "antenna": antenna, "zone": zone, **msgspec.to_builtins(heard)}


def picture(survey: Survey) -> Table:
    """Return the live table."""
    table = Table(
        "device", "antenna", "zone", "reads/s", "tags", "RSSI dBm", "strongest", "its tag", box=None
    )
    heard = survey.ear.heard(now_ms())
    for device, antenna in sorted({*survey.edge.place.zones, *heard}):
        zone = survey.edge.place.zones.get((device, antenna), "[yellow]no zone[/yellow]")
        found = heard.get((device, antenna))
        if found is None:
            said = survey.ear.said.get(device, "hears nothing")
            table.add_row(device, str(antenna), zone, "0", "0", "", "", f"[dim]{said}[/dim]")
            continue
        levels = ["" if level is None else f"{level:.1f}" for level in (found.rssi_dbm, found.best_dbm)]
        table.add_row(
            device, str(antenna), zone, f"{found.reads_per_s:g}", str(found.tags), *levels, found.best_epc
        )
    return table


@survey_app.command("assign")
def assign(
    zones: Annotated[list[str], typer.Argument(help="zones to assign, in the order you will walk them")],
    config: Path = CONFIG,
    hold_s: Annotated[float, typer.Option("--hold", min=0.5, help="how long a tag is held at each")] = HOLD_S,
    *,
    write: Annotated[
        bool, typer.Option("--write/--show", help="write the file, or show what would be written")
    ] = True,
) -> None:
    """Walk the zones with one tag: each is bound to the antenna that hears it best.

    Example: shelfwise survey assign window shelf-a shelf-b --config edge.toml
    """
    edge = load_edge(config, os.environ)
    try:
        names = [parse_slug("zone", zone) for zone in zones]
    except MessageError as error:
        raise ConfigError(str(error)) from error

    async def run() -> dict[tuple[str, int], str]:
        found: dict[tuple[str, int], str] = {}
        async with Survey(edge) as survey:
            await survey.listen(HOLD_S)
            for zone in names:
                while True:
                    before = survey.ear.heard(now_ms())
                    await asyncio.to_thread(
                        typer.prompt, f"Hold a tag at {zone}, then press Enter", "", show_default=False
                    )
                    survey.ear.clear()
                    await survey.listen(hold_s)
                    place = nearest(survey.ear.heard(now_ms()), before)
                    if place is None:
                        typer.echo(
                            "  no antenna hears it clearly best; hold it closer and keep other tags away"
                        )
                    elif place in found:
                        typer.echo(
                            f"  that is antenna {place[1]} of {place[0]}, which is {found[place]} already"
                        )
                    else:
                        found[place] = zone
                        typer.echo(f"  antenna {place[1]} of {place[0]}")
                        break
        return found

    found = asyncio.run(run())
    text = with_zones(config.read_text(encoding="utf-8"), found)
    if write:
        _write(config, text)
        print(f"{len(found)} zones written to {config}")
    else:
        print(text)


@survey_app.command("swap")
def swap(
    device: Annotated[str, typer.Argument(help="id of the device that was replaced")],
    config: Path = CONFIG,
    port: Annotated[str, typer.Option(help="serial port of the new one")] = "",
    address: Annotated[str, typer.Option(help="network address of the new one")] = "",
    topic: Annotated[str, typer.Option(help="MQTT topic of the new one")] = "",
    driver_name: Annotated[str, typer.Option("--driver", help="its driver, when it is another make")] = "",
) -> None:
    """Put a new reader in the place of an old one: same id, same antennas, same zones, another line.

    Example: shelfwise survey swap window --port /dev/serial/by-id/usb-new_reader-if00
    """
    changes = {"port": port, "address": address, "topic": topic, "driver": driver_name}
    given = {key: value for key, value in changes.items() if value}
    if not given:
        raise ConfigError("nothing to change; expected --port, --address, --topic or --driver")
    before = config.read_text(encoding="utf-8") if config.exists() else ""
    load_edge(config, os.environ)
    text = with_line(before, device, given)
    _write(config, text)
    try:
        edge = load_edge(config, os.environ)
    except ConfigError:
        _write(config, before)
        raise
    zones = ", ".join(
        f"{antenna} = {zone}" for (owner, antenna), zone in edge.place.zones.items() if owner == device
    )
    print(f"{device}: {', '.join(f'{key} {value}' for key, value in given.items())}; zones stay: {zones}")


def with_zones(text: str, found: dict[tuple[str, int], str]) -> str:
    """Return the configuration with the given antennas bound, everything else as it was written.

    A zone that moves to another antenna leaves its old one.
    """
    document = tomlkit.parse(text)
    moved = set(found.values())
    for table in _devices(document):
        name = str(table["id"])
        own = {str(antenna): zone for (device, antenna), zone in found.items() if device == name}
        old = table.get("antennas", {})
        gone = [antenna for antenna, zone in old.items() if zone in moved and own.get(antenna) != zone]
        if not own and not gone:
            continue
        kept = {antenna: str(zone) for antenna, zone in old.items() if antenna not in gone}
        antennas = tomlkit.inline_table()
        for antenna, zone in sorted((kept | own).items(), key=lambda item: (len(item[0]), item[0])):
            antennas[antenna] = zone
        table["antennas"] = antennas
    return tomlkit.dumps(document)


def with_line(text: str, device: str, changes: dict[str, str]) -> str:
    """Return the configuration with another line for a device.

    Raises:
        ConfigError: there is no such device; names those there are.
    """
    document = tomlkit.parse(text)
    names = Counter(str(table["id"]) for table in _devices(document))
    for table in _devices(document):
        if table["id"] == device:
            table.update(changes)
            return tomlkit.dumps(document)
    raise ConfigError(f"there is no device {device!r}; there are {', '.join(names)}")


def _devices(document: tomlkit.TOMLDocument) -> list[Any]:
    return list(document.get("devices", []))


def _write(path: Path, text: str) -> None:
    """Replace the file whole, so that a pulled plug leaves the old one."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise LinkError(f"{path} cannot be written: {error.strerror}") from error
