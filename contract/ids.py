"""Identifiers: what may name a store, an agent, a device, a zone, a stream, a tag.

Ids become MQTT topic levels and NATS subject tokens, where a dot, a space, ``+``, ``#``, ``*``, ``>``
or an upper-case letter would break the mapping or the comparison; so one alphabet serves all:
``[a-z0-9_-]``, 1 to 64 characters, first and last alphanumeric.
"""

import re
from typing import Annotated, Final, NewType

import msgspec

from contract.errors import MessageError

SLUG_PATTERN: Final = r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$(?!\n)"
EPC_PATTERN: Final = r"^([0-9A-F]{4}){1,31}$(?!\n)"

StoreId = NewType("StoreId", str)
AgentId = NewType("AgentId", str)
DeviceId = NewType("DeviceId", str)
ZoneId = NewType("ZoneId", str)
StreamId = NewType("StreamId", str)
Epc = NewType("Epc", str)

Slug = Annotated[str, msgspec.Meta(pattern=SLUG_PATTERN, description="[a-z0-9_-], 1 to 64 characters")]
EpcHex = Annotated[
    str,
    msgspec.Meta(
        pattern=EPC_PATTERN, description="EPC as upper-case hex, whole 16-bit words, at most 496 bits"
    ),
]

_SLUG: Final = re.compile(SLUG_PATTERN)
_HEX_DIGITS: Final = re.compile(r"[0-9A-F]{4,124}")


def parse_slug(kind: str, text: str) -> str:
    """Return ``text`` if it may be used as an id.

    Args:
        kind: what the id names, for the message ("store", "device", "zone" …).
        text: the candidate.

    Raises:
        MessageError: ``bad_id`` when a character or the length is not allowed.
    """
    if _SLUG.fullmatch(text):
        return text
    raise MessageError(
        "bad_id",
        f"{kind} id {text!r} is not allowed: use 1 to 64 of a-z, 0-9, '_' and '-', starting and ending with a letter or digit",
    )


def parse_epc(text: str) -> Epc:
    """Return an EPC in its one spelling (upper-case hex without separators).

    Raises:
        MessageError: ``bad_epc`` when it is not hex of whole 16-bit words up to 496 bits
            (Gen2 air interface: the PC word counts at most 31 EPC words).
    """
    cleaned = text.upper()
    if len(cleaned) % 4 == 0 and _HEX_DIGITS.fullmatch(cleaned):
        return Epc(cleaned)
    cleaned = cleaned.strip().replace(" ", "").replace("-", "")
    if len(cleaned) % 4 == 0 and _HEX_DIGITS.fullmatch(cleaned):
        return Epc(cleaned)
    raise MessageError("bad_epc", f"EPC {text!r} is not hex of whole 16-bit words (4 to 124 hex digits)")
