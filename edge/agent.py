"""The edge agent: the only file that wires lines, pipeline, outbox and uplink together.

Everything runs on one asyncio loop. Serial threads and paho's threads only leave what came, with its
time, for the loop's next turn: a reader that reports hundreds of tags a second wakes the loop twenty
times, not hundreds. The outbox is written on a thread of its own because an fsync on an SD card can
take long.
"""

import asyncio
import fcntl
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

from contract.errors import ConfigError, LinkError, MessageError
from contract.messages import Alert, CommandResult, decode_command, encode
from contract.topics import agent_topic
from edge.config import Edge
from edge.lines import Lines
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.tape import TapedPipeline
from edge.uplink import Conversation, Uplink

log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")

POLL_S: Final = 0.05
SENSE_EVERY: Final = 2
EARLIEST_PLAUSIBLE_MS: Final = 1_735_689_600_000
"""2025-01-01: a Pi without a battery clock boots long before this."""

MAX_ARRIVALS: Final = 50_000
MAX_INBOX: Final = 10_000


class Clock:
    """Wall clock in ms, and whether it can be trusted.

    A clock before 2025 or one that jumped against the monotonic clock by over two seconds since the
    last look is suspect until it has run evenly for a minute. May be asked from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset_ms = self._look()
        self._suspect_until = 0.0

    @staticmethod
    def _look() -> int:
        return time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000

    def now(self) -> tuple[int, bool]:
        """Return (ms since 1970, suspect)."""
        with self._lock:
            wall = time.time_ns() // 1_000_000
            offset = self._look()
            if abs(offset - self._offset_ms) > 2_000:
                log.warning("event=clock_step by_ms=%d", offset - self._offset_ms)
                self._suspect_until = time.monotonic() + 60
            self._offset_ms = offset
            return wall, wall < EARLIEST_PLAUSIBLE_MS or time.monotonic() < self._suspect_until


class Arrivals:
    """What other threads leave for the loop, in order.

    News of lines and sessions is always kept. Bytes and messages are refused beyond a bound, which is
    reached only while the loop waits for a disk that has stalled; then they are lost as on a line that
    nobody reads.
    """

    def __init__(self, limit: int = MAX_ARRIVALS) -> None:
        self._limit = limit
        self._waiting: deque[Callable[[], None]] = deque()
        self._refused = 0

    def news(self, item: Callable[[], None]) -> None:
        """Leave something that must not be lost."""
        self._waiting.append(item)

    def offer(self, item: Callable[[], None]) -> None:
        """Leave something that is refused when too much waits."""
        if len(self._waiting) < self._limit:
            self._waiting.append(item)
            return
        if not self._refused:
            log.error("event=arrivals_full limit=%d effect=input_dropped", self._limit)
        self._refused += 1

    def take(self) -> Iterator[Callable[[], None]]:
        """Yield what waits, oldest first."""
        if self._refused:
            log.error("event=arrivals_resumed dropped=%d", self._refused)
            self._refused = 0
        for _ in range(len(self._waiting)):
            yield self._waiting.popleft()


class Agent:
    """See the module's opening paragraph.

    Args:
        edge: checked configuration.
        clock: gives (now, suspect).
        heartbeat: called at every turn of the loop, so that its silence tells of a loop that hangs.
        tape: file to record to, and the text of the configuration file; None for no recording.
    """

    def __init__(
        self,
        edge: Edge,
        clock: Callable[[], tuple[int, bool]] | None = None,
        heartbeat: Callable[[], None] | None = None,
        tape: tuple[Path, str] | None = None,
    ) -> None:
        self._edge = edge
        self._clock = clock or Clock().now
        self._heartbeat = heartbeat
        config = edge.config
        self._outbox = Outbox(edge.outbox_path, agent=config.agent.id, bounds=config.outbox)
        self._pipeline = (
            Pipeline(edge, self._outbox) if tape is None else TapedPipeline(edge, self._outbox, *tape)
        )
        self._conversation = Conversation(
            self._outbox, store=config.agent.store, agent=config.agent.id, window=config.agent.window
        )
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._lines = Lines(
            edge,
            on_open=self._opened,
            on_close=self._closed,
            on_bytes=self._received,
            on_push=self._pushed,
        )
        self._unsaved_pushes: list[Callable[[], None]] = []
        self._arrivals = Arrivals()
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._online: bool | None = None
        self._disk_fails = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until ``stopping`` is set; what was committed is safe at any moment."""
        config = self._edge.config
        now, _ = self._clock()
        self._pipeline.start(now)
        if self._outbox.recovered:
            self._pipeline.report(
                Alert(at=now, device=config.agent.id, code="outbox_replaced", text=self._outbox.recovered)
            )
        self._lines.start()
        uplink = Uplink(
            config.broker,
            store=config.agent.store,
            agent=config.agent.id,
            password=self._edge.password,
            on_change=lambda up: self._arrivals.news(partial(self._set_online, up)),
            on_message=lambda topic, payload: self._arrivals.offer(
                partial(self._take_message, topic, payload)
            ),
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
            await self._lines.stop()
            self._take_arrivals()
            await self._sense(last=True)
            await self._exchange(uplink)
            await asyncio.to_thread(uplink.stop)
            self._disk.shutdown()
            self._outbox.close()
            if isinstance(self._pipeline, TapedPipeline):
                self._pipeline.close()
            log.info("event=agent_down agent=%s", config.agent.id)

    async def _turn(self, uplink: Uplink, stopping: asyncio.Event) -> None:
        turn = 0
        while not stopping.is_set():
            turn += 1
            self._take_arrivals()
            now, _ = self._clock()
            for device in self._lines.own:
                outgoing = self._pipeline.outgoing(device, now)
                if outgoing:
                    self._lines.write(device, outgoing)
            if turn % SENSE_EVERY == 0:
                await self._sense()
            await self._exchange(uplink)
            if self._heartbeat is not None:
                self._heartbeat()
            await asyncio.sleep(POLL_S)

    def _take_arrivals(self) -> None:
        for arrival in self._arrivals.take():
            arrival()

    async def _sense(self, *, last: bool = False) -> None:
        now, suspect = self._clock()
        batch = self._pipeline.sense(now, suspect=suspect, last=last)
        pushes, self._unsaved_pushes = self._unsaved_pushes, []
        try:
            if batch is not None:
                await self._on_disk(self._pipeline.save, batch, now)
        except LinkError as error:
            self._unsaved_pushes = pushes + self._unsaved_pushes
            self._note_disk(error)
            return
        if batch is not None:
            self._note_disk(None)
        for stored in pushes:
            stored()

    def _note_disk(self, error: LinkError | None) -> None:
        """Log when the outbox begins to refuse writes, and when it takes them again."""
        if error is not None and not self._disk_fails:
            log.error("event=outbox_write_failed error=%s effect=kept_in_memory", error)
        elif error is None and self._disk_fails:
            log.warning("event=outbox_write_resumed")
        self._disk_fails = error is not None

    async def _exchange(self, uplink: Uplink) -> None:
        """Let the conversation act on session changes, messages and time; publish what it wants.

        A message whose effect cannot be stored stays first in line and is tried again.
        """
        now, _ = self._clock()
        if self._online is not None:
            online, self._online = self._online, None
            if online:
                uplink.publish(self._conversation.online(now))
            else:
                self._conversation.offline()
        try:
            while self._inbox:
                topic, payload = self._inbox[0]
                if topic.endswith("/command"):
                    answers = await self._command(payload, now)
                else:
                    answers = await self._on_disk(self._conversation.receive, topic, payload, now)
                uplink.publish(answers)
                self._inbox.popleft()
            if self._conversation.is_due(now):
                uplink.publish(await self._on_disk(self._conversation.due, now))
        except LinkError as error:
            self._note_disk(error)

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

    def _opened(self, device: str) -> None:
        """On a line's thread."""
        self._arrivals.news(partial(self._pipeline.line_opened, device, self._clock()[0]))

    def _closed(self, device: str, why: str) -> None:
        """On a line's thread."""
        self._arrivals.news(partial(self._pipeline.line_closed, device, self._clock()[0], why))

    def _received(self, device: str, received: bytes, topic: str) -> None:
        """On a line's thread."""
        self._arrivals.offer(partial(self._pipeline.receive, device, received, self._clock()[0], topic))

    def _pushed(self, device: str, body: bytes, path: str, stored: Callable[[], None]) -> None:
        """On the loop; ``stored`` is called when what the body led to is in the outbox."""
        now, _ = self._clock()

        def take() -> None:
            self._pipeline.receive(device, body, now, path)
            self._unsaved_pushes.append(stored)

        self._arrivals.offer(take)

    def _set_online(self, up: bool) -> None:
        self._online = up

    def _take_message(self, topic: str, payload: bytes) -> None:
        if len(self._inbox) >= MAX_INBOX:
            log.warning("event=inbox_full topic=%s effect=dropped_and_asked_again", topic)
            return
        self._inbox.append((topic, payload))


@contextmanager
def _alone(outbox: Path) -> Iterator[None]:
    """Hold the outbox: two agents on one file would give the same numbers to different observations."""
    lock = outbox.with_name(f"{outbox.name}.lock")
    with ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(lock.open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"another agent runs on {outbox}; every agent needs an outbox of its own"
            ) from error
        except OSError as error:
            raise ConfigError(f"{lock} cannot be written: {error}; expected a writable folder") from error
        yield


def run(
    edge: Edge, *, heartbeat: Callable[[], None] | None = None, tape: tuple[Path, str] | None = None
) -> None:
    """Run the agent until SIGTERM or SIGINT; see :class:`Agent` for ``heartbeat`` and ``tape``.

    Raises:
        ConfigError: another agent runs on this outbox, or the outbox cannot be opened.
    """

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        await Agent(edge, heartbeat=heartbeat, tape=tape).run(stopping)

    with _alone(edge.outbox_path):
        asyncio.run(main())
