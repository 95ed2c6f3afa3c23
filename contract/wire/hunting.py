"""Finding binary frames in a dirty byte stream: the search that several codecs share.

A protocol says what it makes of the bytes at one position (:meth:`HuntingCodec._judge`); this class
moves that position, collects what fits nothing and accounts for every byte:

- a frame that fails costs **one** byte, its head, and the hunt goes on behind it, so a valid frame
  that follows a wrong length or a false head is found;
- skipped bytes are collected into one reject per run. A run ends where a frame begins, where another
  plausible head begins, or at :data:`RUN_BYTES`. It takes the reason of the first failure in it;
- a candidate whose length nothing vouches for gives way to a whole valid frame inside it
  (:meth:`HuntingCodec._hides_frame`), so a wrong length never holds back the frames behind it;
- a frame whose inner lengths agree but whose check fails was changed, not cut, when the next frame begins
  where it ends: it is skipped whole (:meth:`HuntingCodec._spoiled`), so nothing in its data, such as an EPC
  that looks like a frame, is taken for one;
- every decision depends on the bytes alone and never on how they were cut into chunks. Waiting only
  delays a decision;
- the common frame of a clean line is known at a glance (:meth:`~contract.wire.base.Codec._quick`), as long
  as no run of skipped bytes is open.

What is left when there is no more to decide fits one reject, so :meth:`HuntingCodec.close` accounts
for all of it.
"""

from abc import abstractmethod
from typing import Final, Generic, NamedTuple, TypeVar

from contract.wire.base import MAX_REJECT_BYTES, NEED_DATA, Codec, Reject, RejectReason

FrameT = TypeVar("FrameT")

MAX_HEAD_BYTES: Final = 8
"""No protocol here needs more bytes to know whether a position is a plausible head."""

RUN_BYTES: Final = MAX_REJECT_BYTES - MAX_HEAD_BYTES


class Found(NamedTuple, Generic[FrameT]):
    """A whole valid frame begins here."""

    frame: FrameT
    size: int


class Failed(NamedTuple):
    """No valid frame begins here.

    Attributes:
        candidate: the head was plausible, so a run of skipped bytes ends before it.
        size: how many bytes are given up; more than one only of a candidate.
    """

    reason: RejectReason
    detail: str = ""
    candidate: bool = False
    size: int = 1


class Pending(NamedTuple):
    """Not decided before more bytes come.

    Attributes:
        candidate: the head is there and plausible, the rest of the frame is awaited.
        failure: what it is when no more bytes come, None for a truncated frame.
    """

    candidate: bool
    failure: Failed | None = None


NOISE: Final = Failed("noise", "bytes that begin no frame")
PARTIAL_HEAD: Final = Pending(candidate=False)
PARTIAL_FRAME: Final = Pending(candidate=True)


class HuntingCodec(Codec[FrameT]):
    """A codec whose subclass judges one position of the buffer at a time."""

    max_frame = MAX_REJECT_BYTES

    def __init__(self) -> None:
        super().__init__()
        self._run = 0
        self._failure = NOISE
        self._undecided: Failed | None = None

    @abstractmethod
    def _judge(self, start: int) -> Found[FrameT] | Failed | Pending:
        """Say what begins at ``start`` of ``self._buffer``; at least one byte is there."""

    def _is_whole(self, start: int, limit: int) -> bool:  # noqa: ARG002 - protocols without a length field
        """Say whether a whole valid frame begins at ``start`` and ends at ``limit`` at the latest."""
        return False

    def _hides_frame(self, start: int, end: int) -> bool:
        """Say whether a whole valid frame lies behind ``start`` and ends before ``end``."""
        limit = min(end - 1, len(self._buffer))
        return any(self._is_whole(inner, limit) for inner in range(start + 1, limit))

    def _begins(self, start: int) -> bool | None:  # noqa: ARG002 - protocols that trust no length
        """Say whether a frame may begin at ``start``, by its head alone; None before enough bytes came."""
        return False

    def _spoiled(self, start: int, end: int, failure: Failed) -> Failed | Pending:
        """Return what a frame is whose inner lengths agree, but whose check fails."""
        begins = self._begins(end)
        if begins is None:
            return Pending(candidate=True, failure=failure)
        return failure._replace(size=end - start) if begins else failure

    def close(self) -> Reject | None:
        """The line closed: account for what :meth:`next_frame` left, and start anew.

        The end of a frame that failed may look like the head of another one; its own failure is told.
        """
        left = super().close()
        failure = self._failure if self._run else self._undecided
        self._run, self._failure, self._undecided = 0, NOISE, None
        if left is None or failure is None:
            return left
        return Reject(failure.reason, left.raw, failure.detail)

    def next_frame(self) -> FrameT | Reject | None:
        """Return the next frame or reject, or NEED_DATA."""
        if not self._run and (quick := self._quick()) is not None:
            frame, size = quick
            del self._buffer[:size]
            self._undecided = None
            return frame
        return super().next_frame()

    def _take(self) -> FrameT | Reject | None:
        self._undecided = None
        while self._run < len(self._buffer):
            verdict = self._judge(self._run)
            if isinstance(verdict, Found):
                if self._run:
                    return self._end_run()
                self._cut(verdict.size)
                frame: FrameT = verdict.frame
                return frame
            if verdict.candidate and self._run:
                return self._end_run()
            if isinstance(verdict, Pending):
                self._undecided = verdict.failure
                return NEED_DATA
            if verdict.size > 1:
                return self._skip(verdict.size, verdict.reason, verdict.detail)
            if self._failure is NOISE:
                self._failure = verdict
            self._run += 1
            if self._run == RUN_BYTES:
                return self._end_run()
        return NEED_DATA

    def _end_run(self) -> Reject:
        count, failure = self._run, self._failure
        self._run, self._failure = 0, NOISE
        return self._skip(count, failure.reason, failure.detail)
