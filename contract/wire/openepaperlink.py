"""OpenEPaperLink access point: price cards as drawing lists, and what it knows of its labels.

The access point is an HTTP server. ``POST /jsonupload`` (form: mac, json, ttl) takes a drawing list and
answers 200 when it has **stored** it; ``GET /get_db`` tells what became of it, in pages: ``continu`` is
the ``pos`` of the next one. Of a label's record

- ``nextupdate`` is 0 from the upload until the picture is made, then :data:`NEVER`;
- ``pending`` counts pictures that wait for the label's next check-in;
- ``updatecount``, ``updatelast`` and ``hash`` move when the label reports that it has taken a picture,
  and only then. A picture that equals the one it shows (same hash) is not sent at all;
- ``contentMode`` is :data:`DRAWING` and ``modecfgjson`` names the file of the drawing list.

The position is one byte in the firmware: beyond 255 labels the pages begin again, so a page that does
not go forward is the last. ``POST /tag_cmd`` with ``refresh`` forgets the hash, so that an equal picture
is sent too. Text in braces is a variable of the access point; braces are drawn as parentheses.

Sources: reading of the firmware (2024–2026; its licence forbids reuse, nothing of it is here), its wiki
page on drawing lists, and a record published with it checked against a live access point, see ``tests/golden/payloads``. Not confirmed
on hardware: how wide the fonts run, so layouts are cautious.
"""

import re
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.base import MAX_REJECT_BYTES, Reject, RejectReason

MAX_PAYLOAD: Final = 256 * 1024
MAX_TAGS: Final = 512
DRAWING: Final = 19
NEVER: Final = 3_216_153_600
"""As ``nextupdate``: the picture is made, and no other is due. As ``nextcheckin``: deep sleep."""

NO_HASH: Final = "0" * 32
NO_BATTERY: Final = frozenset({0, 1337})
"""Battery readings that are none: not told, and a label without battery."""

Size: TypeAlias = tuple[int, int]
SIZES: Final[dict[int, Size]] = {
    0x00: (152, 152),
    0x01: (296, 128),
    0x02: (400, 300),
    0x2E: (960, 672),
    0x2F: (522, 152),
    0x33: (384, 168),
}
"""Width and height in pixels by ``hwType``, from the access point's tag types."""

SMALLEST: Final[Size] = (152, 104)
"""For a label of another type: the corner that every price label has."""

BLACK: Final = 1
LEFT, CENTRE, RIGHT = 0, 1, 2
PRICE_FONTS: Final = (150, 120, 100, 80, 60, 50, 30, 20)
TEXT_FONTS: Final = (30, 20)
MAX_PRICE: Final = 12
"""Characters of a price that every label can show."""

_MAC: Final = re.compile(r"[0-9A-F]{12}([0-9A-F]{4})?")
_DRAWN: Final = re.compile(r"[^\x20-\x7E\xA1-\xAC\xAE-\xFF]+")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a shelf label says.

    Attributes:
        sku: drawn when the name has no character that the label can draw.
        price: as text, with its decimals; never cut, because a part of a price is a wrong price.
        note: a last line.
    """

    sku: str
    name: str
    price: str
    currency: str = ""
    note: str = ""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What the access point knows of one label.

    Attributes:
        mac: sixteen digits of upper-case hex.
        digest: of the picture it has taken, 32 digits of hex.
        pending: pictures that wait for its check-in.
        content_mode: what it shows; :data:`DRAWING` is a drawing list.
        config: JSON text of that content's settings.
        next_update: when its picture is made anew, s since 1970; 0 at once, or :data:`NEVER`.
        update_count: pictures it has taken.
        update_last: when it took the last, s since 1970 by the access point's clock.
        last_seen, next_checkin: s since 1970 by that clock.
        battery_mv: None when not told.
        hw_type: its make and size.
        external: another access point serves it.
    """

    mac: str
    digest: str
    pending: int
    content_mode: int
    config: str
    next_update: int
    update_count: int
    update_last: int
    last_seen: int = 0
    next_checkin: int = 0
    battery_mv: int | None = None
    rssi_dbm: int | None = None
    hw_type: int = -1
    alias: str = ""
    external: bool = False


class Page(msgspec.Struct, frozen=True):
    """One page of the label list.

    Attributes:
        labels: the records that could be read.
        next_pos: where the next page begins, None for the last page.
        rejects: records that could not be read.
    """

    labels: tuple[Label, ...]
    next_pos: int | None = None
    rejects: tuple[Reject, ...] = ()


_Count = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
_Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Tag(msgspec.Struct, frozen=True):
    mac: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-F]{16}$(?!\n)")]
    hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
    pending: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    contentMode: _Byte  # noqa: N815 - the access point's spelling, like those below
    nextupdate: _Count
    updatecount: _Count
    updatelast: _Count
    modecfgjson: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    lastseen: _Count = 0
    nextcheckin: _Count = 0
    batteryMv: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] = 0  # noqa: N815
    RSSI: Annotated[int, msgspec.Meta(ge=-128, le=127)] | None = None
    hwType: _Byte | None = None  # noqa: N815
    alias: Annotated[str, msgspec.Meta(max_length=256)] = ""
    isexternal: bool = False


class _Database(msgspec.Struct, frozen=True):
    tags: list[msgspec.Raw]
    continu: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)] | None = None


def label_mac(text: str) -> str:
    """Return a label's address as the access point writes it: sixteen digits, twelve are padded.

    Raises:
        FrameError: it is not hex of twelve or sixteen digits.
    """
    mac = text.strip().upper()
    if not _MAC.fullmatch(mac):
        raise FrameError("value", f"label address {text!r} is not hex of 12 or 16 digits")
    return mac.rjust(16, "0")


def parse_page(body: bytes) -> Page | Reject:
    """Read an answer to ``GET /get_db``."""
    if len(body) > MAX_PAYLOAD:
        return _reject("length", body, f"a page has at most {MAX_PAYLOAD} bytes, not {len(body)}")
    try:
        database = msgspec.json.decode(body, type=_Database)
    except msgspec.ValidationError as error:
        return _reject("value", body, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _reject("syntax", body, str(error))
    if len(database.tags) > MAX_TAGS:
        return _reject("length", body, f"a page has at most {MAX_TAGS} labels, not {len(database.tags)}")
    labels: list[Label] = []
    rejects: list[Reject] = []
    for raw in database.tags:
        try:
            labels.append(_label(msgspec.json.decode(raw, type=_Tag)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejects.append(_reject("value", bytes(raw), str(error)))
    return Page(tuple(labels), database.continu, tuple(rejects))


def _label(tag: _Tag) -> Label:
    return Label(
        mac=tag.mac,
        digest=tag.hash,
        pending=tag.pending,
        content_mode=tag.contentMode,
        config=tag.modecfgjson,
        next_update=tag.nextupdate,
        update_count=tag.updatecount,
        update_last=tag.updatelast,
        last_seen=tag.lastseen,
        next_checkin=tag.nextcheckin,
        battery_mv=None if tag.batteryMv in NO_BATTERY else tag.batteryMv,
        rssi_dbm=tag.RSSI,
        hw_type=-1 if tag.hwType is None else tag.hwType,
        alias=tag.alias,
        external=tag.isexternal,
    )


def encode_page(labels: tuple[Label, ...] | list[Label], next_pos: int | None = None) -> bytes:
    """Return the page an access point would answer with; for twins and tests."""
    tags = [
        {
            "mac": label.mac,
            "hash": label.digest,
            "lastseen": label.last_seen,
            "nextupdate": label.next_update,
            "nextcheckin": label.next_checkin,
            "pending": label.pending,
            "alias": label.alias,
            "contentMode": label.content_mode,
            "RSSI": label.rssi_dbm,
            "batteryMv": label.battery_mv or 0,
            "hwType": None if label.hw_type < 0 else label.hw_type,
            "modecfgjson": label.config,
            "isexternal": label.external,
            "updatecount": label.update_count,
            "updatelast": label.update_last,
        }
        for label in labels
    ]
    return msgspec.json.encode({"tags": tags} if next_pos is None else {"tags": tags, "continu": next_pos})


def drawing_file(mac: str) -> str:
    """Return where the access point keeps the drawing list uploaded for a label."""
    return f"/current/{mac}.json"


def shows_drawing(label: Label) -> bool:
    """Return whether the label's content is the drawing list that was uploaded for it."""
    return label.content_mode == DRAWING and drawing_file(label.mac) in label.config


def upload_form(mac: str, card: Card, hw_type: int) -> dict[str, str]:
    """Return the form of ``POST /jsonupload`` that shows a price card on a label.

    Raises:
        FrameError: ``value`` for a price that a label cannot show.
    """
    drawn = msgspec.json.encode(drawing(card, SIZES.get(hw_type, SMALLEST))).decode()
    return {"mac": mac, "json": drawn, "ttl": "0"}


def refresh_form(mac: str) -> dict[str, str]:
    """Return the form of ``POST /tag_cmd`` that has a label's picture made and sent anew."""
    return {"mac": mac, "cmd": "refresh"}


def drawing(card: Card, size: Size) -> list[dict[str, list[Any]]]:
    """Return a price card as a drawing list: name, rule, price in the middle, note and currency below.

    Everything lies within ``size``; text that would not fit is cut, a price takes a smaller font.

    Raises:
        FrameError: ``value`` for a price that a label cannot show.
    """
    if drawable(card.price) != card.price or not 0 < len(card.price) <= MAX_PRICE:
        raise FrameError(
            "value",
            f"price {card.price!r} cannot be shown; expected 1 to {MAX_PRICE} characters that the label's fonts have",
        )
    width, height = size
    margin = 4
    text_px = TEXT_FONTS[0] if height >= 200 else TEXT_FONTS[1]
    font, row = f"fonts/bahnschrift{text_px}", text_px + 4
    rule, foot = margin + row, height - margin - row
    price_px = next(
        (px for px in PRICE_FONTS if _wide(card.price, px) <= width - 2 * margin and px <= foot - rule),
        PRICE_FONTS[-1],
    )
    price_font = f"fonts/{'calibrib' if price_px > PRICE_FONTS[-1] else 'bahnschrift'}{price_px}"
    name = drawable(card.name) or drawable(card.sku)
    currency = drawable(card.currency)
    note_width = width - 3 * margin - _wide(currency, text_px)
    shapes: list[dict[str, list[Any]]] = [
        {"text": [margin, margin, _cut(name, text_px, width - 2 * margin), font, BLACK, LEFT]},
        {"line": [margin, rule, width - margin - 1, rule, BLACK]},
        {"text": [width // 2, rule + (foot - rule - price_px) // 2, card.price, price_font, BLACK, CENTRE]},
    ]
    if note := _cut(drawable(card.note), text_px, note_width):
        shapes.append({"text": [margin, foot, note, font, BLACK, LEFT]})
    if currency:
        shapes.append({"text": [width - margin, foot, currency, font, BLACK, RIGHT]})
    return shapes


def drawable(text: str) -> str:
    """Return what of a text the access point's fonts have: ASCII and Latin-1, without braces."""
    return _DRAWN.sub("", text.replace("{", "(").replace("}", ")")).strip()


def _wide(text: str, font_px: int) -> int:
    """Return how wide a text may run: 0.6 of the font's height for a character."""
    return len(text) * font_px * 3 // 5


def _cut(text: str, font_px: int, width: int) -> str:
    """Return as much of a text as fits, its end marked by a full stop."""
    fits = max(0, width) * 5 // (3 * font_px)
    return text if len(text) <= fits else f"{text[: fits - 1].rstrip()}." if fits > 1 else ""


def _reject(reason: RejectReason, raw: bytes, detail: str) -> Reject:
    return Reject(reason, raw[:MAX_REJECT_BYTES], detail)
