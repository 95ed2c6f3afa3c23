"""Finding JSON objects in a byte stream that has no other framing.

Objects may follow each other without a delimiter (``}{``), be parted by white space or stand in an array,
and be cut anywhere. The scanner follows JSON's structure byte by byte (strings, escapes, what may come
after what), so a quote or a brace inside a string misleads nobody, and bytes that were lost in the middle
of an object are noticed at the first byte that cannot stand there, not when a buffer is full.

White space, commas and brackets before an object belong to it. An object that fails costs its opening
brace, and the search goes on behind it, so that a whole object behind half a one is found. Skipped bytes
are collected into one reject per run. Decisions depend on the bytes alone and never on how they were cut
into chunks.

Nearly all objects are plain: no arrays, no escapes, few levels. Two regular expressions see at a glance
that one begins here and is whole, or is not all there yet; whatever they do not know goes to the scanner,
which would have said the same.
"""

import re
from abc import abstractmethod
from typing import Final, TypeVar

import msgspec

from contract.wire.base import MAX_REJECT_BYTES, NEED_DATA, Codec, Reject, RejectReason

FrameT = TypeVar("FrameT")

MAX_DEPTH: Final = 12
NOISE: Final = "bytes that begin no JSON object"

SEPARATORS: Final = b" \t\n\r\f\v,[]"
_SEPARATORS: Final = re.compile(rb"[\s,\[\]]*")
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"[^"\\\x00-\x1f]*(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*)*"')
_OPEN_STRING: Final = re.compile(rb'"[^"\\\x00-\x1f]*(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*)*\\?\Z')
_SCALAR: Final = re.compile(rb"[-+.0-9A-Za-z]+")
_SCALAR_WORD: Final = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null")

_S: Final = r"[\s,\[\]]*+"
_W: Final = r"[ \t\r\n]*+"
_TEXT: Final = r'"[^"\\\x00-\x1f]*+"'
_PLAIN: Final = r"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+|true|false|null)"


def _object_of(value: str) -> str:
    pair = f"{_W}{_TEXT}{_W}:{_W}{value}{_W}"
    return rf"\{{(?:{pair}(?:,{pair})*+|{_W})\}}"


_INNER: Final = _object_of(f"(?:{_TEXT}|{_PLAIN})")
_OUTER: Final = _object_of(f"(?:{_TEXT}|{_PLAIN}|{_INNER})")
_WHOLE: Final = re.compile(rf"{_S}({_OUTER})".encode())
"""A whole plain object of at most two levels."""

_BARE: Final = r'"[^"\\\x00-\x1f{}]*+'
_CLOSED: Final = rf"{_W}(?:\}}{_W})*+"
_BEGUN: Final = re.compile(
    rf'{_S}\{{(?:{_W}{_BARE}"{_W}:{_W}(?:(?:{_BARE}"|{_PLAIN}){_CLOSED},|\{{))*+'
    rf'{_W}(?:{_BARE}(?:"{_W}(?::{_W}(?:{_BARE}(?:"{_CLOSED})?+|[-+.0-9A-Za-z]*+{_CLOSED})?+)?+)?+)?+'.encode()
)
"""What may be the beginning of a plain object; whether it has ended is seen by its braces."""

GLANCE_BYTES: Final = 4_096

_OBJECT: Final = ord("{")
_ARRAY: Final = ord("[")
_ENDS: Final = {ord("}"): _OBJECT, ord("]"): _ARRAY}
_VALUES: Final = frozenset(b'"{[-0123456789tfn')
_MAY_COME: Final = {
    "key_or_end": frozenset(b'"}'),
    "key": frozenset(b'"'),
    "colon": frozenset(b":"),
    "value": _VALUES,
    "value_or_end": _VALUES | frozenset(b"]"),
    "more": frozenset(b",}]"),
}


class _Scan(msgspec.Struct):
    """How far an object was followed.

    Attributes:
        start: where its brace is.
        at: the next token begins here.
        expect: what may come, see :data:`_MAY_COME`.
        within: the open containers, outermost first.
    """

    start: int
    at: int
    expect: str = "value"
    within: list[int] = []


class JsonObjectCodec(Codec[FrameT]):
    """Frames objects; a subclass says in :meth:`_read` what one of them means."""

    max_frame = 64 * 1024

    def __init__(self) -> None:
        super().__init__()
        self._run = 0
        self._failure = ""
        self._scan: _Scan | None = None
        self._inside = False
        self._refused = 0
        self._refusal = Reject("value", b"")

    @abstractmethod
    def _read(self, text: bytes) -> FrameT | Reject:
        """Return the meaning of one whole object; of a reject, reason and detail are used."""

    @property
    def inside(self) -> bool:
        """True when the end of an object is awaited."""
        return self._inside

    def close(self) -> Reject | None:
        """The line closed: account for what is left, and start anew.

        Separators alone are no loss. A reject holds the first 256 bytes; its detail counts all of them.
        """
        left, run, failure = bytes(self._buffer), self._run, self._failure
        self._buffer.clear()
        self._run, self._failure, self._scan, self._refused, self._inside = 0, "", None, 0, False
        if run == len(left) and left:
            return Reject("noise" if failure == NOISE else "syntax", left[:MAX_REJECT_BYTES], failure)
        if _SEPARATORS.fullmatch(left):
            return None
        return Reject(
            "truncated",
            left[:MAX_REJECT_BYTES],
            f"the line closed inside a JSON object, with {len(left)} bytes waiting",
        )

    def next_frame(self) -> FrameT | Reject | None:
        """Return the next frame or reject, or NEED_DATA."""
        clean = not self._run and not self._refused and self._scan is None
        if clean and (quick := self._quick()) is not None:
            frame, size = quick
            del self._buffer[:size]
            self._inside = False
            return frame
        return super().next_frame()

    def _take(self) -> FrameT | Reject | None:
        self._inside = False
        if self._refused:
            return self._end_refused()
        if not self._run and self._scan is None:
            glance = self._glance()
            if glance is not None:
                return self._meaning(*glance)
            if self._inside:
                return NEED_DATA
        while True:
            if not self._run and not self._leads():
                return NEED_DATA
            start = self._buffer.find(b"{", self._run)
            skipped = start if start >= 0 else len(self._buffer)
            if self._run and skipped >= MAX_REJECT_BYTES:
                return self._end_run(MAX_REJECT_BYTES)
            if start < 0:
                self._run = skipped
                return NEED_DATA
            end = self._follow(start)
            if end is None:
                self._inside = True
                return NEED_DATA
            if isinstance(end, str):
                self._failure = self._failure or end
                self._run = start + 1
            elif self._run:
                return self._end_run(start)
            else:
                return self._meaning(start, end)

    def _glance(self) -> tuple[int, int] | None:
        """Return start and end of a plain object, and note when all that waits is the beginning of one."""
        buffer = self._buffer
        whole = _WHOLE.match(buffer) if b"}" in buffer else None
        if whole is not None:
            start, end = whole.span(1)
            return (start, end) if start < MAX_REJECT_BYTES and end - start <= self.max_frame else None
        self._inside = (
            len(buffer) < GLANCE_BYTES
            and _BEGUN.fullmatch(buffer) is not None
            and buffer.count(b"{") > buffer.count(b"}")
            and buffer.find(b"{") < MAX_REJECT_BYTES
        )
        return None

    def _meaning(self, start: int, end: int) -> FrameT | Reject:
        """Take the whole object that ends at ``end``, separators before it included."""
        result = self._read(bytes(self._buffer[start:end]))
        if isinstance(result, Reject):
            self._refused, self._refusal = end, result
            return self._end_refused()
        del self._buffer[:end]
        return result

    def _end_refused(self) -> Reject:
        """Account for a whole object that means nothing, as often as it takes."""
        count = min(self._refused, MAX_REJECT_BYTES)
        self._refused -= count
        return self._skip(count, self._refusal.reason, self._refusal.detail)

    def _leads(self) -> bool:
        """Look at what comes before an object; False when it is not all there."""
        blank = _SEPARATORS.match(self._buffer, 0, MAX_REJECT_BYTES)
        lead = blank.end() if blank else 0
        if lead < MAX_REJECT_BYTES:
            if lead == len(self._buffer):
                return False
            if self._buffer[lead] == _OBJECT:
                return True
        self._run = max(lead, 1)
        self._failure = NOISE
        return True

    def _end_run(self, count: int) -> Reject:
        failure, self._run, self._failure, self._scan = self._failure, 0, "", None
        reason: RejectReason = "noise" if failure == NOISE else "syntax"
        return self._skip(count, reason, failure)

    def _follow(self, start: int) -> int | str | None:
        """Return where the object at ``start`` ends, why it is none, or None when it is not all there."""
        scan = self._scan
        if scan is None or scan.start != start:
            scan = self._scan = _Scan(start, start, within=[])
        verdict = self._step(scan)
        while verdict is True:
            verdict = self._step(scan)
        if verdict is not None:
            self._scan = None
        elif len(self._buffer) - start >= self.max_frame:
            self._scan = None
            return f"an object of more than {self.max_frame} bytes"
        return verdict

    def _step(self, scan: _Scan) -> bool | int | str | None:
        """Take one token: True to go on, else see :meth:`_follow`."""
        space = _SPACE.match(self._buffer, scan.at)
        at = space.end() if space else scan.at
        if at - scan.start > self.max_frame:
            return f"an object of more than {self.max_frame} bytes"
        if at == len(self._buffer):
            scan.at = at
            return None
        byte = self._buffer[at]
        if byte not in _MAY_COME[scan.expect]:
            return f"not JSON: {bytes([byte])!r} where a {scan.expect.replace('_', ' ')} was expected"
        if byte in (_OBJECT, _ARRAY):
            if len(scan.within) == MAX_DEPTH:
                return f"not JSON that is nested at most {MAX_DEPTH} deep"
            scan.within.append(byte)
            scan.expect = "key_or_end" if byte == _OBJECT else "value_or_end"
            scan.at = at + 1
        elif byte in _ENDS:
            if scan.within.pop() != _ENDS[byte]:
                return "not JSON: an object and an array end each other"
            if not scan.within:
                return at + 1
            scan.expect, scan.at = "more", at + 1
        elif byte in b":,":
            in_object = scan.within[-1] == _OBJECT
            scan.expect = "value" if byte == ord(":") or not in_object else "key"
            scan.at = at + 1
        else:
            return self._word(scan, at, quoted=byte == ord('"'))
        return True

    def _word(self, scan: _Scan, at: int, *, quoted: bool) -> bool | str | None:
        """Take a string, number, true, false or null."""
        scan.at = at
        word = (_STRING if quoted else _SCALAR).match(self._buffer, at)
        if word is None:
            return None if _OPEN_STRING.match(self._buffer, at) else "not JSON: a control byte in a string"
        if not quoted:
            if word.end() == len(self._buffer):
                return None
            if not _SCALAR_WORD.fullmatch(word[0]):
                return f"not JSON: {bytes(word[0][:20])!r} where a value was expected"
        scan.expect = "colon" if scan.expect.startswith("key") else "more"
        scan.at = word.end()
        return True
