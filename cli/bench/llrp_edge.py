"""The edge's part of ``shelfwise bench llrp`` in a process of its own: lines, drivers, sensing, outbox.

The loop is the agent's, without the uplink: what came is taken every 50 ms, sensed every 100 ms and
stored on a thread of its own. The clock starts when every reader is read and its tags have arrived.

Usage: ``python -m cli.bench.llrp_edge CONFIG SECONDS``; prints one JSON object.
"""

import asyncio
import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from edge.agent import POLL_S, SENSE_EVERY
from edge.config import load_edge
from edge.lines import Lines
from edge.outbox import Outbox
from edge.pipeline import Pipeline

WARM_UP_S: Final = 3.0
START_S: Final = 20.0


def _now() -> int:
    return time.time_ns() // 1_000_000


class _Edge:
    def __init__(self, config: Path) -> None:
        edge = load_edge(config, {})
        self._outbox = Outbox(edge.outbox_path, agent=edge.config.agent.id)
        self._pipeline = Pipeline(edge, self._outbox)
        self._waiting: deque[Callable[[], None]] = deque()
        pipeline, leave = self._pipeline, self._waiting.append
        self._lines = Lines(
            edge,
            on_open=lambda device: leave(partial(pipeline.line_opened, device, _now())),
            on_close=lambda device, why: leave(partial(pipeline.line_closed, device, _now(), why)),
            on_bytes=lambda device, data, topic: leave(
                partial(pipeline.receive, device, data, _now(), topic)
            ),
            on_push=lambda *_: None,
        )
        self._disk = ThreadPoolExecutor(max_workers=1)
        self._turns = 0

    def reads(self) -> dict[str, int]:
        """Useful reads per device so far."""
        return {device: known.reads for device, known in self._pipeline.state.health.devices.items()}

    async def turn(self) -> None:
        """One turn of the agent's loop."""
        self._turns += 1
        while self._waiting:
            self._waiting.popleft()()
        now = _now()
        for device in self._lines.own:
            if outgoing := self._pipeline.outgoing(device, now):
                self._lines.write(device, outgoing)
        if self._turns % SENSE_EVERY == 0:
            batch = self._pipeline.sense(now)
            if batch is not None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._disk, self._pipeline.save, batch, now)
        await asyncio.sleep(POLL_S)

    async def measure(self, seconds: float) -> dict[str, object]:
        """Read for so long and say what it took."""
        self._pipeline.start(_now())
        self._lines.start()
        await self._until(lambda: bool(self.reads()) and all(self.reads().values()))
        warm = time.monotonic() + WARM_UP_S
        await self._until(lambda: time.monotonic() >= warm)
        before, cpu_s, wall_s = self.reads(), time.process_time(), time.monotonic()
        await self._until(lambda: time.monotonic() - wall_s >= seconds, seconds + START_S)
        after, cpu_s, wall_s = self.reads(), time.process_time() - cpu_s, time.monotonic() - wall_s
        await self._lines.stop()
        self._disk.shutdown()
        self._outbox.close()
        return {
            "reads": {device: after[device] - before[device] for device in after},
            "cpu_s": cpu_s,
            "wall_s": wall_s,
        }

    async def _until(self, enough: Callable[[], bool], within_s: float = START_S) -> None:
        """Turn until something holds right after sensing, so that all looks lag alike."""
        async with asyncio.timeout(within_s):
            while self._turns % SENSE_EVERY or not enough():
                await self.turn()


async def _run() -> dict[str, object]:
    return await _Edge(Path(sys.argv[1])).measure(float(sys.argv[2]))


def main() -> None:
    """Body of the edge's process."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    print(json.dumps(asyncio.run(_run())), flush=True)


if __name__ == "__main__":
    main()
