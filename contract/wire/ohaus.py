"""Ohaus standard serial lines (Navigator, Scout, Ranger, Defender and others).

::

            12.73 g    ?        weight right-aligned, unit, ? while unstable, legend
    -  1.640 kg    N            Ranger and Defender: polarity, seven characters, unit, ?, legend

A legend of NET or N marks a net weight, B/G, B or G a gross one. Commands are ``IP`` print at once, ``P`` as
the print key, ``SP`` when stable, ``CP`` continuously, ``0P`` stop, ``T`` tare, ``Z`` zero, all with CR LF; ``OK!``
and ``ES`` answer them on some models.

There is no checksum and no head that marks a line, so its width must: a weight fills at least eight
characters, ten when it begins with a digit. The tail of a line, as a port opened in mid-line gets it,
is narrower. Sources: Ohaus manuals and captures quoted in public projects, see
``tests/golden/wire/ohaus.txt``. What these scales write on overload is not known; words are refused.
"""

import re
from typing import Final

from contract.errors import FrameError
from contract.wire.lines import Ending, LineCodec
from contract.wire.weighing import (
    MAX_GRAMS,
    QUICK_NUMBER,
    QUICK_UNIT,
    Command,
    Fault,
    Frame,
    Said,
    Weight,
    read_grams,
)

NARROWEST: Final = 8
FULL_WIDTH: Final = 10

_COMMAND: Final = re.compile(r"IP|P|SP|SLP|CP|LP|PM|PU|PV|PSN|T|Z|ON|OFF|[0-9]{1,4}P|[0-9]{1,2}M")
_WEIGHT: Final = re.compile(r"([ +-]*[0-9][0-9.,]*) ([A-Za-z:%]{1,5}) *(\?)? *(NET|N|B/G|G|B)? *")
_NET: Final = {"NET": True, "N": True, "B/G": False, "G": False, "B": False, None: None}
_COMMON: Final = re.compile(
    rf"(( {{1,11}}+-?{QUICK_NUMBER}) {QUICK_UNIT} {{0,9}}+(\??) {{0,9}}+([NG]?) {{0,9}}+)\r\n".encode("ascii")
)
_COMMON_NET: Final = {b"N": True, b"G": False, b"": None}


def request(command: str) -> bytes:
    """Return a command line for the scale.

    Raises:
        FrameError: for a command that is not known.
    """
    if not _COMMAND.fullmatch(command):
        raise FrameError("value", f"{command!r} is no Ohaus command known here, such as IP, CP, 0P, T or Z")
    return f"{command}\r\n".encode("ascii")


def weight_line(value: float, *, unit: str = "g", decimals: int = 2, stable: bool = True) -> bytes:
    """Return the line with which a scale reports a weight."""
    return f"{value:>12.{decimals}f} {unit:<5}{' ' if stable else '?'}\r\n".encode("ascii")


def ranger_line(
    value: float, *, unit: str = "kg", decimals: int = 3, stable: bool = True, net: bool = False
) -> bytes:
    """Return the line with which a Ranger reports a weight: polarity, seven characters, unit, legend."""
    polarity = "-" if value < 0 else " "
    mark = f"{'' if stable else '?'}{'N' if net else 'G'}"
    return f"{polarity}{abs(value):>7.{decimals}f} {unit:<2}{mark:>5}\r\n".encode("ascii")


def parse(text: str, ending: Ending = "\r\n") -> Frame:
    """Read one line without its ending.

    Raises:
        FrameError: ``syntax`` or ``value``, see :class:`~contract.wire.lines.LineCodec`.
    """
    if text == "OK!":
        return Said(text=text, ending=ending, what="done")
    if text == "ES":
        return Fault(text=text, ending=ending, meaning="syntax error")
    if _COMMAND.fullmatch(text):
        return Command(text=text, ending=ending)
    match = _WEIGHT.fullmatch(text)
    if match is None:
        raise FrameError("syntax", "a line has a weight, a unit, ? while unstable, and a legend")
    column, unit, moving, legend = match.groups()
    if len(column) < (FULL_WIDTH if column[0].isdigit() else NARROWEST):
        raise FrameError("syntax", f"{column!r} is too narrow for a weight; the head of the line was lost")
    return Weight(
        text=text,
        ending=ending,
        weight_g=read_grams(column, unit),
        stable=moving is None,
        net=_NET[legend],
    )


class OhausCodec(LineCodec[Frame]):
    """Both directions of the scale's line."""

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a weight."""
        match = _COMMON.match(self._buffer)
        if match is None:
            return None
        text, column, kilo, moving, legend = match.groups()
        weight_g = float(column + b"e3" if kilo else column) + 0.0
        if not -MAX_GRAMS <= weight_g <= MAX_GRAMS:
            return None
        if len(column) < NARROWEST:
            return None
        net = _COMMON_NET[legend]
        return Weight(text=text.decode(), weight_g=weight_g, stable=not moving, net=net), match.end()

    def _parse(self, text: str, ending: Ending) -> Frame:
        return parse(text, ending)
