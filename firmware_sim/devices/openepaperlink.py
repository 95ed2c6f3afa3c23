"""Twin of an OpenEPaperLink access point: takes drawing lists, makes pictures, and labels fetch them.

After a boot it answers uploads with 409 until it runs. A picture is made :data:`MAKE_MS` after its
upload; one that equals what the label shows is dropped, others wait in the label's queue. A label checks
in every ``every_s`` and takes one picture each time, or fails to: then its queue is dropped and the count
of waiting pictures stays as it was, as in the firmware. A restart loses queues and puts the records back
to how they were saved last; what a label shows stays on the label.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from contract.wire import openepaperlink as oepl

BOOT_MS: Final = 5_000
MAKE_MS: Final = 1_500
SAVE_MS: Final = 300_000
PAGE_BYTES: Final = 5_000


class Answer(NamedTuple):
    """What the access point answers."""

    status: int
    body: bytes
    content_type: str = "text/plain"


class LabelTwin:
    """One label and the access point's record of it.

    Args:
        mac: sixteen digits of upper-case hex.
        every_s: between two check-ins.

    Attributes:
        shows: the drawing list on the label, as it was uploaded.
        failing: check-ins that will fail to take a picture.
        present: it checks in.
    """

    def __init__(
        self, mac: str, *, every_s: int = 40, hw_type: int = 0x33, battery_mv: int | None = 3_000
    ) -> None:
        self.shows = ""
        self.failing = 0
        self.present = True
        self.every_ms = every_s * 1_000
        self.record = oepl.Label(
            mac=mac,
            digest=oepl.NO_HASH,
            pending=0,
            content_mode=0,
            config="",
            next_update=oepl.NEVER,
            update_count=0,
            update_last=0,
            battery_mv=battery_mv,
            hw_type=hw_type,
        )
        self.queue: list[str] = []
        self.make_at: int | None = None
        self.checks_in_at = self.every_ms

    def change(self, **fields: object) -> None:
        """Change the record."""
        self.record = msgspec.structs.replace(self.record, **fields)


class OpenEPaperLinkTwin:
    """One access point.

    Args:
        labels: what it serves.
        now: when it is switched on, in ms.

    Attributes:
        labels: by address.
        uploads: every upload taken, as (address, drawing list).
    """

    def __init__(self, labels: Iterable[LabelTwin], now: int = 0) -> None:
        self.labels = {label.record.mac: label for label in labels}
        self.uploads: list[tuple[str, str]] = []
        self._files: dict[str, str] = {}
        self._runs_at = now + BOOT_MS
        for label in self.labels.values():
            label.checks_in_at = now + label.every_ms
            label.change(last_seen=now // 1_000, next_checkin=(now + label.every_ms) // 1_000)
        self._save(now)

    def _save(self, now: int) -> None:
        self._saved = {mac: label.record for mac, label in self.labels.items()}
        self._save_at = now + SAVE_MS

    def restart(self, now: int) -> None:
        """Lose what waits and what was not saved."""
        self._runs_at = now + BOOT_MS
        for mac, label in self.labels.items():
            label.record = msgspec.structs.replace(self._saved[mac], pending=0)
            label.queue.clear()
            label.make_at = None if label.record.next_update else now + BOOT_MS + MAKE_MS

    def advance(self, now: int) -> None:
        """Let everything happen that is due."""
        if now < self._runs_at:
            return
        for label in self.labels.values():
            if label.make_at is not None and now >= label.make_at:
                label.make_at = None
                self._make(label)
            while now >= label.checks_in_at:
                if label.present:
                    self._check_in(label, label.checks_in_at)
                label.checks_in_at += label.every_ms
        if now >= self._save_at:
            self._save(now)

    def _make(self, label: LabelTwin) -> None:
        picture = self._files.get(label.record.mac, "")
        label.change(next_update=oepl.NEVER)
        if picture and _digest(picture) != label.record.digest:
            label.queue.append(picture)
            label.change(pending=label.record.pending + 1)

    def _check_in(self, label: LabelTwin, now: int) -> None:
        label.change(last_seen=now // 1_000, next_checkin=(now + label.every_ms) // 1_000)
        if not label.queue:
            return
        if label.failing:
            label.failing -= 1
            label.queue.clear()
            return
        label.shows = label.queue.pop(0)
        label.change(
            digest=_digest(label.shows),
            pending=len(label.queue),
            update_count=label.record.update_count + 1,
            update_last=now // 1_000,
        )

    def answer(self, method: str, target: str, form: dict[str, str], now: int) -> Answer:
        """Answer one request; ``target`` is its path with its query."""
        self.advance(now)
        url = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        match (method, url.path):
            case ("GET", "/get_db"):
                return Answer(200, self._page(query), "application/json")
            case ("POST", "/jsonupload"):
                return self._upload(form, now)
            case ("POST", "/tag_cmd"):
                return self._command(form, now)
            case _:
                return Answer(404, b"")

    def _page(self, query: dict[str, str]) -> bytes:
        if "mac" in query:
            found = self.labels.get(query["mac"])
            return oepl.encode_page([] if found is None else [found.record])
        everything = [label.record for label in self.labels.values()]
        begin = int(query.get("pos", "0")) & 0xFF
        for end in range(begin + 1, len(everything) + 1):
            page = oepl.encode_page(everything[begin:end])
            if len(page) > PAGE_BYTES:
                return oepl.encode_page(everything[begin:end], end)
        return oepl.encode_page(everything[begin:])

    def _upload(self, form: dict[str, str], now: int) -> Answer:
        if now < self._runs_at:
            return Answer(409, b"come back later")
        if not {"mac", "json"} <= form.keys():
            return Answer(400, b"Missing parameters")
        label = self.labels.get(form["mac"])
        if label is None:
            return Answer(400, b"mac not found in tagDB")
        mac = form["mac"]
        self._files[mac] = form["json"]
        self.uploads.append((mac, form["json"]))
        label.change(
            content_mode=oepl.DRAWING,
            config=f'{{"filename":"{oepl.drawing_file(mac)}","interval":"{form.get("ttl", "0")}"}}',
            next_update=0,
        )
        label.make_at = now + MAKE_MS
        return Answer(200, b"Ok, saved")

    def _command(self, form: dict[str, str], now: int) -> Answer:
        label = self.labels.get(form.get("mac", ""))
        if label is None:
            return Answer(400, b"Error: mac not found")
        match form.get("cmd"):
            case "refresh":
                label.change(digest=oepl.NO_HASH, next_update=0)
                label.make_at = now + MAKE_MS
            case "clear":
                label.queue.clear()
                label.change(pending=0)
        return Answer(200, b"Ok, done")


def _digest(picture: str) -> str:
    """Return a picture's hash; the firmware keeps eight bytes of it."""
    return hashlib.sha256(picture.encode()).hexdigest()[:16] + "0" * 16
