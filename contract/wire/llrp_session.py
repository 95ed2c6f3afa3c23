"""What the line of an LLRP reader and its driver tell each other.

LLRP is a conversation with state, held by a full library in the transport. The driver stays a function of
bytes: it takes the records of this file, packed, and answers with the configuration it wants. The reader's
firmware is locked to a regulatory region; LLRP can ask for it and not set it, so the configured region is
compared with the reader's own before anything is transmitted.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.llrp import TagReport

_BY_COUNTRY: Final = {
    840: "us",
    124: "us",
    484: "us",
    410: "kr",
    392: "jp",
    356: "in",
    36: "au",
    554: "nz",
    **dict.fromkeys(
        (
            40, 56, 100, 191, 196, 203, 208, 233, 246, 250, 276, 300, 348, 352, 372, 380, 428, 438, 440, 442,
            470, 528, 578, 616, 620, 642, 703, 705, 724, 752, 756, 826,
        ),
        "eu",
    ),
}  # fmt: skip
"""ISO 3166-1 numeric; the whole of CEPT's short-range-device area that readers are sold for."""

_CHINA: Final = 156
_BY_STANDARD: Final = {1: "us", 2: "eu", 3: "eu", 4: "au", 5: "au", 6: "jp", 9: "kr"}
"""LLRP's CommunicationsStandard; Hong Kong (7) and Taiwan (8) have no name here."""


class ReaderHello(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The connection stands.

    Attributes:
        clock_us: the reader's clock when it accepted, None for a reader that counts from power-up.
        title: manufacturer, model and firmware, for people.
        region: what it is built for, None when it does not say.
    """

    clock_us: int | None
    title: str
    region: str | None


class InputReport(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Level of a general-purpose input; ``at_us`` by the reader's clock, None for "as it is now"."""

    port: int
    high: bool
    at_us: int | None = None


class KeptAlive(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A keep-alive came and was acknowledged."""


class ReaderState(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """What the reader does now: a status word of the edge, with a sentence."""

    what: str
    detail: str = ""


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Something from the reader that could not be read."""

    reason: str
    raw: bytes
    detail: str = ""


Record: TypeAlias = TagReport | ReaderHello | InputReport | KeptAlive | ReaderState | Refused
_TAGS: Final = range(1, 7)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How the reader shall be configured.

    Attributes:
        region: the configured region; without one nothing is transmitted.
        antennas: 1-based, empty for all.
        running: inventory runs.
        tags_per_report: the reader waits for so many tags before it reports.
        keep_alive_ms: how often it shall show life.
        outputs: port → level.
    """

    region: str | None = None
    power_dbm: float = 20.0
    antennas: tuple[int, ...] = ()
    running: bool = True
    tags_per_report: int = 1
    keep_alive_ms: int = 2_000
    outputs: dict[int, bool] = {}


_packer: Final = msgspec.msgpack.Encoder()
_unpacker: Final = msgspec.msgpack.Decoder(list[Record])
_wanted: Final = msgspec.msgpack.Decoder(Wanted)


def pack(records: Sequence[Record]) -> bytes:
    """Return records as bytes."""
    return _packer.encode(records)


def unpack(data: bytes) -> list[Record | Reject]:
    """Return what :meth:`pack` was given; a record that is none of ours spoils only itself."""
    try:
        return [*_unpacker.decode(data)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        items = msgspec.msgpack.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return [Reject("syntax", data[:MAX_REJECT_BYTES], f"not packed records: {error}")]
    if not isinstance(items, list):
        return [Reject("syntax", data[:MAX_REJECT_BYTES], "a list of records was expected")]
    return [_record(item) for item in items]


def _record(item: Any) -> Record | Reject:
    try:
        return msgspec.convert(item, Record)  # type: ignore[no-any-return]
    except (msgspec.ValidationError, RecursionError) as error:
        return Reject("value", msgspec.msgpack.encode(item)[:MAX_REJECT_BYTES], str(error))


def is_unknown(reject: Reject) -> bool:
    """True for a record of a kind that this version does not have."""
    try:
        item = msgspec.msgpack.decode(reject.raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(item, list) and bool(item) and isinstance(item[0], int) and item[0] not in _TAGS


def pack_wanted(wanted: Wanted) -> bytes:
    """Return a wanted configuration as bytes."""
    return _packer.encode(wanted)


def unpack_wanted(data: bytes) -> Wanted:
    """Return a wanted configuration.

    Raises:
        FrameError: ``syntax`` when it is none.
    """
    try:
        return _wanted.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("syntax", f"not a reader configuration: {error}") from error


def region_of(country: int, standard: int, frequencies_khz: Collection[int] = ()) -> str | None:
    """Return the region a reader is built for, None when what it says names none of ours.

    Args:
        country: ISO 3166-1 numeric code of its RegulatoryCapabilities.
        standard: its CommunicationsStandard, used where the country says nothing.
        frequencies_khz: its channels; they tell China's two bands apart.
    """
    if country == _CHINA:
        return "cn800" if frequencies_khz and max(frequencies_khz) < 900_000 else "cn900"
    return _BY_COUNTRY.get(country) or _BY_STANDARD.get(standard)
