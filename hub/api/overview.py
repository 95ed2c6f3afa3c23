"""How well the store is seen: devices, streams, alerts, dead letters; and which stores there are."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from hub.api.context import Hub
from hub.api.errors import responses
from hub.ledger import catalogue, gate_reads, reads
from hub.model import Store
from hub.services import overview as service

router = APIRouter(prefix="/v1", tags=["overview"])
Limit = Annotated[int, Query(ge=1, le=1000)]


class ZoneOut(BaseModel):
    """A zone of the floor plan; sizes in metres."""

    zone: str
    name: str
    name_zh: str | None
    kind: str
    x: float
    y: float
    w: float
    h: float


class StoreOut(BaseModel):
    """A store with its hours, plan and gates."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "name": "Liuguang pop-up", "name_zh": "璃光快闪店", "time_zone": "Asia/Shanghai",
                "opens": "10:00", "closes": "22:00", "currency": "CNY", "zones": [], "gates": ["gate-1"],
            }
        }
    )  # fmt: skip

    store: str
    name: str
    name_zh: str | None
    time_zone: str
    opens: str
    closes: str
    currency: str
    zones: list[ZoneOut]
    gates: list[str]


class DeviceOut(BaseModel):
    """A device; its present state has held since some time after ``after_ms``."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "device": "m100-1", "state": "ok", "reported_ms": 1_790_000_000_000, "after_ms": None, "heard_ms": 1_790_000_000_100,
                "zones": {"window": "seen"}, "reads": 12_034, "rejects": 2, "rejects_by_reason": {"checksum": 2}, "detail": "",
            }
        }
    )  # fmt: skip

    device: str
    state: str
    reported_ms: int
    after_ms: int | None
    heard_ms: int | None
    zones: dict[str, str]
    reads: int
    rejects: int
    rejects_by_reason: dict[str, int]
    detail: str


class StreamOut(BaseModel):
    """A stream and how far it is committed."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "agent": "pi-1", "stream": "k3v9", "receipt_seq": 4711, "repeats": 12, "refused": 0, "lost": 0,
                "opened_ms": 1_790_000_000_000, "last_record_ms": 1_790_000_100_000,
            }
        }
    )  # fmt: skip

    store: str
    agent: str
    stream: str
    receipt_seq: int
    repeats: int
    refused: int
    lost: int
    opened_ms: int
    last_record_ms: int


class AlertOut(BaseModel):
    """Something a person should know; ``count`` says how often it came."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "store": "popup-1", "code": "stream_conflict", "stream": "k3v9", "seq": 17, "origin": "hub", "device": "pi-1",
                "text": "sent other content under number 17", "at_ms": 1_790_000_000_000, "count": 1, "last_record_ms": 1_790_000_000_000,
            }
        }
    )  # fmt: skip

    store: str
    code: str
    stream: str
    seq: int
    origin: str
    device: str
    text: str
    at_ms: int
    count: int
    last_record_ms: int


class DeadLetterOut(BaseModel):
    """A message or line nobody could read; ``payload`` is its first 256 bytes as hex."""

    id: int
    store: str | None
    topic: str
    seq: int | None
    device: str | None
    reason: str
    detail: str
    payload: str
    bytes: int
    record_ms: int


class DeadLettersOut(BaseModel):
    """How many ever came, and the newest."""

    model_config = ConfigDict(json_schema_extra={"example": {"total": 3, "dead_letters": []}})

    total: int
    dead_letters: list[DeadLetterOut]


@router.get("/stores", summary="All stores", responses=responses(503))
async def get_stores(hub: Hub) -> list[StoreOut]:
    """Return every store that a store file or an agent has named."""

    def query(connection: reads.Connection) -> list[StoreOut]:
        gates = gate_reads.known(connection)
        return [
            _store_out(catalogue.store(connection, name), gates.get(name, []))
            for name in catalogue.store_names(connection)
        ]

    return await hub.read(query)


@router.get("/stores/{store}", summary="One store", responses=responses(404, 503, 422))
async def get_store(store: str, hub: Hub) -> StoreOut:
    """Return a store with its hours and floor plan."""

    def query(connection: reads.Connection) -> StoreOut:
        found = catalogue.store(connection, store)
        return _store_out(found, gate_reads.known(connection).get(store, []))

    return await hub.read(query)


def _store_out(store: Store, gates: list[str]) -> StoreOut:
    zones = [
        ZoneOut(zone=z.zone, name=z.name, name_zh=z.name_zh, kind=z.kind, x=z.x, y=z.y, w=z.w, h=z.h)
        for z in store.zones
    ]
    return StoreOut(
        store=store.store, name=store.name, name_zh=store.name_zh, time_zone=store.time_zone, opens=store.opens,
        closes=store.closes, currency=store.currency, zones=zones, gates=gates,
    )  # fmt: skip


@router.get(
    "/stores/{store}/devices", summary="Devices and what they can see", responses=responses(404, 422, 503)
)
async def get_devices(store: str, hub: Hub) -> list[DeviceOut]:
    """Return each device's state, its zones with theirs, reads and rejects."""
    now, stale = hub.clock(), hub.stale_after_ms
    found = await hub.read(lambda connection: service.devices(connection, store, now, stale_after_ms=stale))
    return [DeviceOut(**device) for device in found]


@router.get(
    "/stores/{store}/streams", summary="Streams and their receipts", responses=responses(404, 422, 503)
)
async def get_streams(store: str, hub: Hub) -> list[StreamOut]:
    """Return how far each stream is committed, its repeats, refusals and lost numbers."""
    return [StreamOut(**row) for row in await hub.read(lambda connection: service.streams(connection, store))]


@router.get("/stores/{store}/alerts", summary="Alerts", responses=responses(404, 422, 503))
async def get_alerts(store: str, hub: Hub, limit: Limit = 100) -> list[AlertOut]:
    """Return alerts of edges and of the hub, newest first."""
    return [
        AlertOut(**row) for row in await hub.read(lambda connection: service.alerts(connection, store, limit))
    ]


@router.get("/dead-letters", summary="Dead letters", responses=responses(422, 503))
async def get_dead_letters(hub: Hub, limit: Limit = 100) -> DeadLettersOut:
    """Return the newest messages and lines that could not be read; the newest 10 000 are kept."""

    def query(connection: reads.Connection) -> tuple[int, list[dict[str, Any]]]:
        return service.dead_letters(connection, limit)

    total, letters = await hub.read(query)
    return DeadLettersOut(total=total, dead_letters=[DeadLetterOut(**letter) for letter in letters])
