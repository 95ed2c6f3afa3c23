"""What scales of all makes say, and how they write numbers and units.

A weight leaves a codec in grams, net or gross as the scale has it. Over- and underload are frames of
their own and never weights. A scale that does not tell whether it is stable says None.
"""

import re
from decimal import Decimal
from typing import Final, TypeAlias

from contract.errors import FrameError
from contract.wire.lines import Line

MAX_GRAMS: Final = 1e7

GRAMS_PER: Final = {
    "g": 1.0,
    "kg": 1000.0,
    "mg": 0.001,
    "lb": 453.59237,
    "oz": 28.349523125,
}
"""Exact by definition: the international pound of 1959 is 0.45359237 kg, an ounce a sixteenth of it."""

_EXPONENTS: Final = {"g": "", "kg": "e3", "mg": "e-3"}
"""Units that differ from the gram by a power of ten: reading the number with it rounds once and exactly."""

QUICK_NUMBER: Final = r"[0-9]{1,9}+(?:\.[0-9]{1,6}+|)"
QUICK_UNIT: Final = r"(k?)g"
"""Its group is empty for the gram. An empty branch and single characters cost less than optional groups."""

_NUMBER: Final = re.compile(r"([+-]?) *([0-9]{1,9}(?:[.,][0-9]{1,6})?)")


class Weight(Line, frozen=True, kw_only=True, gc=False):
    """Scale to host: a weight.

    Attributes:
        stable: the scale had settled; None when it does not say.
        net: False for a gross weight; None when it does not say.
        address: of the scale on an RS-485 line, None when it sends none.
    """

    weight_g: float
    stable: bool | None
    net: bool | None = None
    address: int | None = None


class OutOfRange(Line, frozen=True, kw_only=True):
    """Scale to host: the load is beyond what it weighs."""

    above: bool
    address: int | None = None


class Pieces(Line, frozen=True, kw_only=True):
    """Scale to host: it counts pieces instead of weighing."""

    pieces: int


class Fault(Line, frozen=True, kw_only=True):
    """Scale to host: it has a fault or did not take the last command."""

    meaning: str


class Said(Line, frozen=True, kw_only=True):
    """Scale to host: an answer without a weight.

    Attributes:
        what: stable word: ``done``, ``text``, ``tare``, ``moving`` …
    """

    what: str


class Command(Line, frozen=True, kw_only=True):
    """Host to scale."""


Frame: TypeAlias = Command | Weight | OutOfRange | Pieces | Fault | Said


def parse_number(text: str) -> Decimal:
    """Return the number in a column; a comma is a decimal comma, a sign may stand apart.

    Raises:
        FrameError: ``syntax`` for anything but one number of at most nine and six digits.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise FrameError("syntax", f"{text.strip()!r} is not a number")
    return Decimal(match[1] + match[2].replace(",", "."))


def grams(number: Decimal, unit: str) -> float:
    """Return a weight in grams.

    Raises:
        FrameError: ``value`` for a unit that is not known, or more than any scale weighs.
    """
    if unit not in GRAMS_PER:
        raise FrameError("value", f"unit {unit!r} is none of {', '.join(GRAMS_PER)}")
    return checked(float(number * Decimal(str(GRAMS_PER[unit]))))


def read_grams(text: str, unit: str) -> float:
    """Return the weight in a column and its unit, in grams: :func:`grams` of :func:`parse_number`.

    Raises:
        FrameError: as these do.
    """
    match = _NUMBER.fullmatch(text.strip())
    exponent = _EXPONENTS.get(unit)
    if match is None or exponent is None:
        return grams(parse_number(text), unit)
    return checked(float(match[1] + match[2].replace(",", ".") + exponent))


def checked(weight_g: float) -> float:
    """Return a weight that a scale can weigh.

    Raises:
        FrameError: ``value`` for more than any scale weighs.
    """
    if abs(weight_g) > MAX_GRAMS:
        raise FrameError("value", f"{weight_g:.0f} g is more than any scale weighs")
    # Adding 0.0 turns a negative zero into zero.
    return weight_g + 0.0
