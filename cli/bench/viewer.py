"""A viewer of the screen at protocol level: opens Streamlit's WebSocket and asks as a browser does.

A browser opens the stream, asks for one run of the whole page, learns from it which fragment wants to be
run again and how often, and from then on asks for that fragment at that interval, on its own clock. It
keeps big messages it has seen and names their hashes, so that the server sends only a reference.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

MAX_BYTES: Final = 64 * 1024 * 1024
OPEN_S: Final = 30.0
ANSWER_S: Final = 20.0


@dataclass(slots=True)
class Looked:
    """What one viewer saw.

    Attributes:
        answers_s: time from each timed request to the end of its run.
        sizes: bytes of each answer.
        wanted: requests that the interval asked for in the time measured.
    """

    answers_s: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    wanted: float = 0.0


async def watch(url: str, *, until: float, start_after_s: float, measure_from: float) -> Looked:
    """Look at a page until a moment of the monotonic clock; count what happens after ``measure_from``.

    Args:
        url: address of the server, ``ws://…``.
        until: when to stop.
        start_after_s: wait first, so that viewers are not in step.
        measure_from: answers before it warm up and are not counted.
    """
    await asyncio.sleep(start_after_s)
    looked = Looked()
    async with connect(
        f"{url}/_stcore/stream", subprotocols=["streamlit"], max_size=MAX_BYTES, open_timeout=OPEN_S,  # type: ignore[list-item]
        compression=None, origin=url.replace("ws", "http", 1),  # type: ignore[arg-type]
    ) as stream:  # fmt: skip
        known: set[str] = set()
        fragment, interval_s, page = await _first_run(stream, known)
        due = time.monotonic() + interval_s
        looked.wanted = (until - max(measure_from, due)) / interval_s
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asked = time.monotonic()
            await stream.send(_rerun(page, known, fragment))
            size = await _until_finished(stream, known, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
            if asked >= measure_from:
                looked.answers_s.append(time.monotonic() - asked)
                looked.sizes.append(size)
            # A browser's timer skips the beats it missed; it does not catch up.
            due = max(due + interval_s, time.monotonic())
    return looked


async def _first_run(stream: ClientConnection, known: set[str]) -> tuple[str, float, str]:
    await stream.send(_rerun("", known, ""))
    fragment, interval_s, page = "", 1.0, ""
    while True:
        message = await _receive(stream, known)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            page = message.new_session.page_script_hash
        elif kind == "auto_rerun":
            fragment, interval_s = message.auto_rerun.fragment_id, message.auto_rerun.interval
        elif kind == "script_finished" and fragment:
            return fragment, interval_s, page


async def _until_finished(stream: ClientConnection, known: set[str], ending: int) -> int:
    size = 0
    while True:
        message = await _receive(stream, known)
        size += int(message.ByteSize())
        if message.WhichOneof("type") == "script_finished" and message.script_finished == ending:
            return size


async def _receive(stream: ClientConnection, known: set[str]) -> ForwardMsg:
    raw = await asyncio.wait_for(stream.recv(), ANSWER_S)
    message = ForwardMsg()
    message.ParseFromString(raw if isinstance(raw, bytes) else raw.encode())
    if message.metadata.cacheable and message.hash:
        known.add(message.hash)
    return message


def _rerun(page: str, known: set[str], fragment: str) -> bytes:
    message = BackMsg()
    state = message.rerun_script
    state.query_string = "lang=en"
    state.page_script_hash = page
    state.cached_message_hashes.extend(sorted(known)[-100:])
    if fragment:
        state.fragment_id = fragment
        state.is_auto_rerun = True
    raw: bytes = message.SerializeToString()
    return raw
