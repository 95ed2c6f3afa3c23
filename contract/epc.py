"""EPC bits to GS1 identity, by epcpy (GS1 Tag Data Standard 1.x binary headers).

Most shelf tags are not GS1-coded, so "does not decode" is a normal answer, given as a
:class:`~contract.errors.MessageError` with reason ``not_gs1``. Results are cached: a store reads the
same tags all day.
"""

import warnings
from functools import lru_cache

import msgspec

from contract.errors import MessageError
from contract.ids import parse_epc

with warnings.catch_warnings():
    # epcpy 0.1.8 has unescaped patterns that newer interpreters warn about when they compile it.
    warnings.simplefilter("ignore")
    from epcpy.utils.parsers import hex_to_tag_encodable


class EpcIdentity(msgspec.Struct, frozen=True):
    """What an EPC says about its item.

    Attributes:
        uri: pure-identity URN, for example ``urn:epc:id:sgtin:4012345.098765.123``.
        gtin: GTIN-14 for SGTIN, else None.
        serial: serial number for SGTIN, else None.
    """

    uri: str
    gtin: str | None
    serial: str | None


def gtin_check_digit(first_13: str) -> str:
    """Return the GS1 modulo-10 check digit of the first 13 digits of a GTIN-14."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(first_13))
    return str(-total % 10)


@lru_cache(maxsize=65_536)
def decode_epc(text: str) -> EpcIdentity:
    """Decode EPC hex into its GS1 identity.

    Raises:
        MessageError: ``bad_epc`` for text that is no EPC, ``not_gs1`` for bits without a GS1 meaning.
    """
    epc = parse_epc(text)
    try:
        uri = str(hex_to_tag_encodable(epc).epc_uri)
    except Exception as error:
        raise MessageError("not_gs1", f"EPC {epc} has no GS1 meaning: {error}") from error
    if not uri.startswith("urn:epc:id:sgtin:"):
        return EpcIdentity(uri=uri, gtin=None, serial=None)
    company, item, serial = uri.removeprefix("urn:epc:id:sgtin:").split(".", 2)
    first_13 = item[0] + company + item[1:]
    return EpcIdentity(uri=uri, gtin=first_13 + gtin_check_digit(first_13), serial=serial)
