"""The only file that wires world, twins and links: a whole simulated store, in lockstep or in real time.

In lockstep the caller owns time: ``advance(now)`` runs the world up to ``now`` and tells every twin what
it senses; the caller moves the bytes, for example through a null modem. In real time every serial twin
sits behind its own pty, a publishing device behind a broker, a pushing one behind HTTP, an LLRP reader
behind a TCP port, and this file's loop owns the world. A twin belongs to its link's thread then, so
feeding it takes the link's lock.

Sales leave by a callback: the simulator knows devices and people, not the hub.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final, NamedTuple

from contract.errors import LinkError
from firmware_sim.links.llrp import LlrpLink
from firmware_sim.links.mqtt import MqttPublisher
from firmware_sim.links.pty import PtyLink
from firmware_sim.links.push import HttpPusher
from firmware_sim.model import (
    LlrpReaderTwin,
    PublishingCounterTwin,
    PublishingTwin,
    ReaderTwin,
    SerialTwin,
    Sighting,
)
from firmware_sim.truth_log import TruthLog
from firmware_sim.twins import COUNTER_TWINS, READER_TWINS, SCALE_TWINS, AnyReaderTwin
from firmware_sim.world.families import COUNTERS, READERS
from firmware_sim.world.files import report_address, store_files
from firmware_sim.world.floor import GoodsIn, Sale
from firmware_sim.world.scenario import Scenario
from firmware_sim.world.world import World

ADVANCE_EVERY_MS: Final = 50
LIES_FOR_MS: Final = 1_000
"""A tag that was in an antenna's field this lately is still there when the antenna's turn comes."""
Clock = Callable[[], int]
OnSales = Callable[[list[Sale]], None]
OnGoodsIn = Callable[[list[GoodsIn]], None]


class SimulatedStore:
    """A world with one twin per device.

    Args:
        scenario: what the store is made of.
        seed: everything random follows from it.

    Attributes:
        world: the store and its truth.
        serial_twins: device id → twin on a serial line.
        mqtt_twins: device id → twin that publishes to a broker.
        http_twins: device id → twin that pushes over HTTP.
        llrp_twins: device id → twin on a TCP port of its own.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.world = World(scenario, seed)
        self._readers = {
            reader.device: READER_TWINS[reader.kind](
                reader, report_address(scenario, reader.device, READERS[reader.kind])
            )
            for reader in scenario.readers
        }
        self._scales = {tray.device: SCALE_TWINS[tray.kind](tray) for tray in scenario.trays}
        self._counters = {
            counter.device: COUNTER_TWINS[counter.kind](
                counter, report_address(scenario, counter.device, COUNTERS[counter.kind])
            )
            for counter in scenario.counters
        }
        self._locks: dict[str, AbstractContextManager[object]] = {}
        self._waiting: dict[str, dict[tuple[int, str], tuple[int, Sighting]]] = {}
        everything = {**self._readers, **self._scales, **self._counters}
        pushing = {reader.device for reader in scenario.readers if READERS[reader.kind].line == "http"}
        pushing |= {counter.device for counter in scenario.counters if COUNTERS[counter.kind].line == "http"}
        publishing = {device: twin for device, twin in everything.items() if isinstance(twin, PublishingTwin)}
        self.serial_twins: dict[str, SerialTwin] = {
            device: twin for device, twin in everything.items() if isinstance(twin, SerialTwin)
        }
        self.mqtt_twins = {device: twin for device, twin in publishing.items() if device not in pushing}
        self.http_twins = {device: twin for device, twin in publishing.items() if device in pushing}
        self.llrp_twins: dict[str, LlrpReaderTwin] = {
            device: twin for device, twin in everything.items() if isinstance(twin, LlrpReaderTwin)
        }

    def guard(self, device: str, lock: AbstractContextManager[object]) -> None:
        """Take ``lock`` whenever this device's twin is fed."""
        self._locks[device] = lock

    def power_up(self, now: int) -> None:
        """Open the store with every device on a line and every counter freshly powered."""
        for device, twin in {**self.serial_twins, **self.mqtt_twins, **self.http_twins}.items():
            if isinstance(twin, SerialTwin | PublishingCounterTwin):
                with self._lock(device):
                    twin.power_cycle(now)
        self.advance(now)

    def advance(self, now: int) -> None:
        """Run the world up to ``now`` and tell every twin what it senses."""
        self.world.step(now)
        for device, reader in self._readers.items():
            sightings = self.world.sightings(device, now)
            with self._lock(device):
                reader.see(self._in_turn(device, reader, sightings, now), now)
        for device, scale in self._scales.items():
            weight_g, stable = self.world.plate(device)
            with self._lock(device):
                scale.load(weight_g, stable=stable, now=now)
        for device, counter in self._counters.items():
            entered, left = self.world.crossings(device)
            if entered or left:
                with self._lock(device):
                    counter.cross(entered=entered, left=left, now=now)

    def _in_turn(
        self, device: str, reader: AnyReaderTwin, sightings: list[Sighting], now: int
    ) -> list[Sighting]:
        """Return what antennas whose turn it is see now; what lies before the others waits for theirs."""
        if not isinstance(reader, ReaderTwin):
            return sightings
        waiting = self._waiting.setdefault(device, {})
        seen = [sighting for sighting in sightings if reader.has_turn(sighting.antenna)]
        for key, (at, sighting) in list(waiting.items()):
            if reader.has_turn(sighting.antenna):
                seen.append(sighting)
            if reader.has_turn(sighting.antenna) or now - at > LIES_FOR_MS:
                del waiting[key]
        waiting |= {
            (sighting.antenna, sighting.epc): (now, sighting)
            for sighting in sightings
            if not reader.has_turn(sighting.antenna)
        }
        return seen

    def _lock(self, device: str) -> AbstractContextManager[object]:
        return self._locks.get(device) or nullcontext()


def write_store_files(scenario: Scenario, folder: Path, lines: Path | None = None) -> list[Path]:
    """Write store.toml, products.csv, bindings.csv and devices.toml.

    Args:
        scenario: the store.
        folder: where to; made when it does not exist.
        lines: where the serial lines will appear, by default the same folder.

    Raises:
        LinkError: the folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in store_files(scenario, (lines or folder).absolute()).items():
            path = folder / name
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise LinkError(f"store files cannot be written to {folder}: {error}") from error
    return written


class Broker(NamedTuple):
    """The MQTT broker that devices publish to."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None


class Listener(NamedTuple):
    """The edge's listener that devices push to."""

    host: str = "127.0.0.1"
    port: int = 8090
    token: str | None = None


class Stops:
    """How a run in real time is told to end, from any thread or signal handler.

    Attributes:
        shoppers: let nobody in any more.
        everything: end the run.
    """

    def __init__(self) -> None:
        self.shoppers = threading.Event()
        self.everything = threading.Event()


def wall_ms() -> int:
    """Return the time of day in ms UTC."""
    return time.time_ns() // 1_000_000


def run_realtime(
    store: SimulatedStore,
    *,
    folder: Path,
    broker: Broker,
    listener: Listener | None = None,
    on_sales: OnSales,
    stops: Stops,
    on_goods_in: OnGoodsIn | None = None,
    seconds: float | None = None,
    shoppers_seconds: float | None = None,
    truth_path: Path | None = None,
    clock: Clock = wall_ms,
) -> None:
    """Run a store on real lines until it is told to stop.

    Args:
        store: the store; its world must be new.
        folder: serial lines appear here as symbolic links named by device id.
        broker: where publishing devices connect to; it may come and go.
        listener: where pushing devices push to, likewise.
        on_sales: called on this thread with new sales; must return at once.
        on_goods_in: likewise with delivery notes.
        stops: ends the shoppers or the run.
        seconds: end the run by itself after this time.
        shoppers_seconds: let nobody in after this time.
        truth_path: ground truth is written here, see :mod:`firmware_sim.truth_log`.
        clock: time in ms UTC.

    Raises:
        LinkError: a line, the broker's address or the truth file cannot be used.
    """
    log = None if truth_path is None else TruthLog(truth_path)
    start = clock()
    with _links(store, folder, broker, listener or Listener(), clock):
        store.power_up(start)
        while not stops.everything.wait(ADVANCE_EVERY_MS / 1000):
            now = clock()
            if stops.shoppers.is_set() or _over(now - start, shoppers_seconds):
                store.world.stop_shoppers(now)
            store.advance(now)
            if sales := store.world.sales(now):
                on_sales(sales)
            if on_goods_in is not None and (goods := store.world.goods_in(now)):
                on_goods_in(goods)
            if log is not None:
                log.follow(store.world.truth, now)
            if _over(now - start, seconds):
                break
    if log is not None:
        log.write(store.world.truth, store.world.now)


def _over(elapsed_ms: int, limit_s: float | None) -> bool:
    return limit_s is not None and elapsed_ms >= 1000 * limit_s


@contextmanager
def _links(
    store: SimulatedStore, folder: Path, broker: Broker, listener: Listener, clock: Clock
) -> Iterator[None]:
    """Put every twin on its line, and take all lines down again."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LinkError(f"the folder {folder} for simulated lines cannot be made: {error}") from error
    with ExitStack() as stack:
        for device, twin in store.serial_twins.items():
            link = PtyLink(twin, folder / device, clock=clock)
            store.guard(device, link.lock)
            stack.enter_context(link)
        ports = {reader.device: reader.port for reader in store.scenario.readers}
        for device, controlled in store.llrp_twins.items():
            server = LlrpLink(controlled, port=ports[device], clock=clock)
            store.guard(device, server.lock)
            stack.enter_context(server)
        for device, pushing in store.http_twins.items():
            pusher = HttpPusher(
                pushing, host=listener.host, port=listener.port, token=listener.token, clock=clock
            )
            store.guard(device, pusher.lock)
            stack.enter_context(pusher)
        for device, publishing in store.mqtt_twins.items():
            publisher = MqttPublisher(
                publishing,
                host=broker.host,
                port=broker.port,
                client_id=f"{store.scenario.store}-{device}",
                username=broker.username,
                password=broker.password,
                clock=clock,
            )
            store.guard(device, publisher.lock)
            stack.enter_context(publisher)
        yield
