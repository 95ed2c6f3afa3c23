"""Kern scales: three kinds of text lines.

- **KCP**, the Kern communication protocol, is MT-SICS: see :mod:`contract.wire.mt_sics`.
- **tws**, older scales: ``s`` asks for a stable weight, ``w`` for any, ``t`` tares without an answer. The
  answer has 12 or 13 characters: sign, 7 or 8 for the number, 2 for the unit, 2 for the status (``S``
  stable, ``U`` unstable, ``E`` error). On 572, KB, FKB and their relatives it has 16: number in characters
  3 to 12, then the unit, which is blank while the weight moves; so a moving weight has no unit and is
  no weight here. ``=Overload=`` stands for one that is too heavy.
- **continuous**, like the lines of other indicators: ``ST,GS 1.000KG``, see :mod:`contract.wire.and_scale`.

Fixed widths tell a whole tws line from most tails of one. Poll KCP at intervals of more than 100 ms.
Sources: Kern manuals as quoted in public projects, see ``tests/golden/wire/kern.txt``; the exact columns of the
16-character line are inferred from two public drivers that agree on where its number is.
"""

import re
from typing import Final, TypeAlias

from contract.errors import FrameError
from contract.wire import mt_sics
from contract.wire.and_scale import parse_indicator
from contract.wire.lines import Ending, LineCodec
from contract.wire.weighing import (
    MAX_GRAMS,
    QUICK_NUMBER,
    QUICK_UNIT,
    Command,
    Fault,
    OutOfRange,
    Said,
    Weight,
    grams,
    parse_number,
    read_grams,
)

TWS_COMMANDS: Final = frozenset({"s", "w", "t"})
SHORTEST_POLL_MS: Final = 101
SHORT_WIDTH: Final = 12

_SHORT: Final = re.compile(r"([ +-][ 0-9.,]{7,8})([A-Za-z ]{2}) ([SUE])")
_LONG: Final = re.compile(r"([ +-]{2}[ 0-9.,+-]{10})([A-Za-z ]{4})")
_OVERLOAD: Final = re.compile(r" *=Overload= *")
_COMMON: Final = re.compile(
    rf"( (?=[ 0-9.]{{7,8}}(?: g|kg) )( {{0,7}}+{QUICK_NUMBER}) ?{QUICK_UNIT} ([SU]))\r\n".encode("ascii")
)
_KCP_WORDS: Final = mt_sics.COMMANDS | mt_sics.FAULTS.keys()

Frame: TypeAlias = mt_sics.Frame | Command | Weight | OutOfRange | Fault | Said


def request(command: str) -> bytes:
    """Return a command line for the scale, of KCP or of tws.

    Raises:
        FrameError: for a command that is not known.
    """
    if command in TWS_COMMANDS:
        return f"{command}\r\n".encode("ascii")
    return mt_sics.request(command)


def short_line(value: float, *, unit: str = "g", decimals: int = 2, status: str = "S") -> bytes:
    """Return the 13-character line of an older scale."""
    sign = "-" if value < 0 else " "
    return f"{sign}{abs(value):>8.{decimals}f}{unit:>2} {status}\r\n".encode("ascii")


def parse(text: str, ending: Ending = "\r\n") -> Frame:
    """Read one line without its ending.

    Raises:
        FrameError: ``syntax`` or ``value``, see :class:`~contract.wire.lines.LineCodec`.
    """
    if text in TWS_COMMANDS:
        return Command(text=text, ending=ending)
    if _OVERLOAD.fullmatch(text):
        return OutOfRange(text=text, ending=ending, above=True)
    if match := _SHORT.fullmatch(text):
        return _short(text, ending, match)
    if match := _LONG.fullmatch(text):
        return _long(text, ending, match)
    if text.split(" ", 1)[0] in _KCP_WORDS:
        return mt_sics.parse(text, ending)
    return parse_indicator(text, ending)


def _short(text: str, ending: Ending, match: re.Match[str]) -> Frame:
    column, unit, status = match.groups()
    if status == "E":
        return Fault(text=text, ending=ending, meaning="the weight cannot be shown")
    weight_g = read_grams(column, unit.strip().lower())
    return Weight(text=text, ending=ending, weight_g=weight_g, stable=status == "S")


def _long(text: str, ending: Ending, match: re.Match[str]) -> Frame:
    number, unit = parse_number(match[1]), match[2].strip().lower()
    if not unit:
        return Said(text=text, ending=ending, what="moving")
    return Weight(text=text, ending=ending, weight_g=grams(number, unit), stable=True)


class KernCodec(LineCodec[Frame]):
    """Both directions of the scale's line, all three kinds.

    Args:
        mid_line: the line may have been opened inside a tws answer. Then a first line of 12 characters
            that begins with a blank is refused: it may be one of 13 that lost its minus.
    """

    def __init__(self, *, mid_line: bool = False) -> None:
        super().__init__()
        self._cut_in = mid_line

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a short weight of tws and a weight of KCP."""
        if self._cut_in:
            return None
        match = _COMMON.match(self._buffer)
        if match is None:
            return mt_sics.quick(self._buffer)
        text, column, kilo, status = match.groups()
        weight_g = float(column + b"e3" if kilo else column) + 0.0
        if not -MAX_GRAMS <= weight_g <= MAX_GRAMS:
            return None
        return Weight(text=text.decode(), weight_g=weight_g, stable=status == b"S"), match.end()

    def _parse(self, text: str, ending: Ending) -> Frame:
        cut_in, self._cut_in = self._cut_in, False
        if cut_in and len(text) == SHORT_WIDTH and text[0] == " " and _SHORT.fullmatch(text):
            raise FrameError("syntax", "the first line may have lost its sign")
        return parse(text, ending)
