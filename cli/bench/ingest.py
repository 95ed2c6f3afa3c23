"""``shelfwise bench ingest``: how fast the hub takes observations in, beside a yardstick in the same run.

Both consumers read from the same nats-server, are fed by the same raw-socket driver and write with the
same SQLite pragmas; a round measures each once, rounds alternate, medians are reported. The hub runs as
its own program with every rule on. Rate = rows ÷ (last commit − first packet), seen from outside.
"""

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from rich.console import Console
from rich.table import Table

from cli.bench.driver import paced, packets, save
from cli.bench.yardstick import SLOTS, TOPIC, Event
from cli.broker import ENVIRONMENT, answers, find_nats_server, free_port, write_config
from cli.children import Child, ChildError, Family, shelfwise
from contract.messages import (
    AnyObservation,
    TagArrived,
    TagPickedUp,
    TagPutBack,
    decode_receipt,
    encode_envelope,
    encode_observation,
)
from contract.topics import StreamAddress, stream_topic
from dashboard.client import HubClient

STREAMS: Final = 8
TAGS: Final = 400
YARDSTICK_ROWS: Final = 40_000
PER_SIZE: Final = {1: 40_000, 10: 200_000, 50: 400_000}
LONG_ROWS: Final = 1_000_000
SLICE: Final = 100_000
START_MS: Final = 1_795_255_200_000


def ingest(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each measurement; medians are reported")] = 3,
    long: Annotated[bool, typer.Option("--long/--no-long", help="also fill a million rows")] = True,
) -> None:
    """Measure observations per second at 1, 10 and 50 per message, latency at 1,000/s, and rate over a million rows.

    Example: shelfwise bench ingest --json
    """
    console = Console(stderr=True)
    yardstick: list[float] = []
    rates: dict[int, list[float]] = {size: [] for size in PER_SIZE}
    with tempfile.TemporaryDirectory(prefix="shelfwise-bench-") as scratch:
        for turn in range(rounds):
            yardstick.append(_measure_yardstick(Path(scratch) / f"y{turn}"))
            console.print(f"round {turn + 1}: yardstick {yardstick[-1]:,.0f} rows/s")
            for size, rows in PER_SIZE.items():
                rate, _ = _measure_hub(Path(scratch) / f"h{turn}-{size}", size, rows)
                rates[size].append(rate)
                console.print(f"round {turn + 1}: hub, {size} per message: {rate:,.0f} observations/s")
        latencies = _measure_latency(Path(scratch) / "latency")
        timeline = _measure_hub(Path(scratch) / "long", 50, LONG_ROWS)[1] if long else []
    median = statistics.median(yardstick)
    report: dict[str, Any] = {
        "yardstick_per_s": round(median),
        **{f"hub_{size}_per_s": round(statistics.median(found)) for size, found in rates.items()},
        **{f"ratio_{size}": round(statistics.median(found) / median, 2) for size, found in rates.items()},
        "p50_ms": round(statistics.median(latencies), 1),
        "p99_ms": round(statistics.quantiles(latencies, n=100)[98], 1),
        "late_over_early": round(_late_over_early(timeline), 2) if timeline else None,
    }
    if as_json:
        print(json.dumps(report))
        return
    table = Table("figure", "value", title="hub ingest beside the yardstick, same broker, driver and pragmas")
    for key, value in report.items():
        table.add_row(key, f"{value:,}" if value is not None else "not measured")
    Console().print(table)


class _Broker:
    """A fresh nats-server in a folder."""

    def __init__(self, family: Family, folder: Path) -> None:
        self.port, self.mqtt_port = free_port(), free_port()
        config = write_config(folder / "broker", port=self.port, mqtt_port=self.mqtt_port)
        self.child = family.start(
            Child("broker", [find_nats_server(), "-c", str(config)], folder / "broker.log", ENVIRONMENT)
        )
        family.wait_for("the broker", lambda: answers(self.mqtt_port), 10)


def _measure_yardstick(folder: Path) -> float:
    folder.mkdir(parents=True)
    database = folder / "y.db"
    with Family() as family:
        broker = _Broker(family, folder)
        command = [
            sys.executable,
            "-c",
            "from cli.bench.yardstick import main; main()",
            str(broker.mqtt_port),
            str(database),
        ]
        family.start(Child("yardstick", command, folder / "yardstick.log"))
        family.wait_for("the yardstick", database.exists, 10)
        time.sleep(1.0)
        prepared = packets([(TOPIC, _yardstick_event(index)) for index in range(YARDSTICK_ROWS)])
        started, timeline = _feed(broker.mqtt_port, prepared, database, YARDSTICK_ROWS)
    return YARDSTICK_ROWS / (timeline[-1][0] - started)


def _measure_hub(folder: Path, size: int, rows: int) -> tuple[float, list[tuple[float, int]]]:
    """Return observations per second and the timeline (seconds since the first packet, rows)."""
    with Family() as family:
        broker = _start_hub(family, folder)
        prepared = packets(_envelopes(rows, size))
        started, timeline = _feed(broker.mqtt_port, prepared, folder / "hub.db", rows)
    return rows / (timeline[-1][0] - started), [(at - started, count) for at, count in timeline]


def _measure_latency(folder: Path, rate: float = 1_000.0, seconds: float = 10.0) -> list[float]:
    """Return the milliseconds from publish to the receipt's arrival, one per message, at a steady rate."""
    arrived: dict[str, list[tuple[int, float]]] = {}
    with Family() as family:
        broker = _start_hub(family, folder)
        listener = Client(
            CallbackAPIVersion.VERSION2, client_id="receipts", protocol=MQTTProtocolVersion.MQTTv311
        )

        def on_message(client: object, userdata: object, message: Any) -> None:
            arrived.setdefault(message.topic, []).append(
                (decode_receipt(message.payload).seq, time.monotonic())
            )

        listener.on_message = on_message
        listener.connect("127.0.0.1", broker.mqtt_port)
        listener.subscribe([(stream_topic(_address(index), "receipt"), 1) for index in range(STREAMS)])
        listener.loop_start()
        time.sleep(0.5)
        messages = _envelopes(int(rate * seconds), 1)
        left = paced(broker.mqtt_port, packets(messages), rate)
        time.sleep(2.0)
        listener.disconnect()
        listener.loop_stop()
    latencies = []
    for index, sent_at in enumerate(left):
        stream, seq = index % STREAMS, index // STREAMS + 1
        receipts = arrived.get(stream_topic(_address(stream), "receipt"), [])
        covered = next((at for top, at in receipts if top >= seq), None)
        if covered is None:
            raise ChildError(f"observation {seq} of stream {stream} was never receipted")
        latencies.append(1000 * (covered - sent_at))
    return latencies[int(rate) :]


def _start_hub(family: Family, folder: Path) -> _Broker:
    folder.mkdir(parents=True)
    broker = _Broker(family, folder)
    port = free_port()
    (folder / "store.toml").write_text(
        '[store]\nid = "bench"\nname = "Bench"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\nopens = "10:00"\ncloses = "22:00"\n',
        encoding="utf-8",
    )
    (folder / "hub.toml").write_text(
        f'[hub]\ndatabase = "hub.db"\nbroker = "nats://127.0.0.1:{broker.port}"\nport = {port}\nstores = ["store.toml"]\n',
        encoding="utf-8",
    )
    family.start(
        Child("hub", shelfwise("hub", "run", "--config", str(folder / "hub.toml")), folder / "hub.log")
    )
    with HubClient(f"http://127.0.0.1:{port}") as client:
        family.wait_for("the hub", client.is_ready, 30)
    return broker


def _feed(
    mqtt_port: int, prepared: list[bytes], database: Path, rows: int
) -> tuple[float, list[tuple[float, int]]]:
    """Publish from a process of its own; return its start and the committed rows over time."""
    folder = database.parent
    packed = folder / "packets.bin"
    save(prepared, packed)
    prepared.clear()
    driver = subprocess.Popen(
        [sys.executable, "-c", "from cli.bench.driver import main; main()", str(mqtt_port), str(packed)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert driver.stdout is not None
    started = float(driver.stdout.readline())
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    timeline: list[tuple[float, int]] = []
    deadline = time.monotonic() + 300
    try:
        while not timeline or timeline[-1][1] < rows:
            if time.monotonic() > deadline:
                raise ChildError(f"only {timeline[-1][1]} of {rows} rows were committed within five minutes")
            count = connection.execute("SELECT coalesce(max(rowid), 0) FROM events").fetchone()[0]
            timeline.append((time.monotonic(), count))
            time.sleep(0.02)
    finally:
        connection.close()
        driver.kill()
        driver.wait()
        driver.stdout.close()
        packed.unlink()
    return started, timeline


def _late_over_early(timeline: list[tuple[float, int]]) -> float:
    def when(rows: int) -> float:
        return next(at for at, count in timeline if count >= rows)

    early = SLICE / when(SLICE)
    late = SLICE / (when(LONG_ROWS) - when(LONG_ROWS - SLICE))
    return late / early


def _address(stream: int) -> StreamAddress:
    return StreamAddress("bench", f"pi-{stream}", f"pi-{stream}-bench")  # type: ignore[arg-type]


def _envelopes(rows: int, size: int) -> list[tuple[str, bytes]]:
    """Return envelopes of ``size`` observations, round-robin over the streams: tags come, are picked, come back."""
    per_stream: list[int] = [0] * STREAMS
    out = []
    for index in range(rows // size):
        stream = index % STREAMS
        first = per_stream[stream] + 1
        lines = [encode_observation(_observation(stream, first + offset)) for offset in range(size)]
        per_stream[stream] += size
        out.append(
            (stream_topic(_address(stream), "observations"), encode_envelope(first, lines, sent_at=START_MS))
        )
    return out


def _observation(stream: int, seq: int) -> AnyObservation:
    tag, turn = (seq - 1) % (TAGS // STREAMS), (seq - 1) // (TAGS // STREAMS)
    epc = f"3074257BF719{stream:04X}{tag:08X}"
    at = START_MS + seq * 20
    device, zone = "reader-1", f"shelf-{tag % 4}"
    if turn == 0:
        return TagArrived(at=at, device=device, epc=epc, zone=zone, antenna=1, rssi_dbm=-52.5)
    if turn % 2:
        return TagPickedUp(at=at, device=device, epc=epc, zone=zone)
    return TagPutBack(
        at=at,
        device=device,
        epc=epc,
        zone=zone,
        from_zone=zone,
        picked_at=at - 1_000,
        antenna=1,
        rssi_dbm=-52.5,
    )


def _yardstick_event(index: int) -> bytes:
    event = Event(
        id=str(uuid.UUID(int=(index * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)),
        store="bench",
        device=f"reader-{index % 8}",
        zone=f"shelf-{index % 4}",
        kind="tag_arrived",
        epc=f"{index % SLOTS:024X}",
        antenna=1,
        rssi_dbm=-52.5,
        at=START_MS + index,
        seq=index,
        suspect=False,
    )
    return msgspec.json.encode(event)
