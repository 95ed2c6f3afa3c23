"""The yardstick: the least a Python consumer must do to store events safely, and nothing more.

One paho session (manual acknowledgement, persistent), a typed decode, a batch of up to 500 events or
50 ms, INSERT OR IGNORE on a unique random id, one upsert per touched slot, COMMIT, then the
acknowledgements. No numbering, no receipts, no rules. Recipe: docs/benchmarks.md.

"""

import sqlite3
import sys
import time
from collections import Counter
from typing import Annotated, Final

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

TOPIC: Final = "yardstick/events"
BATCH: Final = 500
WINDOW_S: Final = 0.05
SLOTS: Final = 400
COLUMNS: Final = (
    "id",
    "store",
    "device",
    "zone",
    "kind",
    "epc",
    "antenna",
    "rssi_dbm",
    "at",
    "seq",
    "suspect",
)

Name = Annotated[str, msgspec.Meta(max_length=64)]


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event of eleven fields, about 200 bytes of JSON."""

    id: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    store: Name
    device: Name
    zone: Name
    kind: Name
    epc: Annotated[str, msgspec.Meta(pattern="^[0-9A-F]{24}$")]
    antenna: Annotated[int, msgspec.Meta(ge=1, le=64)]
    rssi_dbm: Annotated[float, msgspec.Meta(ge=-120, le=0)]
    at: Annotated[int, msgspec.Meta(ge=0)]
    seq: Annotated[int, msgspec.Meta(ge=0)]
    suspect: bool


def open_database(path: str) -> sqlite3.Connection:
    """Open with the hub's pragmas and make the two tables."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    columns = ", ".join(f"{column} TEXT UNIQUE" if column == "id" else column for column in COLUMNS)
    connection.execute(f"CREATE TABLE events ({columns})")
    connection.execute("CREATE TABLE slots (slot INTEGER PRIMARY KEY, units INTEGER)")
    return connection


def consume(port: int, path: str) -> None:
    """Consume until killed."""
    connection = open_database(path)
    insert = f"INSERT OR IGNORE INTO events VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - constants
    upsert = "INSERT INTO slots VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET units = units + excluded.units"
    decoder = msgspec.json.Decoder(Event)
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id="yardstick",
        clean_session=False,
        manual_ack=True,
        protocol=MQTTProtocolVersion.MQTTv311,
    )
    waiting: list[tuple[Event, MQTTMessage]] = []
    first_at = 0.0

    def on_message(client: Client, userdata: object, message: MQTTMessage) -> None:
        nonlocal first_at
        if not waiting:
            first_at = time.monotonic()
        waiting.append((decoder.decode(message.payload), message))
        if len(waiting) >= BATCH:
            flush()

    def flush() -> None:
        touched: Counter[int] = Counter()
        connection.execute("BEGIN IMMEDIATE")
        for event, _ in waiting:
            if connection.execute(insert, msgspec.structs.astuple(event)).rowcount:
                touched[event.seq % SLOTS] += 1
        connection.executemany(upsert, list(touched.items()))
        connection.execute("COMMIT")
        for _, message in waiting:
            client.ack(message.mid, message.qos)
        waiting.clear()

    client.on_message = on_message
    client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
    client.connect("127.0.0.1", port)
    while True:
        client.loop(0.005)
        if waiting and time.monotonic() - first_at >= WINDOW_S:
            flush()


def main() -> None:
    """Body of the yardstick's process: MQTT port and database file."""
    consume(int(sys.argv[1]), sys.argv[2])
