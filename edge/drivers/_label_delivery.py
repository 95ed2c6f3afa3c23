"""A price on its way to a label: look at the label's record, upload, watch until the label has taken it.

The access point confirms nothing by itself; its record of the label must be read with care. Taken is a
picture when it is made, none waits any more, and the count of taken pictures has moved by everything
that waited before it and by itself: a label that takes an older picture and then fails to take this one
moves its count too. Whatever cannot be told apart from a loss is sent again.
"""

from typing import Final, Literal, TypeAlias

from contract.messages import SetLabel
from contract.wire import openepaperlink as oepl

FIRST_RETRY_MS: Final = 2_000
MAX_RETRY_MS: Final = 300_000
SETTLE_MS: Final = 10_000
"""A label for which nothing waits and nothing was taken is looked at for this long before more is sent."""

Step: TypeAlias = Literal["look", "upload", "refresh", "watch", "check"]


class Delivery:
    """A price on its way to a label.

    Attributes:
        step: what comes next.
        due: when it may, in ms.
        tries: how often a step was put off; the pause doubles with each.
        again: an equal picture is to be sent too.
        before: the record at the last look.
        need: the count of taken pictures that confirms.
        seen: the record as last watched.
        idle_since: since when nothing waits and nothing was taken, None for not.
        trouble: what is wrong, empty for nothing.
    """

    def __init__(self, action: SetLabel, now: int) -> None:
        self.action = action
        self.asked_at = self.due = self.sent_at = now
        self.step: Step = "look"
        self.tries = 0
        self.again = False
        self.before: oepl.Label | None = None
        self.need = 0
        self.seen: oepl.Label | None = None
        self.idle_since: int | None = None
        self.trouble = ""

    def put_off(self, step: Step, now: int, trouble: str = "") -> None:
        """Go on with ``step`` after a pause; without a new trouble the last one stays."""
        self.step, self.trouble = step, trouble or self.trouble
        self.due = now + min(FIRST_RETRY_MS << min(self.tries, 16), MAX_RETRY_MS)
        self.tries += 1

    def go_on(self, step: Step, now: int) -> None:
        """Go on with ``step`` at once."""
        self.step, self.due = step, now

    def resume(self, now: int) -> None:
        """Go on after the line has opened or the clock was set back: nothing lies in the future."""
        self.due = min(self.due, now + MAX_RETRY_MS)
        self.asked_at, self.sent_at = min(self.asked_at, now), min(self.sent_at, now)
        self.idle_since = None

    def send_again(self, now: int) -> None:
        """Begin anew after a pause, and force the picture out."""
        self.again, self.seen, self.idle_since = True, None, None
        self.put_off("look", now)

    def look(self, label: oepl.Label, now: int) -> None:
        """Take the record as it is before the upload."""
        self.before = label
        self.need = label.update_count + label.pending + (label.next_update == 0) + 1
        self.go_on("upload", now)

    def watch(self, label: oepl.Label, now: int) -> bool:
        """Take the record as it is after the upload; return whether the label shows the price."""
        before, seen, self.seen = self.before, self.seen, label
        if before is None or not oepl.shows_drawing(label) or label.update_count < before.update_count:
            self.send_again(now)
            return False
        made = label.next_update == oepl.NEVER or (
            label.next_update != 0 and seen is not None and seen.next_update == label.next_update
        )
        if label.pending or not made:
            self.need = label.update_count + label.pending + (not made)
            self.idle_since = None
            return False
        moved = label.update_last != before.update_last and label.digest != oepl.NO_HASH
        if label.update_count >= self.need and moved:
            return True
        if self.idle_since is None:
            self.idle_since = now
        elif now - self.idle_since >= SETTLE_MS:
            self.send_again(now)
        return False

    def late(self, now: int, confirm_ms: int) -> str:
        """Return that the label is late, empty while it is not."""
        late_ms = now - self.asked_at
        if late_ms < confirm_ms:
            return ""
        return f"has not taken its price of {self.action.price} for {late_ms // 60_000} min"
