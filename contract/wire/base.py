"""The shape every codec has, and the few pieces they share.

Feed bytes of any size, then take one thing at a time: a frame, a :class:`Reject` that accounts for
every skipped byte, or :data:`NEED_DATA`. Garbage before, in and after a frame is skipped, counted and
reported as a value; a codec never raises on input. Every byte fed ends up in exactly one frame or one
reject (h11's lazy one-step design, so that nothing is handed back ahead of what was handled).

Nearly all frames of a clean line are whole, good and of one kind. A codec may know that kind at a glance
(:meth:`Codec._quick`); everything else takes the careful way.
"""

from abc import ABC, abstractmethod
from typing import Final, Generic, Literal, TypeVar

import msgspec

NEED_DATA: Final = None
"""What :meth:`Codec.next_frame` returns when there is no whole frame in the buffer."""

RejectReason = Literal[
    "noise",  # bytes that start no frame
    "checksum",  # a whole frame whose check does not fit
    "length",  # a frame that announces more than the protocol allows
    "end",  # a frame without its end mark
    "syntax",  # a text line or payload the protocol does not allow
    "truncated",  # the line closed in the middle of a frame
    "value",  # well-formed, but a field outside its range
]

MAX_REJECT_BYTES: Final = 256


class Reject(msgspec.Struct, frozen=True):
    """Bytes that made no frame.

    Attributes:
        reason: stable word for counters.
        raw: the skipped bytes; a reject holds at most 256 of them, more make several rejects.
        detail: what was expected.
    """

    reason: RejectReason
    raw: bytes
    detail: str = ""


FrameT = TypeVar("FrameT")


class Codec(ABC, Generic[FrameT]):
    """Receive buffer plus the two hooks a protocol fills in.

    A subclass implements :meth:`_take`, which looks at ``self._buffer`` and returns a frame or reject
    after removing exactly its bytes, or NEED_DATA without removing any. It must not need more than
    ``max_frame`` bytes to decide.
    """

    max_frame: int = 1024
    check_bits: int = 0
    """Width of the checksum that decides when every field check has passed, 0 for none."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer += data

    @property
    def waiting(self) -> int:
        """Bytes fed that are in no frame or reject yet."""
        return len(self._buffer)

    def next_frame(self) -> FrameT | Reject | None:
        """Return the next frame or reject, or NEED_DATA."""
        if not self._buffer:
            return NEED_DATA
        return self._take()

    def close(self) -> Reject | None:
        """The line closed: account for what is left in the buffer, and start anew."""
        if not self._buffer:
            return None
        raw = bytes(self._buffer[:MAX_REJECT_BYTES])
        self._buffer.clear()
        return Reject("truncated", raw, "the line closed inside a frame")

    @abstractmethod
    def _take(self) -> FrameT | Reject | None:
        """Remove and return the first frame or reject of a non-empty buffer, or NEED_DATA."""

    def _quick(self) -> tuple[FrameT, int] | None:
        """Return the whole, good frame of the common kind at the head of the buffer, and its size.

        It returns exactly the frame that :meth:`_take` would, or None for everything that it does not
        know at a glance, an empty buffer included. It changes nothing. A base class calls it where no
        earlier byte waits for a decision.
        """
        return None

    def _skip(self, count: int, reason: RejectReason, detail: str = "") -> Reject:
        """Remove ``count`` bytes (at most 256) and return them as a reject."""
        count = min(count, MAX_REJECT_BYTES)
        raw = bytes(self._buffer[:count])
        del self._buffer[:count]
        return Reject(reason, raw, detail)

    def _cut(self, count: int) -> bytes:
        """Remove ``count`` bytes and return them."""
        raw = bytes(self._buffer[:count])
        del self._buffer[:count]
        return raw
