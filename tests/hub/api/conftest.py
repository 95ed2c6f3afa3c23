"""A running hub without a broker, with a small store in it, for scenes over HTTP."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest

from contract.messages import (
    DeviceHealth,
    PeopleCounted,
    TagArrived,
    TagPickedUp,
    TagPutBack,
    encode_envelope,
    encode_observation,
)
from hub.app import RunningHub
from hub.config import HubSettings
from hub.ingest.source import Backlog
from hub.services.record import record

T0 = 1_790_000_000_000


class NoBroker:
    """A source that is connected and silent, and keeps what it was given to publish."""

    connected = True
    backlog = Backlog(0, 0.0, 0)

    def __init__(self):
        self.published = []

    async def publish(self, topic, payload):
        self.published.append((topic, payload))

    async def open(self):
        pass

    async def close(self):
        pass

    async def next_batch(self):
        await asyncio.Event().wait()


@pytest.fixture
def catalogue(tmp_path):
    (tmp_path / "store.toml").write_text(
        '[store]\nid = "popup-1"\nname = "<b>Pop-up</b>"\ntimezone = "Asia/Shanghai"\n\n[[zones]]\nid = "shelf-a"\n'
    )
    (tmp_path / "products.csv").write_text(
        "sku,name,name_zh,case_pack,lead_time_days\nheart,<i>Heart</i>,海洋之心,6,2\n"
    )
    (tmp_path / "bindings.csv").write_text("epc,sku\n" + "".join(f"E2{n:022X},heart\n" for n in range(3)))
    return tmp_path


class SettableClock:
    """A minute past the store's first event, until a scene says otherwise."""

    def __init__(self):
        self.now = T0 + 60_000

    def __call__(self):
        return self.now


class Edge:
    """One stream of an agent, spoken straight into the hub's writer."""

    def __init__(self, hub):
        self.hub, self.next_seq = hub, 1

    async def send(self, *observations, stream="x1"):
        payload = encode_envelope(
            self.next_seq, [encode_observation(one) for one in observations], sent_at=T0
        )
        self.next_seq += len(observations)
        await self.deliver(f"{stream}/observations", payload)

    async def deliver(self, leaf, payload):
        delivery = (f"shelfwise/v1/popup-1/pi-1/{leaf}", payload)
        job = partial(record, deliveries=[delivery], now=self.hub.clock())
        await asyncio.wrap_future(self.hub.writer.submit(job))


@pytest.fixture
def call():
    return play_scene


def play_scene(folder, database, scene, **options):
    """Run a scene against a hub with a small store in it; the hub has a clock and an edge on it for scenes."""

    @asynccontextmanager
    async def opened():
        settings = HubSettings(
            database=database,
            stores=(str(folder / "store.toml"),),
            products=str(folder / "products.csv"),
            bindings=str(folder / "bindings.csv"),
            replan_minutes=0,
        )
        clock = SettableClock()
        hub = RunningHub(settings, clock, NoBroker(), **options)
        hub.clock, hub.edge = clock, Edge(hub)
        await hub.start()
        observations = [
            *(TagArrived(at=T0 + n, device="r-1", epc=f"E2{n:022X}", zone="shelf-a") for n in range(3)),
            TagPickedUp(at=T0 + 1000, device="r-1", epc=f"E2{0:022X}", zone="shelf-a"),
            TagPutBack(
                at=T0 + 21_000,
                device="r-1",
                epc=f"E2{0:022X}",
                zone="shelf-a",
                from_zone="shelf-a",
                picked_at=T0 + 1000,
            ),
            TagPickedUp(at=T0 + 30_000, device="r-1", epc=f"E2{1:022X}", zone="shelf-a"),
            PeopleCounted(at=T0, device="c-1", line="1", entered=4, left=1),
            DeviceHealth(at=T0, device="r-1", state="ok", zones=("shelf-a",), reads=7),
        ]
        await hub.edge.send(*observations)
        transport = httpx.ASGITransport(app=hub.application)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                yield client, hub
        finally:
            await hub.stop()

    async def play():
        async with opened() as (client, hub):
            await scene(client, hub)

    asyncio.run(play())
