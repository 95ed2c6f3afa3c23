"""GTINs: one check digit for 8, 12, 13 and 14 digits, and one spelling of 14 digits."""

from typing import Final

LENGTHS: Final = (8, 12, 13, 14)

_ZERO: Final = ord("0")


def gtin_check_digit(body: str) -> str:
    """Return the GS1 modulo-10 check digit that follows ``body``, digits of any number."""
    digits = body.encode("ascii")[::-1]
    thrice, once = digits[::2], digits[1::2]
    return str(-(3 * (sum(thrice) - _ZERO * len(thrice)) + sum(once) - _ZERO * len(once)) % 10)


def gtin_14(digits: str) -> str | None:
    """Return a GTIN of any length as 14 digits, None when it is none or its check digit is wrong."""
    if len(digits) not in LENGTHS or not (digits.isascii() and digits.isdigit()):
        return None
    return digits.rjust(14, "0") if digits[-1] == gtin_check_digit(digits[:-1]) else None
