"""EPC bits to GS1 identity (GS1 Tag Data Standard 1.x binary headers), and a filter by company prefix.

Most shelf tags are not GS1-coded, so "does not decode" is a normal answer: None from :func:`identify`,
a :class:`~contract.errors.MessageError` with reason ``not_gs1`` from :func:`decode_epc`. Either answer
is cached: a store reads the same tags all day.

SGTIN-96, which is nearly every GS1 tag in a shop, is sliced out of one integer here; epcpy decodes the
other schemes and is what the slicing is tested against. Decided here, because decoders differ:

- The EPC may be longer than its scheme. Zeros behind are padding, as where a writer fills the words that
  the PC word announces; anything else makes it ``not_gs1``, as it is no content of that scheme.
- The ``+`` schemes of TDS 2.x (headers F0 to FB) are ``not_gs1``: nothing here can name them.

Source: GS1 EPC Tag Data Standard 1.13, sections 14.3 (partition tables) and 14.6 (coding tables).
"""

import warnings
from functools import lru_cache
from typing import Final

import msgspec

from contract.errors import MessageError
from contract.gtin import gtin_check_digit
from contract.ids import parse_epc

with warnings.catch_warnings():
    # epcpy 0.1.8 has unescaped patterns that newer interpreters warn about when they compile it.
    warnings.simplefilter("ignore")
    from epcpy.utils.parsers import hex_to_tag_encodable

_BITS_OF_HEADER: Final = {
    "2C": 96, "2D": 96, "2E": 96, "2F": 96, "30": 96, "31": 96, "32": 96, "33": 96, "34": 96, "35": 96,
    "36": 198, "37": 170, "38": 202, "39": 195, "3B": 0, "3C": 96, "3D": 0, "3E": 174, "3F": 96,
    "40": 110, "41": 212,
}  # fmt: skip
"""Header → bits of the scheme's content; 0 where its own content tells the length."""

_WITHOUT_PREFIX: Final = frozenset({"gid", "usdod", "adi"})
"""Schemes that carry no GS1 company prefix."""

_SGTIN_96_DIGITS: Final = 24
_SERIAL_BITS: Final = 38
_SERIAL: Final = (1 << _SERIAL_BITS) - 1
_REFERENCE: Final = (1 << 44) - 1
_COMPANY_BITS: Final = (40, 37, 34, 30, 27, 24, 20)
_SPLITS: Final = tuple(
    (44 - bits, 10 ** (12 - partition), 10 ** (1 + partition), 12 - partition, 1 + partition)
    for partition, bits in enumerate(_COMPANY_BITS)
)
"""Per partition: bits of the item reference, bounds of both numbers, digits of both (TDS table 14-2)."""


class EpcIdentity(msgspec.Struct, frozen=True):
    """What an EPC says about its item.

    Attributes:
        uri: pure-identity URN, for example ``urn:epc:id:sgtin:4012345.098765.123``.
        gtin: GTIN-14 for SGTIN, else None.
        serial: serial number for SGTIN as the URN spells it, else None.
        scheme: the URN's kind, for example ``sgtin`` or ``sscc``.
        company_prefix: GS1 company prefix with its leading zeros; None for schemes without one.
    """

    uri: str
    gtin: str | None
    serial: str | None
    scheme: str = "sgtin"
    company_prefix: str | None = None


class EpcFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose tags count.

    Attributes:
        company_prefixes: GS1 company prefixes to keep; none keeps all.
        keep_undecodable: keep tags that are not GS1-coded or carry no company prefix.
    """

    company_prefixes: tuple[str, ...] = ()
    keep_undecodable: bool = True

    @property
    def keeps_all(self) -> bool:
        """True when no EPC can be dropped."""
        return not self.company_prefixes and self.keep_undecodable

    def keeps(self, epc: str) -> bool:
        """Tell whether a tag counts; ``epc`` is hex in any spelling, and what is no EPC is undecodable."""
        if self.keeps_all:
            return True
        identity = identify(epc)
        if identity is None or identity.company_prefix is None:
            return self.keep_undecodable
        return not self.company_prefixes or identity.company_prefix in self.company_prefixes


def decode_epc(text: str) -> EpcIdentity:
    """Decode EPC hex into its GS1 identity.

    Raises:
        MessageError: ``bad_epc`` for text that is no EPC, ``not_gs1`` for bits without a GS1 meaning.
    """
    found = _look_up(text)
    if isinstance(found, EpcIdentity):
        return found
    raise MessageError(*found)


def identify(text: str) -> EpcIdentity | None:
    """Decode EPC hex, None for what :func:`decode_epc` refuses."""
    found = _look_up(text)
    return found if isinstance(found, EpcIdentity) else None


@lru_cache(maxsize=65_536)
def _look_up(text: str) -> EpcIdentity | tuple[str, str]:
    """Return the identity, or reason and detail of why there is none."""
    try:
        epc = parse_epc(text)
        if len(epc) == _SGTIN_96_DIGITS and epc.startswith("30"):
            return slice_sgtin_96(epc)
        return _by_epcpy(epc)
    except MessageError as error:
        return error.reason, error.detail


def slice_sgtin_96(epc: str) -> EpcIdentity:
    """Decode 24 hex digits that begin with 30.

    Raises:
        MessageError: ``not_gs1`` for partition 7 or a number with more digits than its partition gives.
    """
    bits = int(epc, 16)
    partition = bits >> 82 & 7
    if partition == 7:
        raise MessageError("not_gs1", f"EPC {epc} has no GS1 meaning: partition 7 is not assigned")
    item_bits, company_bound, item_bound, company_digits, item_digits = _SPLITS[partition]
    reference = bits >> _SERIAL_BITS & _REFERENCE
    company, item = reference >> item_bits, reference & (1 << item_bits) - 1
    if company >= company_bound or item >= item_bound:
        raise MessageError(
            "not_gs1",
            f"EPC {epc} has no GS1 meaning: {company} and {item} are not of {company_digits} and {item_digits} digits",
        )
    prefix, rest = f"{company:0{company_digits}}", f"{item:0{item_digits}}"
    serial = str(bits & _SERIAL)
    first_13 = rest[0] + prefix + rest[1:]
    return EpcIdentity(
        f"urn:epc:id:sgtin:{prefix}.{rest}.{serial}",
        first_13 + gtin_check_digit(first_13),
        serial,
        "sgtin",
        prefix,
    )


def _by_epcpy(epc: str) -> EpcIdentity:
    size = _BITS_OF_HEADER.get(epc[:2])
    if size is None:
        raise MessageError("not_gs1", f"EPC {epc} has no GS1 meaning: header {epc[:2]} is not assigned")
    padding = len(epc) * 4 - size
    if size and padding > 0 and int(epc, 16) & (1 << padding) - 1:
        raise MessageError(
            "not_gs1", f"EPC {epc} has no GS1 meaning: header {epc[:2]} has {size} bits, more follow"
        )
    try:
        uri = str(hex_to_tag_encodable(epc).epc_uri)
    except Exception as error:
        raise MessageError("not_gs1", f"EPC {epc} has no GS1 meaning: {error}") from error
    scheme, name = uri.removeprefix("urn:epc:id:").split(":", 1)
    company_prefix = None if scheme in _WITHOUT_PREFIX else name.split(".", 1)[0]
    if scheme != "sgtin":
        return EpcIdentity(uri, None, None, scheme, company_prefix)
    company, item, serial = name.split(".", 2)
    first_13 = item[0] + company + item[1:]
    return EpcIdentity(uri, first_13 + gtin_check_digit(first_13), serial, scheme, company_prefix)
