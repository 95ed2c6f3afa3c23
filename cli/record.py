"""``shelfwise sim record``: a live line becomes golden frames, with what decode says of each.

What arrives is kept as it came, cut into frames by the driver's codec, each once. A golden file is
evidence: it says that it was recorded, from what and when. Payload devices (MQTT) give one file per
message beside its expected lines.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console

from cli.decoding import decode_lines, protocols
from cli.decoding.lines import Line
from cli.probe import open_port, without_region
from cli.scenarios import load_scenario
from cli.tapes import record_store
from contract.errors import ConfigError, LinkError
from edge.driver import DriverSpec, StreamDriver
from edge.drivers import driver
from edge.transports.mqtt import MqttLine

MAX_BYTES: Final = 4 * 1024 * 1024


def record(
    name: Annotated[
        str, typer.Argument(metavar="[DRIVER]", help="driver of a real device, for example m100")
    ] = "",
    port: Annotated[str, typer.Option(help="serial port to record")] = "",
    baud: Annotated[int, typer.Option(help="line rate, 0 for the driver's own")] = 0,
    topic: Annotated[str, typer.Option(help="MQTT topic to record instead of a port")] = "",
    broker_host: Annotated[
        str, typer.Option(help="broker of that topic", envvar="SHELFWISE_BROKER_HOST")
    ] = "127.0.0.1",
    broker_port: Annotated[int, typer.Option(help="its MQTT port", envvar="SHELFWISE_BROKER_PORT")] = 1883,
    seconds: Annotated[float, typer.Option("--for", min=0.1, help="how long")] = 10.0,
    frames: Annotated[int, typer.Option(min=1, help="keep this many different frames at most")] = 50,
    ask: Annotated[
        bool,
        typer.Option(
            "--ask/--listen",
            help="send what the driver sends (a reader is never given a region), or only listen",
        ),
    ] = False,
    source: Annotated[
        str, typer.Option(help="make, model and firmware of the device, for whoever reads the file")
    ] = "",
    scenario: Annotated[
        str, typer.Option("--scenario", "-s", help="record a whole simulated store instead of a device")
    ] = "",
    seed: Annotated[int, typer.Option(help="of the simulated store")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="file (serial, store) or folder (MQTT); else named by driver or store")
    ] = None,
) -> None:
    """Record a live line into a golden file; an existing file is added to.

    With --scenario it records what the edge of a whole simulated store is told, for `shelfwise edge replay`.

    Example: shelfwise sim record m100 --port /dev/ttyUSB0 --for 20 --source "YRM100, firmware 1.0"
    """
    if scenario:
        if name or port or topic:
            raise ConfigError("name a driver with its port, or --scenario, not both")
        tape = out or Path(f"{Path(scenario).stem}.tape.gz")
        told = record_store(load_scenario(scenario), seed, seconds, tape)
        print(f"{told} observations; what the edge was told is in {tape}")
        return
    if not name:
        raise ConfigError("name a driver, for example m100, or --scenario with a simulated store")
    if bool(port) == bool(topic):
        raise ConfigError("name either --port or --topic")
    spec = driver(name)
    if spec.name not in protocols():
        raise ConfigError(f"driver {spec.name!r} has no decoder; known are {', '.join(protocols())}")
    origin = f"{source or 'a device on ' + (port or topic)}, recorded {datetime.now(UTC):%Y-%m-%d}"
    console = Console(stderr=True)
    with console.status(f"recording {port or topic} for {seconds:g} s …"):
        if port:
            written, kept = _record_line(spec, port, baud, seconds, frames, ask, origin, out)
        else:
            written, kept = asyncio.run(
                _record_topic(spec, (broker_host, broker_port, topic), seconds, frames, origin, out)
            )
    if not kept:
        raise LinkError(f"nothing came from {port or topic} within {seconds:g} s; nothing was written")
    print(f"{kept} different frames in {written}")


def _record_line(
    spec: DriverSpec[Any],
    port_name: str,
    baud: int,
    seconds: float,
    frames: int,
    ask: bool,
    origin: str,
    out: Path | None,
) -> tuple[Path, int]:
    host = spec.build("recorder", without_region(spec))
    if not isinstance(host, StreamDriver):
        raise ConfigError(f"driver {spec.name!r} does not speak on a serial port; record its --topic")
    captured = bytearray()
    with open_port(port_name, baud or spec.baud or 9_600, spec.framing) as port:
        host.connected(_now_ms())
        until = time.monotonic() + seconds
        while time.monotonic() < until and len(captured) < MAX_BYTES:
            if ask and (sending := host.poll(_now_ms())):
                port.write(sending)
            received = port.read(512)
            captured += received
            if ask and received:
                host.receive(received, _now_ms())
    path = out or Path(f"{spec.name}.txt")
    kept = list(_different(host.cut(bytes(captured)), frames))
    with path.open("a", encoding="utf-8") as file:
        for raw in kept:
            file.write(golden_entry(spec.name, raw, origin))
    return path, len(kept)


def golden_entry(protocol: str, raw: bytes, origin: str) -> str:
    """Return a frame's lines in a golden file: kind, source, and ``HEX => JSON``."""
    lines = [dict(line) for line in decode_lines(protocol, raw)]
    expected: Line | list[Line] = lines[0] if len(lines) == 1 else lines
    return f"\n# kind: recorded\n# source: {origin}\n{raw.hex().upper()} => {msgspec.json.encode(expected).decode()}\n"


def _different(pieces: list[bytes], most: int) -> Iterator[bytes]:
    yield from list(dict.fromkeys(pieces))[:most]


async def _record_topic(
    spec: DriverSpec[Any],
    place: tuple[str, int, str],
    seconds: float,
    frames: int,
    origin: str,
    out: Path | None,
) -> tuple[Path, int]:
    host, port, topic = place
    payloads: list[bytes] = []
    line = MqttLine(
        host,
        port,
        {"recorder": topic},
        on_open=lambda _: None,
        on_close=lambda _, __: None,
        on_payload=lambda _, payload, __: payloads.append(payload),
    )
    line.start()
    await asyncio.sleep(seconds)
    await line.stop()
    folder = out or Path(spec.name)
    kept = list(_different(payloads, frames))
    for number, payload in enumerate(kept, 1):
        folder.mkdir(parents=True, exist_ok=True)
        golden = {
            "protocol": spec.name,
            "kind": "recorded",
            "source": origin,
            "expected": list(decode_lines(spec.name, payload)),
        }
        (folder / f"{spec.name}_{number}.json").write_bytes(payload)
        (folder / f"{spec.name}_{number}.expected.json").write_text(
            json.dumps(golden, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return folder, len(kept)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
