"""What crosses MQTT between an edge agent and the hub. Version 1.

An **envelope** is text in lines. The first line is a :class:`Header`; the lines after it are
observations, one JSON object each, numbered ``first_seq``, ``first_seq + 1`` … ``last_seq`` in order.
One unreadable line cannot spoil its neighbours, and its number is known all the same. A header with
``lost`` has no lines: it stands for numbers that the edge had to drop.

A **receipt** answers: everything of this stream up to ``seq`` is committed. It carries the digest of
observation ``seq`` so that an edge deletes nothing on a receipt that was earned by other content
(a cloned card, a restored outbox). A **hello** asks for it.

Times are integer milliseconds since 1970-01-01 UTC. Within version 1 only optional fields are added
and readers ignore unknown ones; see docs/contract.md.
"""

from hashlib import blake2b
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from contract.errors import MessageError
from contract.ids import EpcHex, Slug

VERSION: Final = 1
MAX_LINES: Final = 500
MAX_ENVELOPE_BYTES: Final = 512 * 1024

Millis = Annotated[int, msgspec.Meta(ge=0, le=9_999_999_999_999, description="ms since 1970-01-01 UTC")]
Seq = Annotated[int, msgspec.Meta(ge=1, le=2**62)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]
LABEL_MAC_PATTERN: Final = r"^([0-9A-F]{12}|[0-9A-F]{16})$(?!\n)"
Grams = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)]


class Observation(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """A cleaned statement by the edge.

    Attributes:
        at: event time, corrected, in ms.
        device: the device whose reads led to it.
        suspect: true when the edge did not trust its clock at that time.
    """

    at: Millis
    device: Slug
    suspect: bool = False


class TagArrived(Observation, frozen=True, kw_only=True, tag="tag_arrived"):
    """A tag is in a zone and was not in any zone of this edge before (or was away very long)."""

    epc: EpcHex
    zone: Slug
    antenna: int | None = None
    rssi_dbm: float | None = None


class TagMoved(Observation, frozen=True, kw_only=True, tag="tag_moved"):
    """A tag went from one zone to another without being silent in between."""

    epc: EpcHex
    zone: Slug
    from_zone: Slug
    antenna: int | None = None
    rssi_dbm: float | None = None


class TagPickedUp(Observation, frozen=True, kw_only=True, tag="tag_picked_up"):
    """A tag left its zone: it fell silent there while the zone could be seen. ``at`` is the last read."""

    epc: EpcHex
    zone: Slug


class TagPutBack(Observation, frozen=True, kw_only=True, tag="tag_put_back"):
    """A picked-up tag is on a shelf again, perhaps another one.

    Attributes:
        zone: where it is now.
        from_zone: where it was picked up.
        picked_at: event time of the pick-up in ms.
    """

    epc: EpcHex
    zone: Slug
    from_zone: Slug
    picked_at: Millis
    antenna: int | None = None
    rssi_dbm: float | None = None


class ItemStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """Units of one SKU that were put on (+) or taken off (-) a plate with several SKUs.

    Attributes:
        units: signed; 0 in the first observation of a plate.
        on_plate: units of the SKU on the plate now, None when they were never counted.
    """

    sku: ShortText
    units: int
    on_plate: Count | None = None


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step may have been; without items it was no goods of this shelf."""

    probability: Annotated[float, msgspec.Meta(ge=0, le=1)]
    items: tuple[ItemStep, ...] = ()


class WeightChanged(Observation, frozen=True, kw_only=True, tag="weight_changed"):
    """A tray settled at another weight.

    Attributes:
        sku: what lies on the tray, None when the tray has no SKU configured, or several.
        units: whole units on the tray now, None when the weight fits no whole number.
        delta_units: whole units put on (+) or taken off (-), None when the step fits no whole number;
            an unknown change never edits stock. The first observation of a tray has 0.
        items: on a plate with several SKUs, what was put on or taken off; empty when that is not known.
        candidates: what it may have been when that is not sure, the likeliest first; they edit nothing.
        moved_from: the plate of the same shelf from which the items came just now.
    """

    zone: Slug
    sku: ShortText | None
    weight_g: Grams
    delta_g: Grams
    units: Count | None = None
    delta_units: int | None = None
    items: Annotated[tuple[ItemStep, ...], msgspec.Meta(max_length=64)] = ()
    candidates: Annotated[tuple[Candidate, ...], msgspec.Meta(max_length=8)] = ()
    moved_from: Slug | None = None


class Disagreement(Observation, frozen=True, kw_only=True, tag="disagreement"):
    """RFID and weight tell different things of one zone; neither is taken back, and no stock follows from it.

    Attributes:
        device: the plate, or the reader where no plate told anything.
        why: ``weight_only`` no tag came or left; ``rfid_only`` the weight did not change; ``count_differs``.
        since: the first of the changes that were compared; ``at`` is the last.
        rfid_units: by the tags, units that came (+) or left (-).
        weight_units: by the plates; None when the weight fits no goods.
        weight_g: that weight then.
        epcs, skus: what either spoke of, at most sixteen each.
    """

    zone: Slug
    why: Literal["weight_only", "rfid_only", "count_differs"]
    since: Millis
    rfid_units: int
    weight_units: int | None = None
    weight_g: Grams | None = None
    epcs: Annotated[tuple[EpcHex, ...], msgspec.Meta(max_length=16)] = ()
    skus: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=16)] = ()


class PeopleCounted(Observation, frozen=True, kw_only=True, tag="people_counted"):
    """People who crossed a counting line since the previous report of that line.

    Attributes:
        entered, left: as counted.
        estimated_entered, estimated_left: how many people these are on average, where the counter knows how
            much it merges; None when it does not.
        turned: came into the doorway and went back.
        staff: how many of those counted were staff; a report with staff counts one direction only.
    """

    line: Slug
    entered: Count = 0
    left: Count = 0
    estimated_entered: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    estimated_left: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    turned: Count = 0
    staff: Count = 0


class InputChanged(Observation, frozen=True, kw_only=True, tag="input_changed"):
    """A reader's general-purpose input changed its level, for example a photo-eye at a gate."""

    port: Annotated[int, msgspec.Meta(ge=1, le=64)]
    high: bool


class TagPresented(Observation, frozen=True, kw_only=True, tag="tag_presented"):
    """A tag was laid on an enrolment antenna; it says nothing about where the item belongs.

    Attributes:
        tid: the chip's own number, where the reader tells it; factory EPCs repeat, TIDs do not.
    """

    epc: EpcHex
    tid: Annotated[str, msgspec.Meta(pattern=r"^([0-9A-F]{4}){1,31}$(?!\n)")] | None = None
    antenna: int | None = None
    rssi_dbm: float | None = None


class BarcodeScanned(Observation, frozen=True, kw_only=True, tag="barcode_scanned"):
    """A barcode scanner read a code: what the symbol says, as text."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class LabelShown(Observation, frozen=True, kw_only=True, tag="label_shown"):
    """A shelf label confirmed that it shows this; what was only sent is not here.

    Attributes:
        mac: the label, upper-case hex.
        price: as text, exactly as it was sent.
    """

    mac: Annotated[str, msgspec.Meta(pattern=LABEL_MAC_PATTERN)]
    sku: ShortText
    price: Annotated[str, msgspec.Meta(max_length=20)]
    currency: Annotated[str, msgspec.Meta(max_length=8)] = ""


class GatePassage(msgspec.Struct, frozen=True, kw_only=True):
    """One tag's way through a gate; part of a :class:`GateBatch`, no observation of its own.

    Attributes:
        direction: ``in`` from outside to inside, ``out`` the other way, ``turned`` came and went back.
        probability: how sure the edge is of passage and direction.
    """

    epc: EpcHex
    direction: Literal["in", "out", "turned"]
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)]


class GateBatch(Observation, frozen=True, kw_only=True, tag="gate_batch"):
    """What went through a gate between its opening and its closing; ``at`` is the end.

    More than 500 tags make several observations with the same ``batch_id``.

    Attributes:
        batch_id: gate and start, unique in an agent; the same in every part.
        started_at: when the batch was opened, by a tag or by the photo-eye.
        passages: tags that were carried, with their direction.
        undecided: tags that were heard well enough to matter and not well enough to decide.
        strays: how many other tags were heard that lay near and did not pass; 0 in further parts.
        part: 1 … ``parts``.
    """

    batch_id: Slug
    gate: Slug
    started_at: Millis
    passages: Annotated[tuple[GatePassage, ...], msgspec.Meta(max_length=500)] = ()
    undecided: Annotated[tuple[EpcHex, ...], msgspec.Meta(max_length=500)] = ()
    strays: Count = 0
    part: Annotated[int, msgspec.Meta(ge=1)] = 1
    parts: Annotated[int, msgspec.Meta(ge=1)] = 1


class TryOnStarted(Observation, frozen=True, kw_only=True, tag="try_on_started"):
    """A tag was carried into a fitting room and stays there; ``at`` is when it came in.

    Attributes:
        session: tags that came into the room together share it; it names no person.
        probability: how sure the edge is, 0 to 1.
    """

    session: Slug
    room: Slug
    epc: EpcHex
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0


class TryOnEnded(Observation, frozen=True, kw_only=True, tag="try_on_ended"):
    """A tag that was tried on has left the fitting room; ``at`` is when the room last heard it.

    Attributes:
        started_at: ``at`` of its ``try_on_started``.
        worn: whether its signal moved as that of a worn garment does; None when that was not to be seen.
    """

    session: Slug
    room: Slug
    epc: EpcHex
    started_at: Millis
    worn: bool | None = None


class DeviceHealth(Observation, frozen=True, kw_only=True, tag="device_health"):
    """A device changed its state, or repeats it once in a while.

    Attributes:
        state: ``ok`` it answers; ``silent`` the line is open, nothing useful comes; ``offline`` no line.
        zones: the zones that depend on it; they are blind while it is not ``ok``.
        reads: useful reads since the agent started.
        rejects: refused frames and payloads since the agent started.
    """

    state: Literal["ok", "silent", "offline"]
    zones: tuple[Slug, ...] = ()
    reads: Count = 0
    rejects: Count = 0
    detail: ShortText = ""


class Blind(Observation, frozen=True, kw_only=True, tag="blind"):
    """A span during which a device or the whole agent could not see; it ended at ``at``."""

    since: Millis
    zones: tuple[Slug, ...] = ()
    reason: Literal["agent_down", "device_silent", "device_offline"]


class Rejected(Observation, frozen=True, kw_only=True, tag="rejected"):
    """Device input that could not be understood.

    Attributes:
        reason: stable word, for example ``checksum``.
        count: how many rejects of this reason this observation stands for.
        sample: the first bytes of the first of them, as hex.
    """

    reason: ShortText
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    sample: Annotated[str, msgspec.Meta(max_length=512)] = ""


class Alert(Observation, frozen=True, kw_only=True, tag="alert"):
    """Something a person should know, for example ``stream_replaced``."""

    code: ShortText
    text: Annotated[str, msgspec.Meta(max_length=1000)] = ""


AnyObservation: TypeAlias = (
    TagArrived
    | TagMoved
    | TagPickedUp
    | TagPutBack
    | WeightChanged
    | Disagreement
    | PeopleCounted
    | InputChanged
    | TagPresented
    | BarcodeScanned
    | LabelShown
    | GateBatch
    | TryOnStarted
    | TryOnEnded
    | DeviceHealth
    | Blind
    | Rejected
    | Alert
)


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First line of an envelope.

    Attributes:
        v: contract version.
        first_seq: number of the first line.
        last_seq: number of the last line.
        sent_at: when the edge sent it, in ms (edge clock).
        lost: why these numbers have no content; then the envelope has no further lines.
    """

    v: Literal[1] = 1
    first_seq: Seq
    last_seq: Seq
    sent_at: Millis
    lost: ShortText | None = None


class RowDigest(msgspec.Struct, frozen=True, array_like=True):
    """Number and digest of one observation that the edge still holds."""

    seq: Seq
    digest: int


class Hello(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An edge asks for the current receipt of its stream.

    Attributes:
        nonce: echoed in the receipt's ``answers``, so that the asker knows its answer.
        next_seq: the number the edge will use next.
        rows: digests of rows the edge still holds, lowest first; asked when the edge doubts that the
            hub's copy of this stream is its own. The receipt then carries ``same_until``.
    """

    v: Literal[1] = 1
    nonce: Slug
    next_seq: Seq
    rows: Annotated[tuple[RowDigest, ...], msgspec.Meta(max_length=5000)] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub has committed everything of a stream up to and including ``seq``.

    Attributes:
        seq: highest contiguous committed number, 0 for none.
        digest: :func:`digest_line` of observation ``seq``; None when ``seq`` is 0 or was lost.
        answers: nonce of the hello that this receipt answers.
        same_until: of the rows in that hello, the highest number up to which all agree with the
            ledger; ``rows[0].seq - 1`` when the first differs.
        conflict_seq: the hub holds other content under this number: a cloned or restored outbox.
    """

    v: Literal[1] = 1
    seq: Count
    digest: int | None = None
    answers: Slug | None = None
    same_until: Count | None = None
    conflict_seq: Seq | None = None


Region = Literal["cn900", "cn800", "us", "eu", "kr", "jp", "in", "au", "nz"]
"""RF regions by the names that every reader family shares; a family without one of them says so."""


class SetRegion(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="set_region"):
    """Set the RF region of a reader; a reader without one does not transmit."""

    region: Region


class SetPower(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="set_power"):
    """Set a reader's transmit power."""

    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=33)]


class SetInventory(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="set_inventory"):
    """Start or stop a reader's inventory."""

    running: bool


class SetAntennas(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="set_antennas"):
    """Choose which antennas of a reader take part in its inventory; 1-based."""

    antennas: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=64)], ...], msgspec.Meta(min_length=1, max_length=64)
    ]


class SetOutput(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="set_output"):
    """Switch a reader's general-purpose output, for example a stack light or a buzzer; 1-based."""

    port: Annotated[int, msgspec.Meta(ge=1, le=64)]
    on: bool


class Tare(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="tare"):
    """Zero a scale."""


class SetLabel(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="set_label"):
    """Show a price on a shelf label.

    Attributes:
        mac: the label, upper-case hex.
        price: as text, with its decimals, for example ``299.00``.
        note: a second line, for example the stock.
    """

    mac: Annotated[str, msgspec.Meta(pattern=LABEL_MAC_PATTERN)]
    sku: ShortText
    name: ShortText
    price: Annotated[str, msgspec.Meta(max_length=20)]
    currency: Annotated[str, msgspec.Meta(max_length=8)] = ""
    note: ShortText = ""


MAX_ANCHORED: Final = 200
"""Tags of one :class:`AnchorTags`; more go into several commands."""


class AnchorTags(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="anchor_tags"):
    """Take it from a stock-take where tags are. It is for the agent's own picture and sends nothing to the device.

    Attributes:
        zones: EPC → zone.
        taken_at: when that was so; what the agent has told of a tag since then stands.
    """

    zones: Annotated[dict[EpcHex, Slug], msgspec.Meta(max_length=MAX_ANCHORED)]
    taken_at: Millis


AnyAction: TypeAlias = (
    SetRegion | SetPower | SetInventory | SetAntennas | SetOutput | Tare | SetLabel | AnchorTags
)


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub asks an agent to act on a device, at most once per ``command_id`` and before ``expires_at``."""

    v: Literal[1] = 1
    command_id: Slug
    device: Slug
    expires_at: Millis
    action: AnyAction


class CommandResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command: ``done``, ``failed``, ``expired`` or ``unknown`` (device or action)."""

    v: Literal[1] = 1
    command_id: Slug
    device: Slug
    at: Millis
    outcome: Literal["done", "failed", "expired", "unknown"]
    detail: ShortText = ""


_T = TypeVar("_T")

_ENCODER: Final = msgspec.json.Encoder()
_HEADER: Final = msgspec.json.Decoder(Header)
_OBSERVATION: Final[msgspec.json.Decoder[AnyObservation]] = msgspec.json.Decoder(AnyObservation)


class Envelope(msgspec.Struct, frozen=True):
    """A decoded envelope: its header and its lines, still as bytes (their digest is over the bytes)."""

    header: Header
    lines: list[bytes]


def encode_observation(observation: AnyObservation) -> bytes:
    """Return the one line that stands for this observation, for ever."""
    return _ENCODER.encode(observation)


def decode_observation(line: bytes) -> AnyObservation:
    """Read one observation line.

    Raises:
        MessageError: ``bad_observation`` naming the field and what was expected.
    """
    try:
        return _OBSERVATION.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError("bad_observation", str(error)) from error


def digest_line(line: bytes) -> int:
    """Return a signed 64-bit digest (BLAKE2b) of an observation line; fits an SQL BIGINT."""
    return int.from_bytes(blake2b(line, digest_size=8).digest(), "big", signed=True)


def encode_envelope(first_seq: int, lines: list[bytes], *, sent_at: int) -> bytes:
    """Join observation lines, numbered from ``first_seq``, into one envelope."""
    header = Header(first_seq=first_seq, last_seq=first_seq + len(lines) - 1, sent_at=sent_at)
    return b"\n".join([_ENCODER.encode(header), *lines])


def encode_lost(first_seq: int, last_seq: int, reason: str, *, sent_at: int) -> bytes:
    """Return the envelope that stands for numbers the edge had to drop."""
    return _ENCODER.encode(Header(first_seq=first_seq, last_seq=last_seq, sent_at=sent_at, lost=reason))


def split_envelope(payload: bytes) -> Envelope:
    """Split an envelope into header and lines without reading the lines.

    Raises:
        MessageError: ``too_big``, ``bad_header`` (not an envelope of version 1) or ``bad_range``.
    """
    if len(payload) > MAX_ENVELOPE_BYTES:
        raise MessageError(
            "too_big", f"envelope has {len(payload)} bytes, at most {MAX_ENVELOPE_BYTES} are allowed"
        )
    head, *lines = payload.split(b"\n")
    try:
        header = _HEADER.decode(head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError("bad_header", f"first line of the envelope: {error}") from error
    if header.last_seq < header.first_seq:
        raise MessageError("bad_range", f"last_seq {header.last_seq} is below first_seq {header.first_seq}")
    return Envelope(header, lines)


def encode(message: Hello | Receipt | Command | CommandResult) -> bytes:
    """Encode one of the small messages as JSON."""
    return _ENCODER.encode(message)


def decode_hello(payload: bytes) -> Hello:
    """Read a hello. Raises MessageError (``bad_hello``)."""
    return _decode(_HELLO, payload, "bad_hello")


def decode_receipt(payload: bytes) -> Receipt:
    """Read a receipt. Raises MessageError (``bad_receipt``)."""
    return _decode(_RECEIPT, payload, "bad_receipt")


def decode_command(payload: bytes) -> Command:
    """Read a command. Raises MessageError (``bad_command``)."""
    return _decode(_COMMAND, payload, "bad_command")


def decode_result(payload: bytes) -> CommandResult:
    """Read a command's result. Raises MessageError (``bad_result``)."""
    return _decode(_RESULT, payload, "bad_result")


_HELLO: Final = msgspec.json.Decoder(Hello)
_RECEIPT: Final = msgspec.json.Decoder(Receipt)
_COMMAND: Final = msgspec.json.Decoder(Command)
_RESULT: Final = msgspec.json.Decoder(CommandResult)


def _decode(decoder: "msgspec.json.Decoder[_T]", payload: bytes, reason: str) -> _T:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(reason, str(error)) from error
