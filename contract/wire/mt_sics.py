"""MT-SICS, the Mettler Toledo Standard Interface Command Set, levels 0 and 1: lines of ASCII text.

``S S     100.00 g`` is a stable net weight, ``S D …`` a moving one, ``S I`` "not now", ``S +`` and
``S -`` over- and underload; the weight stands right-aligned in ten characters. Kern's KCP uses the
same lines. Some firmware echoes ``SI`` or ``SIR`` instead of ``S``, tares with ``T A`` instead of
``T S <tare> <unit>``, writes a decimal comma or ends lines with LF or CR alone: all are taken.

A line has no checksum. With ``strict_width`` a weight outside its ten-character column is refused,
which finds a digit lost on the line. A line that follows other bytes (a port opened in mid-line, noise)
is looked for behind the last byte that is not printable. Nothing is guessed from half a line: without
its command and its status a weight does not count. Sources: MT-SICS reference manual 11780711 and the
KCP manual 1.3.8 as quoted in public projects, see ``tests/golden/wire/mt_sics.txt``.
"""

import re
from typing import Final, TypeAlias

from contract.errors import FrameError
from contract.wire import lines
from contract.wire.lines import Ending, LineCodec
from contract.wire.weighing import MAX_GRAMS, QUICK_NUMBER, QUICK_UNIT, read_grams

COMMANDS: Final = frozenset({"S", "SI", "SIR", "Z", "ZI", "T", "TI", "TA", "TAC", "@", "I2", "I3", "I4"})
FAULTS: Final = {"ES": "syntax error", "ET": "transmission error", "EL": "logical error"}

_WORD: Final = re.compile(r"[A-Z@][A-Z0-9]{0,3}")
COLUMN_WIDTH: Final = 10
_COLUMN: Final = re.compile(rf"\S+ [SD] (.{{{COLUMN_WIDTH}}}) \S+")


class Line(lines.Line, frozen=True, kw_only=True):
    """A line of this protocol.

    Attributes:
        command: its first word.
    """

    command: str


class Request(Line, frozen=True, kw_only=True):
    """Host to scale: a command without arguments."""


class Weight(Line, frozen=True, kw_only=True, gc=False):
    """Scale to host: a net weight, or the tare after ``T S``."""

    weight_g: float
    stable: bool


class OutOfRange(Line, frozen=True, kw_only=True):
    """Scale to host: ``+`` or ``-``, beyond the range of weighing, zeroing or taring."""

    above: bool


class Refused(Line, frozen=True, kw_only=True):
    """Scale to host: ``I`` cannot be done now, or ``L`` wrong argument."""

    wrong_argument: bool


class Done(Line, frozen=True, kw_only=True):
    """Scale to host: ``Z A``, ``T A``, ``ZI S``, ``TAC A``."""


class Text(Line, frozen=True, kw_only=True):
    """Scale to host: what it says about itself, such as ``I4 A "1234567"``."""

    value: str


class Fault(Line, frozen=True, kw_only=True):
    """Scale to host: ES, ET or EL; it did not understand the last command."""

    meaning: str


Frame: TypeAlias = Request | Weight | OutOfRange | Refused | Done | Text | Fault


def request(command: str) -> bytes:
    """Return a command line for the scale."""
    if command not in COMMANDS:
        raise FrameError(
            "value", f"{command!r} is no MT-SICS command known here; known are {', '.join(sorted(COMMANDS))}"
        )
    return f"{command}\r\n".encode("ascii")


def weight_line(
    value: float, *, unit: str = "g", decimals: int = 2, stable: bool = True, command: str = "S"
) -> bytes:
    """Return the line with which a scale reports a weight."""
    return f"{command} {'S' if stable else 'D'} {value:>10.{decimals}f} {unit}\r\n".encode("ascii")


def parse(text: str, ending: Ending = "\r\n", *, strict_width: bool = False) -> Frame:
    """Read one line without its ending.

    Raises:
        FrameError: ``syntax`` for a line the protocol does not allow, ``value`` for an unknown unit or
            an impossible weight.
    """
    words = text.split()
    if not words or not _WORD.fullmatch(words[0]):
        raise FrameError("syntax", "a line begins with a command in capital letters")
    command, arguments = words[0], words[1:]
    if not arguments:
        if command in FAULTS:
            return Fault(text=text, ending=ending, command=command, meaning=FAULTS[command])
        if command in COMMANDS:
            return Request(text=text, ending=ending, command=command)
        raise FrameError("syntax", f"{command!r} is neither a known command nor an error reply")
    status, values = arguments[0], arguments[1:]
    if not values:
        return _parse_status(text, ending, command, status)
    if status in ("S", "D"):
        if strict_width and not _COLUMN.fullmatch(text):
            raise FrameError("syntax", "the weight does not fill its column of ten characters")
        weight_g = _grams(values)
        return Weight(text=text, ending=ending, command=command, weight_g=weight_g, stable=status == "S")
    if status in ("A", "B"):
        return Text(text=text, ending=ending, command=command, value=" ".join(values).replace('"', ""))
    raise FrameError("syntax", f"status {status!r} is none of S, D, I, L, A, B, + and -")


def _parse_status(text: str, ending: Ending, command: str, status: str) -> Frame:
    match status:
        case "+" | "-":
            return OutOfRange(text=text, ending=ending, command=command, above=status == "+")
        case "I" | "L":
            return Refused(text=text, ending=ending, command=command, wrong_argument=status == "L")
        case "A":
            return Done(text=text, ending=ending, command=command)
        case "S" | "D" if command in ("ZI", "TI"):
            return Done(text=text, ending=ending, command=command)
        case _:
            raise FrameError("syntax", f"{command} {status} has no weight")


def _grams(values: list[str]) -> float:
    return read_grams(" ".join(values[:-1]), values[-1])


_COMMON: Final = re.compile(rf"(S ([SD]) ( {{0,9}}+-?{QUICK_NUMBER}) {QUICK_UNIT})\r\n".encode("ascii"))
"""A weight as scales report it unasked, or asked by S, SI or SIR."""


def quick(buffer: bytearray, *, strict_width: bool = False) -> tuple[Weight, int] | None:
    """Know a net weight at the head of a buffer, see :meth:`~contract.wire.base.Codec._quick`."""
    match = _COMMON.match(buffer)
    if match is None:
        return None
    text, status, column, kilo = match.groups()
    weight_g = float(column + b"e3" if kilo else column) + 0.0
    if not -MAX_GRAMS <= weight_g <= MAX_GRAMS or (strict_width and len(column) != COLUMN_WIDTH):
        return None
    return Weight(text=text.decode(), command="S", weight_g=weight_g, stable=status == b"S"), match.end()


class MtSicsCodec(LineCodec[Frame]):
    """Both directions of the scale's line.

    Args:
        strict_width: refuse weights that do not fill their column of ten characters.
    """

    def __init__(self, *, strict_width: bool = False) -> None:
        super().__init__()
        self._strict_width = strict_width

    def _quick(self) -> tuple[Frame, int] | None:
        return quick(self._buffer, strict_width=self._strict_width)

    def _parse(self, text: str, ending: Ending) -> Frame:
        return parse(text, ending, strict_width=self._strict_width)
