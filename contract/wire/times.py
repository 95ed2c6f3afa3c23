"""Times as devices write them, in ms since 1970 UTC."""

from datetime import UTC, datetime
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS_PER_DAY: Final = 86_400_000


def ms_since_epoch(moment: datetime) -> int:
    """Return ms since 1970 of a time with an offset, rounded down; negative before 1970."""
    since = moment - _EPOCH
    return since.days * _MS_PER_DAY + since.seconds * 1_000 + since.microseconds // 1_000


def rfc3339_ms(text: str | None) -> int | None:
    """Return ms since 1970 of RFC 3339 text.

    Returns:
        None for no text, and for text that is no time, has no offset or lies before 1970: what it comes
        with counts all the same.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - _EPOCH
    if since.days < 0:
        return None
    return since.days * _MS_PER_DAY + since.seconds * 1_000 + since.microseconds // 1_000
