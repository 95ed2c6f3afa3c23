"""What tills report, whatever their make: lines sold and brought back, and what was not one.

A report is about one order (or one return, or a batch of free lines) and carries its lines in order. A
**line** has a quantity above zero for goods sold and below zero for goods that came back. Lines are named
by (``sale_id``, ``line``) and keep that name in every report of the same order, so that a repeat can be
recognised. What is no line is a :class:`Notice` (understood, and nothing to record) or a
:class:`~contract.wire.base.Reject` (not understood). Reading never raises.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from contract.errors import FrameError
from contract.wire.base import MAX_REJECT_BYTES, Reject, RejectReason

MAX_BODY: Final = 1024 * 1024
MAX_LINES: Final = 1000
MAX_UNITS: Final = 1_000_000
MAX_CODE: Final = 200

Id = (
    Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    | Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
)
Text = Annotated[str, msgspec.Meta(max_length=1000)]
Number = int | float | Annotated[str, msgspec.Meta(max_length=40)]

State = Literal["sold", "open", "cancelled", "test", "to_fetch", "returned", "ignored", "refused"]

_PRICE: Final = re.compile(r"\d{1,10}(\.\d{1,8})?")
_WHOLE: Final = re.compile(r"-?\d{1,7}(\.0{1,8})?")


class SaleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a sale, or of a return.

    Attributes:
        line: from 1.
        code: SKU, GTIN or the till's own number of the product.
        quantity: units; below zero for units that came back. Never zero.
        price: per unit.
        sold_at: RFC 3339, as the till wrote it.
        at: the same in ms since 1970.
        store: the till's own name of the place, None when it did not say.
        epc: tag, where the till knows it.
    """

    sale_id: str
    line: int
    code: str
    quantity: int
    price: float | None
    sold_at: str
    at: int
    store: str | None = None
    epc: str | None = None


class Notice(msgspec.Struct, frozen=True):
    """Something that was understood and is no line.

    Attributes:
        what: stable word, for example ``test_order``.
    """

    what: str
    detail: str | None = None


Entry: TypeAlias = SaleLine | Notice | Reject


class TillReport(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a till.

    Attributes:
        state: ``sold`` and ``returned`` have lines, ``to_fetch`` has them elsewhere, the others have none.
        order_id: the order, or the return, it is about; None when that cannot be read.
        of_order: for a return, the order it belongs to.
        version: of the order, 0 where the till does not count versions.
        only_if_sold: units that were never handed over are put back; it counts only when its order counts.
    """

    state: State
    entries: tuple[Entry, ...]
    order_id: str | None = None
    of_order: str | None = None
    version: int = 0
    only_if_sold: bool = False

    @property
    def lines(self) -> list[SaleLine]:
        """Return the lines without notices and rejects."""
        return [entry for entry in self.entries if isinstance(entry, SaleLine)]

    @property
    def rejects(self) -> list[Reject]:
        """Return what was not understood."""
        return [entry for entry in self.entries if isinstance(entry, Reject)]


def read_json(body: bytes) -> Any:
    """Return the JSON value of a body.

    Raises:
        FrameError: ``length`` for too many bytes, ``syntax`` for what is not JSON.
    """
    if len(body) > MAX_BODY:
        raise FrameError("length", f"the body has {len(body)} bytes, at most {MAX_BODY} are allowed")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("syntax", f"the body is not JSON: {error}") from error


def moment(name: str, text: str | None) -> int:
    """Return an RFC 3339 time in ms since 1970. Raises FrameError (``value``)."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at.year < 1970 or at.year > 2200:
        raise FrameError("value", f"{name} {text!r} is not an RFC 3339 time with an offset")
    return round(at.timestamp() * 1000)


def price_of(value: Number | None) -> float | None:
    """Return a price; text is read as a decimal. Raises FrameError (``value``)."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and not _PRICE.fullmatch(value):
        raise FrameError("value", f"price {value!r} is not a decimal from 0")
    price = float(value)
    if not 0 <= price <= 1e9:
        raise FrameError("value", f"price {value!r} is not a number from 0 to 1e9")
    return price


def units_of(value: Number | None, *, least: int) -> int:
    """Return a whole number of units from ``least`` on. Raises FrameError (``value``)."""
    text = str(value)
    if isinstance(value, bool) or not _WHOLE.fullmatch(text):
        raise FrameError("value", f"quantity {value!r} is not a whole number of units")
    units = int(text.partition(".")[0])
    if not least <= units <= MAX_UNITS:
        raise FrameError("value", f"quantity {value!r} is not from {least} to {MAX_UNITS}")
    return units


def code_of(*candidates: Id | str | None) -> str:
    """Return the first candidate that names a product. Raises FrameError (``value``) when none does."""
    for candidate in candidates:
        text = str(candidate).strip() if candidate is not None else ""
        if text:
            return plain("code", text)
    raise FrameError("value", "the line names no product: neither SKU nor a number of its own")


def plain(name: str, text: str) -> str:
    """Return a text that every database stores. Raises FrameError (``value``)."""
    if not text or len(text) > MAX_CODE or not text.isprintable():
        raise FrameError("value", f"{name} {text[:40]!r} is not 1 to {MAX_CODE} printable characters")
    return text


def read_entry(number: int, value: Any, read: Callable[[Any], Entry]) -> Entry:
    """Return what ``read`` makes of a line's value, or the reject that says what is wrong with it."""
    try:
        return read(value)
    except (msgspec.ValidationError, RecursionError) as error:
        return reject("value", value, f"line {number}: {error}")
    except FrameError as error:
        return reject(error.reason, value, f"line {number}: {error.detail}")


def reject(reason: str, value: Any, detail: str) -> Reject:
    """Return a reject that shows the beginning of the value."""
    if isinstance(value, bytes):
        raw = value
    else:
        try:
            raw = msgspec.json.encode(value)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError):
            raw = b""
    known: dict[str, RejectReason] = {"length": "length", "syntax": "syntax"}
    return Reject(known.get(reason, "value"), raw[:MAX_REJECT_BYTES], detail[:MAX_REJECT_BYTES])


def refused(reason: str, value: Any, detail: str) -> TillReport:
    """Return the report of a message that cannot be read at all."""
    return TillReport(state="refused", entries=(reject(reason, value, detail),))


def ignored(what: str, detail: str | None = None, order_id: str | None = None) -> TillReport:
    """Return the report of a message that has nothing to record."""
    return TillReport(state="ignored", entries=(Notice(what, detail),), order_id=order_id)
