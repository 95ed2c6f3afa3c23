"""EPCs for simulated tags: SGTIN-96 from a GTIN, and bits without a GS1 meaning.

SGTIN-96 (GS1 EPC Tag Data Standard 1.x): header 0x30, 3 bits filter, 3 bits partition, company prefix and
item reference in 44 bits, 38 bits serial. The tests check the encoder against epcpy. Opaque EPCs stand
for the factory numbers that most cheap labels carry; their header E2 belongs to no EPC scheme.
"""

import hashlib
from typing import Final

from contract.errors import ConfigError
from contract.gtin import gtin_check_digit

SGTIN_96_HEADER: Final = 0x30
FILTER_POINT_OF_SALE: Final = 1
_COMPANY_BITS: Final = {12: 40, 11: 37, 10: 34, 9: 30, 8: 27, 7: 24, 6: 20}


def gtin_14(company: str, item: str, indicator: str = "0") -> str:
    """Return a GTIN-14 with its check digit, for example ``gtin_14("9521234", "00101")``."""
    first_13 = indicator + company + item
    return first_13 + gtin_check_digit(first_13)


def sgtin_96(gtin: str, company_digits: int, serial: int) -> str:
    """Return the SGTIN-96 of one item as upper-case hex.

    Args:
        gtin: GTIN-14 with a correct check digit.
        company_digits: how many of its digits are the company prefix, 6 to 12.
        serial: 0 to 2^38 - 1.

    Raises:
        ConfigError: when a value is outside its range; the sentence names it.
    """
    if len(gtin) != 14 or not gtin.isdecimal() or gtin[13] != gtin_check_digit(gtin[:13]):
        raise ConfigError(f"GTIN {gtin!r} is not 14 digits with a correct check digit")
    if company_digits not in _COMPANY_BITS:
        raise ConfigError(f"a company prefix has 6 to 12 digits, not {company_digits}")
    if not 0 <= serial < 1 << 38:
        raise ConfigError(f"SGTIN-96 serial {serial} is outside 0 to 274877906943")
    company, item = gtin[1 : 1 + company_digits], gtin[0] + gtin[1 + company_digits : 13]
    company_bits = _COMPANY_BITS[company_digits]
    bits = SGTIN_96_HEADER
    for value, width in (
        (FILTER_POINT_OF_SALE, 3),
        (12 - company_digits, 3),
        (int(company), company_bits),
        (int(item), 44 - company_bits),
        (serial, 38),
    ):
        bits = bits << width | value
    return f"{bits:024X}"


def opaque_epc(name: str) -> str:
    """Return a 96-bit EPC without a GS1 meaning, always the same for the same name."""
    return "E280" + hashlib.blake2b(name.encode(), digest_size=10).hexdigest().upper()
