"""The edge agent: the only file that wires lines, pipeline, outbox and uplink together.

Everything runs on one asyncio loop. Serial threads and paho's threads only hand bytes over to it; the
outbox is written on a thread of its own because an fsync on an SD card can take long.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal, ParamSpec, TypeVar

from contract.errors import LinkError, MessageError
from contract.messages import Alert, CommandResult, decode_command, encode
from contract.topics import agent_topic
from edge.config import Edge
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.transports.mqtt import MqttLine
from edge.transports.serial import SerialLine
from edge.uplink import BrokerSettings, Conversation, Uplink

log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")

POLL_S: Final = 0.05
SENSE_EVERY: Final = 2
EARLIEST_PLAUSIBLE_MS: Final = 1_735_689_600_000
"""2025-01-01: a Pi without a battery clock boots long before this."""


class Clock:
    """Wall clock in ms, and whether it can be trusted.

    A clock before 2025 or one that jumped against the monotonic clock by over two seconds since the
    last look is suspect until it has run evenly for a minute.
    """

    def __init__(self) -> None:
        self._offset_ms = self._look()
        self._suspect_until = 0.0

    @staticmethod
    def _look() -> int:
        return time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000

    def now(self) -> tuple[int, bool]:
        """Return (ms since 1970, suspect)."""
        wall = time.time_ns() // 1_000_000
        offset = self._look()
        if abs(offset - self._offset_ms) > 2_000:
            log.warning("event=clock_step by_ms=%d", offset - self._offset_ms)
            self._suspect_until = time.monotonic() + 60
        self._offset_ms = offset
        return wall, wall < EARLIEST_PLAUSIBLE_MS or time.monotonic() < self._suspect_until


class Agent:
    """See the module's opening paragraph.

    Args:
        edge: checked configuration.
        clock: gives (now, suspect).
    """

    def __init__(self, edge: Edge, clock: Callable[[], tuple[int, bool]] | None = None) -> None:
        self._edge = edge
        self._clock = clock or Clock().now
        config = edge.config
        self._outbox = Outbox(edge.outbox_path, agent=config.agent.id, bounds=config.outbox)
        self._pipeline = Pipeline(edge, self._outbox)
        self._conversation = Conversation(
            self._outbox, store=config.agent.store, agent=config.agent.id, window=config.agent.window
        )
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._lines: dict[str, SerialLine] = {}
        self._device_session: MqttLine | None = None
        self._inbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(maxsize=10_000)
        self._online: bool | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until ``stopping`` is set; what was committed is safe at any moment."""
        loop = asyncio.get_running_loop()
        config = self._edge.config
        now, _ = self._clock()
        self._pipeline.start(now)
        if self._outbox.recovered:
            self._pipeline.report(
                Alert(at=now, device=config.agent.id, code="outbox_replaced", text=self._outbox.recovered)
            )
        self._open_lines(loop)
        uplink = Uplink(
            config.broker,
            store=config.agent.store,
            agent=config.agent.id,
            password=self._edge.password,
            on_change=lambda up: _hand_over(loop, self._set_online, up),
            on_message=lambda topic, payload: _hand_over(loop, self._take_message, topic, payload),
        )
        uplink.start()
        log.info(
            "event=agent_up agent=%s store=%s stream=%s waiting=%d",
            config.agent.id,
            config.agent.store,
            self._outbox.stream,
            self._outbox.waiting,
        )
        try:
            await self._turn(uplink, stopping)
        finally:
            for line in self._lines.values():
                await asyncio.to_thread(line.stop)
            if self._device_session is not None:
                await asyncio.to_thread(self._device_session.stop)
            await self._sense()
            with contextlib.suppress(LinkError):
                await self._exchange(uplink)
            await asyncio.to_thread(uplink.stop)
            self._disk.shutdown()
            self._outbox.close()
            log.info("event=agent_down agent=%s", config.agent.id)

    async def _turn(self, uplink: Uplink, stopping: asyncio.Event) -> None:
        turn = 0
        while not stopping.is_set():
            turn += 1
            now, _ = self._clock()
            for device, line in self._lines.items():
                outgoing = self._pipeline.outgoing(device, now)
                if outgoing:
                    line.write(outgoing)
            if turn % SENSE_EVERY == 0:
                await self._sense()
            try:
                await self._exchange(uplink)
            except LinkError as error:
                log.error("event=outbox_write_failed error=%s effect=tried_again", error)
            try:
                await asyncio.wait_for(stopping.wait(), POLL_S)
            except TimeoutError:
                continue

    async def _sense(self) -> None:
        now, suspect = self._clock()
        batch = self._pipeline.sense(now, suspect=suspect)
        if batch is None:
            return
        try:
            await self._on_disk(self._pipeline.save, batch, now)
        except LinkError as error:
            log.error("event=outbox_write_failed error=%s effect=kept_in_memory", error)

    async def _exchange(self, uplink: Uplink) -> None:
        """Let the conversation act on session changes, receipts and time; publish what it wants."""
        now, _ = self._clock()
        if self._online is not None:
            online, self._online = self._online, None
            if online:
                uplink.publish(await self._on_disk(self._conversation.online, now))
            else:
                self._conversation.offline()
        while not self._inbox.empty():
            topic, payload = self._inbox.get_nowait()
            if topic.endswith("/command"):
                uplink.publish(await self._command(payload, now))
            else:
                uplink.publish(await self._on_disk(self._conversation.receive, topic, payload, now))
        uplink.publish(await self._on_disk(self._conversation.due, now))

    async def _command(self, payload: bytes, now: int) -> list[tuple[str, bytes]]:
        try:
            command = decode_command(payload)
        except MessageError as error:
            log.warning("event=command_unreadable error=%s", error)
            return []
        if not await self._on_disk(self._outbox.remember_command, command.command_id, now):
            return []
        agent = self._edge.config.agent
        outcome: Literal["done", "failed", "expired", "unknown"]
        if now > command.expires_at:
            outcome, detail = "expired", "the command arrived after its expiry"
        else:
            answer = self._pipeline.act(command.device, command.action, now)
            if answer is None:
                outcome, detail = "unknown", f"this agent has no device {command.device!r}"
            else:
                outcome, detail = ("failed", answer) if answer else ("done", "")
        result = CommandResult(
            command_id=command.command_id, device=command.device, at=now, outcome=outcome, detail=detail[:200]
        )
        return [(agent_topic(agent.store, agent.id, "result"), encode(result))]

    async def _on_disk(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return await asyncio.get_running_loop().run_in_executor(self._disk, lambda: function(*args, **kwargs))

    def _open_lines(self, loop: asyncio.AbstractEventLoop) -> None:
        topics: dict[str, str] = {}
        for device in self._edge.devices:
            name = device.settings.id
            if device.settings.transport == "mqtt":
                topics[name] = device.settings.topic
                continue
            self._lines[name] = SerialLine(
                name,
                device.settings.port,
                device.settings.baud or device.spec.baud or 9_600,
                on_open=lambda name=name: _hand_over(loop, self._opened, name),  # type: ignore[misc]
                on_close=lambda why, name=name: _hand_over(loop, self._closed, name, why),  # type: ignore[misc]
                on_bytes=lambda received, name=name: _hand_over(loop, self._received, name, received),  # type: ignore[misc]
            )
        if topics:
            config = self._edge.config
            broker: BrokerSettings = config.device_broker or config.broker
            self._device_session = MqttLine(
                broker.host,
                broker.port,
                topics,
                username=broker.username,
                password=self._edge.password if broker.username else "",
                on_open=lambda name: _hand_over(loop, self._opened, name),
                on_close=lambda name, why: _hand_over(loop, self._closed, name, why),
                on_payload=lambda name, payload: _hand_over(loop, self._received, name, payload),
            )
            self._device_session.start()
        for line in self._lines.values():
            line.start()

    def _opened(self, device: str) -> None:
        self._pipeline.line_opened(device, self._clock()[0])

    def _closed(self, device: str, why: str) -> None:
        self._pipeline.line_closed(device, self._clock()[0], why)

    def _received(self, device: str, received: bytes) -> None:
        self._pipeline.receive(device, received, self._clock()[0])

    def _set_online(self, up: bool) -> None:
        self._online = up

    def _take_message(self, topic: str, payload: bytes) -> None:
        if self._inbox.full():
            log.warning("event=inbox_full topic=%s effect=dropped_and_asked_again", topic)
            return
        self._inbox.put_nowait((topic, payload))


def _hand_over(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    """Run a function on the loop; a thread that outlives the loop hands nothing over."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        log.debug("event=loop_gone function=%s", function.__name__)


def run(edge: Edge) -> None:
    """Run the agent until SIGTERM or SIGINT."""

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        await Agent(edge).run(stopping)

    asyncio.run(main())
