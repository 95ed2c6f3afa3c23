"""What drivers of readers that report by themselves share: which reader they hear, and whose clock counts."""

from typing import Annotated

import msgspec


class ListeningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a reader that is only listened to.

    Attributes:
        hostname: take events of this reader only, when several share a topic; events without a
            hostname are taken.
        max_skew_s: use the reader's time when it differs from the time of arrival by this at most; keep
            it well below the time after which the device counts as silent.
    """

    hostname: str | None = None
    max_skew_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 5

    def time_of(self, at: int | None, now: int) -> int:
        """Return the reader's time ``at`` when it is near the time of arrival, else ``now``; all in ms."""
        if at is not None and abs(at - now) <= self.max_skew_s * 1000:
            return at
        return now
