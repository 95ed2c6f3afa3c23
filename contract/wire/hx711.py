"""HX711 load-cell amplifiers behind an Arduino: two ways in which hobby firmware talks.

**serial-scale-hx711** 2.1.4 (BSD-3) is asked: the host sends one letter in angle brackets and no line
ending. ``<w>`` is answered with the weight in grams as a decimal line, ``<f>`` with the calibration factor
likewise, ``<i>`` with the line ``<SerialWeighingScale>``, ``<t>`` (tare) with nothing.

**Demo sketches** (HX711_ADC, bogde and others) print as they like, for example ``Load_cell output val:
123.45``. What they print is found by a pattern with the groups ``value`` and, if it has one, ``unit``.

A line has no checksum, and a bare number no head: ``3.45`` may be what is left of ``123.45``. So a number
behind noise is refused, and a driver trusts no bare number whose beginning it has not seen. There is no
word on stability either.
"""

import re
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.base import Reject
from contract.wire.lines import MAX_LINE, Ending, Line, LineCodec
from contract.wire.lines import encode as encode_line
from contract.wire.weighing import (
    MAX_GRAMS,
    QUICK_NUMBER,
    QUICK_UNIT,
    Said,
    Weight,
    checked,
    parse_number,
    read_grams,
)

BAUD: Final = 115_200
WEIGH, TARE, IDENTIFY, FACTOR = b"<w>", b"<t>", b"<i>", b"<f>"
REQUESTS: Final = (WEIGH, TARE, IDENTIFY, FACTOR)
IDENTITY: Final = "<SerialWeighingScale>"
SETTLE_MS: Final = 500
"""The firmware averages; a weight within this time after a tare may be an old one."""

_LABELS: Final = "Load_cell output val|Weight|Reading|one reading"
DEFAULT_PATTERN: Final = (
    rf"(?:(?:{_LABELS}): *)?"
    r"(?P<value>[+-]?[0-9]+(?:[.,][0-9]+)?) *(?P<unit>g|kg|mg|lb|lbs|oz)?"
)

_COMMON: Final = re.compile(
    rf"((?:(?:{_LABELS}): {{0,9}}|)([+-]?{QUICK_NUMBER}) {{0,9}}+({QUICK_UNIT}|))\r\n".encode("ascii")
)
_REQUEST: Final = re.compile(rb"<[wtif]>")
_REQUEST_HEAD: Final = re.compile(rb"<[wtif]?$")
_ENDING: Final = re.compile(rb"[\r\n]")
_SPELLINGS: Final = {"lbs": "lb"}


class Request(msgspec.Struct, frozen=True):
    """Host to firmware: one of :data:`REQUESTS`; it has no line ending."""

    raw: bytes


Frame: TypeAlias = Request | Weight | Said


def encode(frame: Request | Line) -> bytes:
    """Return the frame's bytes."""
    return frame.raw if isinstance(frame, Request) else encode_line(frame)


def weight_line(weight_g: float, *, decimals: int = 2, label: str = "") -> bytes:
    """Return the line with which firmware reports a weight; ``println`` ends it with CR LF."""
    return f"{label}{weight_g:.{decimals}f}\r\n".encode("ascii")


class Hx711Codec(LineCodec[Frame]):
    """Both directions of the line.

    Args:
        pattern: what a weight looks like; it must match the whole line.
        factor_g: grams per unit of a value without a unit; negative where the cell hangs upside down.
        mid_line: the line may have been opened inside a number, so a bare number that comes first is
            refused.

    Raises:
        FrameError: ``value`` when the pattern is none, or has no group ``value``.
    """

    unprintable = re.compile(rb"[^\x20-\x7E\t]")

    def __init__(
        self, pattern: str = DEFAULT_PATTERN, factor_g: float = 1.0, *, mid_line: bool = False
    ) -> None:
        super().__init__()
        self._torn = mid_line
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            raise FrameError("value", f"the pattern {pattern!r} cannot be used: {error}") from error
        if "value" not in self._pattern.groupindex:
            raise FrameError("value", f"the pattern {pattern!r} has no group 'value'")
        self._has_default_pattern = pattern == DEFAULT_PATTERN
        self._in_grams = factor_g == 1
        self._has_unit = "unit" in self._pattern.groupindex
        self._factor_g = Decimal(str(factor_g))

    def _quick(self) -> tuple[Frame, int] | None:
        """Know what :data:`DEFAULT_PATTERN` takes for a weight in grams or kilograms."""
        match = _COMMON.match(self._buffer)
        if match is None or not self._has_default_pattern:
            return None
        text, column, unit, kilo = match.groups()
        weight_g = float(column + b"e3" if kilo else column) + 0.0
        if not -MAX_GRAMS <= weight_g <= MAX_GRAMS:
            return None
        if not unit and not self._in_grams:
            return None
        return Weight(text=text.decode(), weight_g=weight_g, stable=None), match.end()

    def _take(self) -> Frame | Reject | None:
        """Look for a request before the first line: it has no ending, so no line would ever free it."""
        window = bytes(self._buffer[:MAX_LINE])
        ending = _ENDING.search(window)
        request = _REQUEST.search(window, 0, ending.start() if ending else MAX_LINE)
        if request is None and (ending or len(window) < MAX_LINE):
            return super()._take()
        if request is None:
            partial = _REQUEST_HEAD.search(window)
            self._overlong = True
            return self._skip(
                partial.start() if partial else MAX_LINE, "length", f"a line has at most {MAX_LINE} bytes"
            )
        self._overlong = False
        if request.start():
            return self._skip(request.start(), "noise", "bytes before a request")
        return Request(self._cut(request.end()))

    def _parse(self, text: str, ending: Ending) -> Frame:
        if text == IDENTITY:
            return Said(text=text, ending=ending, what="text")
        match = self._pattern.fullmatch(text)
        if match is None:
            raise FrameError("syntax", "the line is not what a weight looks like")
        if self._torn and not match.start("value"):
            raise FrameError("syntax", "the head of this number may have been lost")
        unit = match["unit"] if self._has_unit else None
        if unit or self._in_grams:
            weight_g = read_grams(match["value"], _SPELLINGS.get(unit, unit) if unit else "g")
        else:
            weight_g = checked(float(parse_number(match["value"]) * self._factor_g))
        return Weight(text=text, ending=ending, weight_g=weight_g, stable=None)
