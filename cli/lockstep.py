"""A simulated store, its edge agent and the hub in one process, every clock in lockstep.

The same code as in a shop, except that time is a number: the simulated devices speak their wire
protocols over null modems at the line's rate, the pipeline commits to a real outbox, the conversation
with the hub runs message by message, and the hub commits to a real database. An hour takes minutes.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from cli.pictures import local_picture
from cli.truth import Picture, truth_picture
from contract.messages import AnyAction
from contract.wire.llrp_session import (
    KeptAlive,
    ReaderHello,
    ReaderState,
    Record,
    Wanted,
    pack,
    region_of,
    unpack_wanted,
)
from edge.config import load_edge
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.tape import TapedPipeline
from edge.uplink import Conversation
from firmware_sim.bench import SimulatedStore, write_store_files
from firmware_sim.links.memory import NullModem
from firmware_sim.model import LlrpReaderTwin
from firmware_sim.world.scenario import Scenario
from hub.app import LocalHub
from hub.model import Sale

STEP_MS: Final = 50
SENSE_EVERY: Final = 2
AGENT: Final = "pi-1"


class _Host:
    """The host side of one line: the pipeline, seen from a null modem."""

    def __init__(self, pipeline: Pipeline, device: str) -> None:
        self._pipeline = pipeline
        self._device = device

    def connected(self, now: int) -> None:
        self._pipeline.line_opened(self._device, now)

    def receive(self, data: bytes, now: int) -> list[Any]:
        self._pipeline.receive(self._device, data, now)
        return []

    def poll(self, now: int) -> bytes:
        return self._pipeline.outgoing(self._device, now)

    def disconnected(self, now: int) -> list[Any]:
        self._pipeline.line_closed(self._device, now, "line closed")
        return []


class _LlrpSession:
    """What an LLRP line does for one reader, without a socket: obey what is wanted, hand records over."""

    def __init__(self, pipeline: Pipeline, device: str, twin: LlrpReaderTwin, now: int) -> None:
        self._pipeline, self._device, self._twin = pipeline, device, twin
        self._region = region_of(twin.country, twin.standard, twin.frequencies_khz)
        self._wanted = Wanted()
        self._kept_alive = now
        pipeline.line_opened(device, now)
        self._hand_over([ReaderHello(now * 1_000, "simulated", self._region)], now)

    def step(self, now: int) -> None:
        records: list[Record] = []
        if told := self._pipeline.outgoing(self._device, now):
            self._wanted = unpack_wanted(told)
            runs = self._wanted.running and self._wanted.region == self._region
            self._twin.transmit((self._wanted.antennas or (0,)) if runs else ())
            records.append(ReaderState("started" if runs else "stopped"))
        if now - self._kept_alive >= self._wanted.keep_alive_ms:
            self._kept_alive = now
            records.append(KeptAlive())
        records += [tag for group in self._twin.take(self._wanted.tags_per_report) for tag in group]
        if records:
            self._hand_over(records, now)

    def _hand_over(self, records: list[Record], now: int) -> None:
        self._pipeline.receive(self._device, pack(records), now)


class Lockstep:
    """See the module's opening paragraph.

    Args:
        scenario: the store.
        seed: everything random follows from it.
        folder: for the outbox and the hub's database.
        start: time of the first step in ms.
        tape: file that what the edge is told is recorded to; None for none.
    """

    def __init__(
        self, scenario: Scenario, seed: int, folder: Path, *, start: int, tape: Path | None = None
    ) -> None:
        self.now = start
        self.store = scenario.store
        self.devices = SimulatedStore(scenario, seed)
        write_store_files(scenario, folder)
        (folder / "edge.toml").write_text(
            f'[agent]\nid = "{AGENT}"\nstore = "{scenario.store}"\n\n'
            + (folder / "devices.toml").read_text(encoding="utf-8"),
            encoding="utf-8",
        )
        self.hub = LocalHub(folder / "hub.db", lambda: self.now)
        self.hub.load_catalogue(
            stores=[folder / "store.toml"], products=folder / "products.csv", bindings=folder / "bindings.csv"
        )
        edge = load_edge(
            folder / "edge.toml", {key: value for key, value in os.environ.items() if key == "HOME"}
        )
        self.outbox = Outbox(edge.outbox_path, agent=AGENT)
        self.pipeline = (
            Pipeline(edge, self.outbox)
            if tape is None
            else TapedPipeline(edge, self.outbox, tape, (folder / "edge.toml").read_text(encoding="utf-8"))
        )
        self.conversation = Conversation(self.outbox, store=self.store, agent=AGENT)
        self.observations = 0
        self._turn = 0
        self._cut: set[str] = set()
        self.devices.power_up(self.now)
        self.pipeline.start(self.now)
        self._modems = {
            device: NullModem(twin, _Host(self.pipeline, device), now=self.now)
            for device, twin in self.devices.serial_twins.items()
        }
        self._sessions = {
            device: _LlrpSession(self.pipeline, device, twin, self.now)
            for device, twin in self.devices.llrp_twins.items()
        }
        self._publishing = {**self.devices.mqtt_twins, **self.devices.http_twins}
        for device in self._publishing:
            self.pipeline.line_opened(device, self.now)
        self._deliver(self.conversation.online(self.now))

    def step(self) -> None:
        """Let 50 ms pass everywhere."""
        self.now += STEP_MS
        self._turn += 1
        self.devices.advance(self.now)
        for device, modem in self._modems.items():
            modem.cut = device in self._cut
            modem.step(STEP_MS)
        for device, session in self._sessions.items():
            if device not in self._cut:
                session.step(self.now)
        for device, twin in self._publishing.items():
            for topic, payload in twin.publish(self.now):
                if device not in self._cut:
                    self.pipeline.receive(device, payload, self.now, topic)
        if sales := self.devices.world.sales(self.now):
            self.hub.sell(self.store, [_sale(sale) for sale in sales])
        if self._turn % SENSE_EVERY == 0:
            self.observations += self.pipeline.tick(self.now)
            self._deliver(self.conversation.due(self.now))

    def run(self, seconds: float, on_minute: Callable[[int], None] | None = None) -> None:
        """Let simulated seconds pass; ``on_minute`` is told each full minute."""
        end = self.now + round(seconds * 1000)
        start = self.now
        while self.now < end:
            self.step()
            if on_minute is not None and (self.now - start) % 60_000 == 0:
                on_minute((self.now - start) // 60_000)

    def settle(self, quiet_s: float = 60.0, *, at_most_s: float = 900.0) -> None:
        """Let nobody in any more, wait until every hand is empty, and then ``quiet_s``."""
        self.devices.world.stop_shoppers(self.now)
        deadline = self.now + round(at_most_s * 1000)
        while not self.devices.world.quiet and self.now < deadline:
            self.run(1)
        self.run(quiet_s)

    def cut(self, device: str) -> None:
        """Pull a device's cable: nothing comes and nothing goes, and nobody says so."""
        self._cut.add(device)

    def mend(self, device: str) -> None:
        """Plug it in again."""
        self._cut.discard(device)

    def act(self, device: str, action: AnyAction) -> str | None:
        """Give a device a command, as the agent would on the hub's request."""
        return self.pipeline.act(device, action, self.now)

    def hub_picture(self) -> Picture:
        """Return what the hub says."""
        return local_picture(self.hub, self.store)

    def truth_picture(self) -> Picture:
        """Return what is true."""
        return truth_picture(msgspec.to_builtins(self.devices.world.truth.snapshot(self.now)))

    def close(self) -> None:
        """Close tape, outbox and database."""
        if isinstance(self.pipeline, TapedPipeline):
            self.pipeline.close()
        self.outbox.close()
        self.hub.close()

    def _deliver(self, messages: list[tuple[str, bytes]]) -> None:
        while messages:
            answers = [answer for topic, payload in messages for answer in self.hub.deliver(topic, payload)]
            messages = [
                message
                for topic, payload in answers
                for message in self.conversation.receive(topic, payload, self.now)
            ]


def _sale(sale: Any) -> Sale:
    return Sale(
        at=sale.sold_at,
        sale_id=sale.sale_id,
        line=sale.line,
        code=sale.sku,
        quantity=sale.quantity,
        price=sale.price,
        epc=sale.epc,
    )
