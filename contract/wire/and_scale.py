"""A&D balances and generic indicators: lines that begin with a status.

::

    ST,+00123.45  g        A&D standard: status, sign, zero-padded value, unit in three characters
    ST,+00123.45,  g       the same, unit set off by a comma
    OL,+9999999E+19        A&D overload; the sign tells over from under
    QT,+00000012 PC        A&D counting pieces
    ST,GS,     0.0,kg      generic (Dini Argeo, CAS, T-Scale …): status, gross or net, value, unit
    01ST,NT,     1.5,kg    the same behind a two-digit RS-485 address

ST is stable, US unstable, OL overload, UL underload, GS gross, NT net. Generic indicators differ in
commas and padding: the recorded ``ST,GS    20.7g  ``, ``ST,GS,   245.6 g`` and ``ST,GS,+00045.0kg`` are
taken too. There is no checksum; a line whose head was lost has no status and is refused, and an A&D
value must fill its eight characters, which finds a digit lost on the line.

A&D answers commands with ACK (06), data about itself (``PT,``, ``SN,``, ``TN,``, ``ID,``) or ``EC,E01``. Factory
settings are said to be 2400 baud 7E1; neither is confirmed here, and a recorded HR-A ran 19200 8N1.
Sources: manuals and captures quoted in public projects, see ``tests/golden/wire/and_scale.txt``.
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
    OutOfRange,
    Pieces,
    Said,
    Weight,
    grams,
    parse_number,
    read_grams,
)

ACK: Final = "\x06"
COMMANDS: Final = frozenset(
    {"Q", "S", "SI", "SIR", "C", "T", "Z", "R", "PRT", "ON", "OFF", "CAL", "?ID", "?SN", "?TN", "?PT"}
)

_STANDARD: Final = re.compile(r"(ST|US|WT|QT),([+-])([ 0-9.,]{7,11}[0-9]),? *([A-Za-z%]{1,3}) *")
_COMMON: Final = re.compile(
    rf"((ST|US),([+-](?=[0-9.]{{8,12}} ){QUICK_NUMBER}) {{1,3}}{QUICK_UNIT} ?)\r\n".encode("ascii")
)
_STANDARD_RANGE: Final = re.compile(r"OL,([+-])9999999E[+-]19 *")
_INDICATOR: Final = re.compile(
    r"(?P<address>[0-9]{2})?(?P<status>ST|US|OL|UL),(?P<mode>GS|NT)[, ]"
    r"(?:(?P<value> *[+-]? *[0-9.,]*?[0-9]),? *(?P<unit>[A-Za-z]{1,3}))?(?P<rest>.*)"
)
_ABOUT: Final = re.compile(r"(PT|SN|TN|ID),(.*)")
_ERROR: Final = re.compile(r"EC,(E[0-9]{2})")


def request(command: str) -> bytes:
    """Return a command line for the scale.

    Raises:
        FrameError: for a command that is not known.
    """
    if command not in COMMANDS:
        raise FrameError(
            "value", f"{command!r} is no A&D command known here; known are {', '.join(sorted(COMMANDS))}"
        )
    return f"{command}\r\n".encode("ascii")


def standard_line(value: float, *, unit: str = "g", decimals: int = 2, stable: bool = True) -> bytes:
    """Return the line with which an A&D balance reports a weight."""
    sign = "-" if value < 0 else "+"
    return f"{'ST' if stable else 'US'},{sign}{abs(value):0>8.{decimals}f}{unit:>3}\r\n".encode("ascii")


def parse(text: str, ending: Ending = "\r\n") -> Frame:
    """Read one line without its ending.

    Raises:
        FrameError: ``syntax`` or ``value``, see :class:`~contract.wire.lines.LineCodec`.
    """
    said = text.removeprefix(ACK)
    if not said:
        return Said(text=text, ending=ending, what="done")
    if said in COMMANDS:
        return Command(text=text, ending=ending)
    if match := _STANDARD_RANGE.fullmatch(said):
        return OutOfRange(text=text, ending=ending, above=match[1] == "+")
    if match := _STANDARD.fullmatch(said):
        return _standard(text, ending, match)
    if match := _ERROR.fullmatch(said):
        return Fault(text=text, ending=ending, meaning=f"error {match[1]}")
    if match := _ABOUT.fullmatch(said):
        return Said(text=text, ending=ending, what="tare" if match[1] == "PT" else "text")
    return parse_indicator(text, ending)


def _standard(text: str, ending: Ending, match: re.Match[str]) -> Frame:
    status, sign, digits, unit = match.groups()
    number = parse_number(sign + digits)
    if status == "QT":
        if unit != "PC" or number != int(number):
            raise FrameError("syntax", f"{text!r} counts no whole pieces")
        return Pieces(text=text, ending=ending, pieces=int(number))
    return Weight(text=text, ending=ending, weight_g=grams(number, unit), stable=status != "US")


def parse_indicator(text: str, ending: Ending = "\r\n") -> Weight | OutOfRange:
    """Read one line of a generic indicator, ``ST,GS,     0.0,kg`` or a relative of it.

    Raises:
        FrameError: ``syntax`` or ``value``, see :class:`~contract.wire.lines.LineCodec`.
    """
    match = _INDICATOR.fullmatch(text)
    if match is None:
        raise FrameError("syntax", "a line begins with a status (ST, US, OL, UL or QT) and a comma")
    address = None if match["address"] is None else int(match["address"])
    if match["status"] in ("OL", "UL"):
        return OutOfRange(text=text, ending=ending, above=match["status"] == "OL", address=address)
    if match["value"] is None or match["rest"].strip():
        raise FrameError("syntax", "a status is followed by one number and its unit")
    return Weight(
        text=text,
        ending=ending,
        weight_g=read_grams(match["value"], match["unit"].lower()),
        stable=match["status"] == "ST",
        net=match["mode"] == "NT",
        address=address,
    )


class AndScaleCodec(LineCodec[Frame]):
    """Both directions of the scale's line."""

    unprintable = re.compile(rb"[^\x20-\x7E\x06]")

    def _quick(self) -> tuple[Frame, int] | None:
        """Know a weight of an A&D balance."""
        match = _COMMON.match(self._buffer)
        if match is None:
            return None
        text, status, column, kilo = match.groups()
        weight_g = float(column + b"e3" if kilo else column) + 0.0
        if not -MAX_GRAMS <= weight_g <= MAX_GRAMS:
            return None
        return Weight(text=text.decode(), weight_g=weight_g, stable=status == b"ST"), match.end()

    def _parse(self, text: str, ending: Ending) -> Frame:
        return parse(text, ending)
