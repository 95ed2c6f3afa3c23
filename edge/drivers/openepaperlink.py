"""Shelf labels behind an OpenEPaperLink access point: prices go out, and count when a label has taken them.

For each ``SetLabel`` the driver **looks** at the label's record, **uploads** the price card and then
**watches** the record in the access point's list until the label has taken the picture: the picture is
made, none waits for the label, and its count of taken pictures has moved by what waited. Only then there
is a :class:`~edge.model.LabelRead`; a 200 for the upload means that the access point has stored it.

The card is sent again, and its picture forced to go out even where it equals the one before, when the
label's content is no longer ours (somebody else's upload, an access point that restarted from an older
list), when nothing waits and nothing was taken (a picture lost in a restart or a failed transfer) and
when the time for confirmation is over. The latest price for a label wins. What is not confirmed is kept
in memory only: after a restart of the agent it must be commanded again.

One request is under way at a time. Pages of the list are read at an interval; what is wrong with labels
is told after each as one error status, the worst first. The access point knows no passwords: keep it in
a network of its own.
"""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from contract.errors import FrameError
from contract.messages import AnyAction, SetLabel
from contract.wire import openepaperlink as oepl
from contract.wire.base import Reject
from edge.driver import Driver, DriverSpec, HttpReply, HttpRequest
from edge.drivers._label_delivery import Delivery
from edge.model import LabelRead, Read

MAX_WAITING: Final = 2_000
MAX_KNOWN: Final = 4_096
MAX_PAGES: Final = 64
MAX_TOLD: Final = 3
ANSWER_MS: Final = 15_000
"""A request without an answer is given up after this; the line gives up earlier."""


class OpenEPaperLinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an access point.

    Attributes:
        poll_s: read the list of labels this often.
        confirm_s: a label that has not taken its price after this time is told as an error, and the
            price is sent again.
        unseen_s: a label that is overdue by more than this is told as an error.
        low_battery_mv: a label with less is told as an error.
    """

    poll_s: Annotated[int, msgspec.Meta(ge=1, le=30)] = 10
    confirm_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 1_800
    unseen_s: Annotated[int, msgspec.Meta(ge=60, le=604_800)] = 7_200
    low_battery_mv: Annotated[int, msgspec.Meta(ge=0, le=4_000)] = 2_400


class _Question(NamedTuple):
    """The request that is under way.

    Attributes:
        wanted: the price it is about, None for a page of the list.
        until: when it is given up, in ms.
    """

    number: int
    mac: str
    wanted: Delivery | None
    until: int


class OpenEPaperLinkDriver(Driver):
    """Host side of one access point."""

    def __init__(self, device: str, settings: OpenEPaperLinkSettings) -> None:
        super().__init__(device)
        self._settings = settings
        self._wanted: dict[str, Delivery] = {}
        self._known: dict[str, oepl.Label] = {}
        self._asked: _Question | None = None
        self._number = 0
        self._next_page = 0
        self._pos = self._pages = 0
        self._seen: set[str] = set()

    def connected(self, now: int) -> None:
        """Read the list anew; an answer may be under way, for it is an answer that opens the line."""
        self._next_page = now
        if self._asked is not None:
            self._asked = self._asked._replace(until=min(self._asked.until, now + ANSWER_MS))
        for wanted in self._wanted.values():
            wanted.resume(now)

    def disconnected(self, now: int) -> list[Read]:
        """Whatever was asked stays unanswered."""
        self._give_up(now)
        return []

    def act(self, action: AnyAction, now: int) -> str:
        """Take a price for a label."""
        if not isinstance(action, SetLabel):
            return super().act(action, now)
        try:
            mac = oepl.label_mac(action.mac)
            oepl.upload_form(mac, _card(action), -1)
        except FrameError as error:
            return error.detail
        if mac not in self._wanted and len(self._wanted) >= MAX_WAITING:
            return f"{MAX_WAITING} labels wait for their prices already; try again when some have taken them"
        self._wanted.pop(mac, None)
        self._wanted[mac] = Delivery(action, now)
        return ""

    def poll(self, now: int) -> bytes:
        """Return the next request when none is under way."""
        if self._asked is not None:
            if now < self._asked.until:
                return b""
            self._give_up(now)
        if now >= self._next_page:
            return self._ask("GET", f"/get_db?pos={self._pos}", {}, "", None, now)
        for mac, wanted in self._wanted.items():
            if wanted.step != "watch" and now >= wanted.due:
                return self._ask_for(mac, wanted, now)
        return b""

    def _ask_for(self, mac: str, wanted: Delivery, now: int) -> bytes:
        match wanted.step:
            case "upload":
                hw_type = -1 if wanted.before is None else wanted.before.hw_type
                form = oepl.upload_form(mac, _card(wanted.action), hw_type)
                return self._ask("POST", "/jsonupload", form, mac, wanted, now)
            case "refresh":
                return self._ask("POST", "/tag_cmd", oepl.refresh_form(mac), mac, wanted, now)
            case _:
                return self._ask("GET", f"/get_db?mac={mac}", {}, mac, wanted, now)

    def _ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        form: dict[str, str],
        mac: str,
        wanted: Delivery | None,
        now: int,
    ) -> bytes:
        self._number += 1
        self._asked = _Question(self._number, mac, wanted, now + ANSWER_MS)
        return msgspec.json.encode(HttpRequest(number=self._number, method=method, path=path, form=form))

    def _give_up(self, now: int) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            return
        if asked.wanted is None:
            self._next_page = now
            self._pos = self._pages = 0
            self._seen.clear()
        else:
            asked.wanted.put_off(asked.wanted.step, now)

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Take one answer."""
        try:
            reply = msgspec.json.decode(data, type=HttpReply)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return [self._reject(Reject("syntax", data[:256], f"no HTTP answer: {error}"), now)]
        asked = self._asked
        if asked is None or reply.number != asked.number:
            return [self._unknown(data[:256], now, "an answer to no question that is open")]
        self._asked = None
        if asked.wanted is None:
            return self._take_page(reply, now)
        if self._wanted.get(asked.mac) is not asked.wanted:
            return [self._condition(now)]
        return [*self._take_step(asked.mac, asked.wanted, reply, now), self._condition(now)]

    def _take_page(self, reply: HttpReply, now: int) -> list[Read]:
        asked_pos = self._pos
        self._next_page = now + self._settings.poll_s * 1_000
        self._pos = 0
        if reply.status != 200:
            return [self._status("error", now, f"the access point answers {reply.status} for its labels")]
        page = oepl.parse_page(reply.body)
        if isinstance(page, Reject):
            return [self._reject(page, now)]
        reads: list[Read] = [self._reject(refused, now) for refused in page.rejects[:MAX_TOLD]]
        for label in page.labels:
            self._seen.add(label.mac)
            reads += self._observe(label, now)
        self._pages += 1
        if page.next_pos is not None and page.next_pos > asked_pos and self._pages < MAX_PAGES:
            self._pos, self._next_page = page.next_pos, now
        else:
            self._pages = 0
            self._end_round(now)
        return [*reads, self._condition(now)]

    def _end_round(self, now: int) -> None:
        """Ask singly for labels that no page had, and send again what is late."""
        seen, self._seen = self._seen, set()
        for mac, wanted in self._wanted.items():
            if wanted.step != "watch":
                continue
            if now - wanted.sent_at >= self._settings.confirm_s * 1_000:
                wanted.send_again(now)
            elif mac not in seen:
                wanted.go_on("check", now)

    def _observe(self, label: oepl.Label, now: int) -> list[Read]:
        """Note a label's record; return its read when it shows what it was sent."""
        self._known.pop(label.mac, None)
        self._known[label.mac] = label
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        wanted = self._wanted.get(label.mac)
        if wanted is None or wanted.step not in ("watch", "check") or not wanted.watch(label, now):
            return []
        del self._wanted[label.mac]
        action = wanted.action
        return [
            LabelRead(
                device=self._device,
                at=now,
                mac=action.mac,
                sku=action.sku,
                price=action.price,
                currency=action.currency,
            )
        ]

    def _take_step(self, mac: str, wanted: Delivery, reply: HttpReply, now: int) -> list[Read]:
        if wanted.step in ("look", "check"):
            return self._take_record(mac, wanted, reply, now)
        if reply.status == 200:
            wanted.trouble = ""
            wanted.sent_at = now
            wanted.go_on("refresh" if wanted.again and wanted.step == "upload" else "watch", now)
        elif reply.status == 409:
            wanted.put_off(wanted.step, now)
        elif reply.status == 400:
            wanted.put_off("look", now, f"is refused by the access point: {_said(reply)}")
        else:
            wanted.put_off(wanted.step, now, f"cannot be set: the access point answers {reply.status}")
        return []

    def _take_record(self, mac: str, wanted: Delivery, reply: HttpReply, now: int) -> list[Read]:
        """Take the answer to a question for one label."""
        page = oepl.parse_page(reply.body) if reply.status == 200 else None
        if not isinstance(page, oepl.Page):
            wanted.put_off(wanted.step, now, f"cannot be looked up: the access point answers {reply.status}")
            return [] if page is None else [self._reject(page, now)]
        for label in page.labels:
            if label.mac != mac:
                continue
            if wanted.step == "look":
                wanted.look(label, now)
                return []
            wanted.go_on("watch", now)
            return self._observe(label, now)
        wanted.put_off("look", now, "is not known to the access point")
        return [self._reject(refused, now) for refused in page.rejects[:1]]

    def _condition(self, now: int) -> Read:
        """Return what is wrong with the labels as one status, or that nothing is."""
        confirm_ms = self._settings.confirm_s * 1_000
        troubles = [
            f"label {mac} {trouble}"
            for mac, wanted in self._wanted.items()
            if (trouble := wanted.trouble or wanted.late(now, confirm_ms))
        ]
        unseen_s = now // 1_000 - self._settings.unseen_s
        weak = []
        for label in self._known.values():
            if label.next_checkin < oepl.NEVER and max(label.last_seen, label.next_checkin) < unseen_s:
                troubles.append(
                    f"label {label.mac} was not seen for over {self._settings.unseen_s // 60} min"
                )
            elif label.battery_mv is not None and label.battery_mv < self._settings.low_battery_mv:
                weak.append(f"label {label.mac} has a battery of {label.battery_mv} mV")
        troubles += weak
        if not troubles:
            return self._status("alive", now, f"{len(self._known)} labels, {len(self._wanted)} wait")
        more = f"; and {len(troubles) - MAX_TOLD} more" if len(troubles) > MAX_TOLD else ""
        return self._status("error", now, "; ".join(troubles[:MAX_TOLD]) + more)


def _card(action: SetLabel) -> oepl.Card:
    return oepl.Card(
        sku=action.sku,
        name=action.name,
        price=action.price,
        currency=action.currency,
        note=action.note,
    )


def _said(reply: HttpReply) -> str:
    return reply.body[:80].decode("utf-8", "replace")


_EXAMPLE: Final = oepl.Label(
    mac="00007E23907FB299",
    digest="4eaaf64af5f3dcc50000000000000000",
    pending=0,
    content_mode=oepl.DRAWING,
    config='{"filename":"/current/00007E23907FB299.json","interval":"0"}',
    next_update=oepl.NEVER,
    update_count=45,
    update_last=1_780_228_800,
    last_seen=1_780_228_790,
    next_checkin=1_780_228_850,
    battery_mv=3_062,
    hw_type=51,
)
_BEFORE: Final = msgspec.structs.replace(
    _EXAMPLE, content_mode=4, config="{}", update_count=44, update_last=1_780_228_711
)


def _reply(number: int, body: bytes, status: int = 200) -> bytes:
    return msgspec.json.encode(HttpReply(number=number, status=status, body=body))


def _prepare(driver: OpenEPaperLinkDriver, now: int) -> None:
    """Set a price and carry the conversation to where a page of labels is asked for."""
    driver.act(
        SetLabel(mac=_EXAMPLE.mac, sku="ts-white-l", name="T-shirt", price="299.00", currency="HKD"), now
    )
    before = oepl.encode_page([_BEFORE])
    for number, body in enumerate((before, before, b"Ok, saved"), 1):
        driver.poll(now)
        driver.receive(_reply(number, body), now)
    driver.connected(now)
    driver.poll(now)


DRIVER = DriverSpec(
    name="openepaperlink",
    title="OpenEPaperLink access point with shelf labels",
    kind="label",
    transports=("http_client",),
    protocol="openepaperlink",
    settings=OpenEPaperLinkSettings,
    build=OpenEPaperLinkDriver,
    silent_after_ms=60_000,
    tier="silver",
    notes="Shows prices by command; a price counts when the label has taken it.",
    examples=(
        _reply(4, oepl.encode_page([_EXAMPLE])),
        _reply(
            4, oepl.encode_page([msgspec.structs.replace(_EXAMPLE, mac="0000000000000001"), _EXAMPLE], 25)
        ),
    ),
    unknown=_reply(99, b"Ok, saved"),
    prepare=_prepare,
)
