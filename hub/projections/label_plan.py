"""What a shelf label should show, and whether it is time to tell it. Pure.

A label is e-paper behind a slow radio: it looks for news once in seconds to minutes, and each redraw costs
battery. So a price that differs from what the label **confirmed** is sent at once, a changed stock note only
now and then, and nothing while a command of this label is open. What was sent and not confirmed in time is
sent again; what the device refused is tried again after a pause.
"""

from typing import Final, Literal, NamedTuple

CONFIRM_MS: Final = 15 * 60_000
RETRY_MS: Final = 5 * 60_000
NOTE_EVERY_MS: Final = 10 * 60_000

_NO_MINOR_UNIT: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "PYG", "UGX", "XAF", "XOF", "XPF"})

LabelState = Literal["confirmed", "pending", "differs", "no_price", "unassigned"]


class Face(NamedTuple):
    """What a label shows, as far as it can confirm it."""

    sku: str
    price: str
    currency: str


class Sent(NamedTuple):
    """What was sent to a label last.

    Attributes:
        state: of the command, empty when it is forgotten.
    """

    sku: str
    price: str
    note: str
    at_ms: int
    state: str


def price_text(price: float, currency: str) -> str:
    """Return a price with the decimals of its currency (ISO 4217)."""
    return f"{price:.0f}" if currency in _NO_MINOR_UNIT else f"{price:.2f}"


def note_text(units: int, *, uncertain: bool) -> str:
    """Return the stock line of a label, in no language."""
    return f"×{max(0, units)}{' ?' if uncertain else ''}"


def must_send(wanted: Face, note: str, sent: Sent | None, confirmed: Face | None, now: int) -> bool:
    """Tell whether the label is to be told now."""
    if sent is None:
        return True
    since = now - sent.at_ms
    if sent.state in ("queued", "sent"):
        return False
    if sent.state in ("failed", "unknown", "expired") and since < RETRY_MS:
        return False
    if (sent.sku, sent.price) != (wanted.sku, wanted.price):
        return True
    if confirmed != wanted:
        return sent.state != "done" or since >= CONFIRM_MS
    return sent.note != note and since >= NOTE_EVERY_MS


def state_of(wanted: Face | None, sent: Sent | None, confirmed: Face | None) -> LabelState:
    """Return how a label stands for people."""
    if wanted is None:
        return "no_price"
    if confirmed == wanted:
        return "confirmed"
    waits = sent is not None and (sent.sku, sent.price) == (wanted.sku, wanted.price)
    return "pending" if waits and sent is not None and sent.state in ("queued", "sent", "done") else "differs"
