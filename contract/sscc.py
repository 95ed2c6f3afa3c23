"""SSCCs: the numbers of cartons and pallets, as 18 digits; the one in a tag, and the one on a label.

An SSCC is an extension digit, a company prefix, a serial reference and a check digit (GS1 General
Specifications, section 2.2.1). In an EPC the extension digit stands before the serial reference and the check
digit is left out (GS1 EPC Tag Data Standard 1.13, section 7.3).
"""

from functools import lru_cache
from typing import Final

from contract.epc import identify
from contract.errors import MessageError
from contract.gtin import gtin_check_digit

SSCC_PATTERN: Final = r"^[0-9]{18}$(?!\n)"
_DIGITS: Final = 18
_URN: Final = "urn:epc:id:sscc:"


def parse_sscc(text: str) -> str:
    """Return an SSCC as 18 digits, from its digits (with or without the ``(00)`` before them) or from EPC hex.

    Raises:
        MessageError: ``bad_sscc`` naming what was wrong.
    """
    digits = text.replace(" ", "")
    digits = digits.removeprefix("(00)")
    if len(digits) == _DIGITS + 2 and digits.isdigit():
        digits = digits.removeprefix("00")
    if len(digits) == _DIGITS and digits.isascii() and digits.isdigit():
        right = gtin_check_digit(digits[:-1])
        if digits[-1] != right:
            raise MessageError(
                "bad_sscc", f"SSCC {text!r} has a wrong check digit (expected {right} at the end)"
            )
        return digits
    found = sscc_of(text)
    if found is None:
        raise MessageError("bad_sscc", f"SSCC {text!r} is neither 18 digits nor an EPC that carries an SSCC")
    return found


@lru_cache(maxsize=65_536)
def sscc_of(epc: str) -> str | None:
    """Return the 18 digits that an EPC carries, None for an EPC of another kind."""
    identity = identify(epc)
    if identity is None or identity.scheme != "sscc":
        return None
    prefix, serial = identity.uri.removeprefix(_URN).split(".", 1)
    body = serial[0] + prefix + serial[1:]
    return body + gtin_check_digit(body)
