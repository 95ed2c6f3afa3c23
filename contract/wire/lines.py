"""Lines of ASCII text on a serial line: the framing that scales share.

A line ends with CR LF, LF or CR alone. Whether a CR stands alone is known when the next byte is there,
so a device that sends nothing but CR is read one line late. A protocol says what it makes of one line
(:meth:`LineCodec._parse`); this class finds the lines and accounts for every byte:

- a line is at most :attr:`LineCodec.max_line` bytes; the rest of a longer one is refused up to its end, because
  the tail of a line must not be taken for a line;
- bytes that are not printable are noise. What follows them is read as a line; a protocol whose lines
  show no beginning of their own can see that this one has lost it (:attr:`LineCodec._torn`);
- every decision depends on the bytes alone and never on how they were cut into chunks;
- the common line of a protocol is known by one pattern at the head of the buffer
  (:meth:`~contract.wire.base.Codec._quick`), as long as no noise and no overlong line comes before it.
"""

import re
from abc import abstractmethod
from typing import ClassVar, Final, Literal, TypeVar

import msgspec

from contract.errors import FrameError
from contract.wire.base import NEED_DATA, Codec, Reject, RejectReason

MAX_LINE: Final = 120

Ending = Literal["\r\n", "\n", "\r", "\t"]
FrameT = TypeVar("FrameT")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it came.

    Attributes:
        text: all of it but its ending.
        ending: how it ended.
    """

    text: str
    ending: Ending = "\r\n"


def encode(line: Line) -> bytes:
    """Return the line's bytes."""
    return (line.text + line.ending).encode("ascii")


class LineCodec(Codec[FrameT]):
    """A codec whose subclass reads one line at a time.

    Attributes:
        max_line: bytes of the longest line, its ending not counted; at most what one reject holds.
        unprintable: what is noise in a line.
        _torn: the line in hand follows noise, so its beginning may be missing.
    """

    max_frame = MAX_LINE + 1
    max_line: ClassVar[int] = MAX_LINE
    unprintable: ClassVar[re.Pattern[bytes]] = re.compile(rb"[^\x20-\x7E]")

    def __init__(self) -> None:
        super().__init__()
        self._overlong = False
        self._torn = False

    @abstractmethod
    def _parse(self, text: str, ending: Ending) -> FrameT:
        """Read one line that is not empty.

        Raises:
            FrameError: ``syntax`` for a line the protocol does not allow, ``value`` for a field outside
                its range.
        """

    def next_frame(self) -> FrameT | Reject | None:
        """Return the next frame or reject, or NEED_DATA."""
        if not self._overlong and not self._torn and (quick := self._quick()) is not None:
            frame, size = quick
            del self._buffer[:size]
            return frame
        return super().next_frame()

    def close(self) -> Reject | None:
        """The line closed: account for what is left in the buffer, and start anew."""
        self._overlong = self._torn = False
        return super().close()

    def _take(self) -> FrameT | Reject | None:
        end, ending = self._find_end()
        if end < 0:
            if len(self._buffer) < self.max_line:
                return NEED_DATA
            self._overlong = True
            return self._skip(self.max_line, "length", f"a line has at most {self.max_line} bytes")
        if ending is None:
            return NEED_DATA
        size = end + len(ending)
        if self._overlong:
            self._overlong = False
            return self._skip(size, "length", f"the end of a line of more than {self.max_line} bytes")
        content = bytes(self._buffer[:end])
        if self.unprintable.search(content):
            noise = max(match.end() for match in self.unprintable.finditer(content))
            self._torn = True
            return self._skip(noise, "noise", "bytes that are not printable")
        if not content:
            self._torn = False
            return self._skip(size, "noise", "an empty line")
        try:
            line = self._parse(content.decode("ascii"), ending)
        except FrameError as error:
            return self._skip(size, self._reason(error), error.detail)
        finally:
            self._torn = False
        self._cut(size)
        return line

    def _reason(self, error: FrameError) -> RejectReason:
        """Return the word under which a refused line is counted."""
        return "value" if error.reason == "value" else "syntax"

    def _find_end(self) -> tuple[int, Ending | None]:
        """Return where the first line ends (-1 for nowhere) and how, None while that is not known."""
        feeds = self._buffer.find(b"\n", 0, self.max_line)
        returns = self._buffer.find(b"\r", 0, self.max_line if feeds < 0 else feeds)
        if returns < 0:
            return feeds, "\n"
        if returns + 1 == len(self._buffer):
            return returns, None
        return returns, "\r\n" if self._buffer[returns + 1] == 0x0A else "\r"
