"""Shelf labels: a price counts when the label has taken it, whatever is lost on the way there.

The truth is what the simulated label shows at the moment the driver says that it shows it.
"""

import json
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import SetLabel, Tare
from contract.wire import openepaperlink as oepl
from edge.driver import HttpReply, HttpRequest
from edge.drivers import driver
from edge.drivers._label_delivery import Delivery
from edge.model import LabelRead, RejectRead, StatusRead
from firmware_sim.devices.openepaperlink import BOOT_MS, LabelTwin, OpenEPaperLinkTwin

MAC = "00007E23907FB299"
START = 1_780_000_000_000
STEP = 250


def price(text="299.00", mac=MAC, **more):
    return SetLabel(mac=mac, sku="ts-white-l", name="T-shirt", price=text, currency="HKD", **more)


def shown_price(label):
    """Return the price drawn in the middle of a label."""
    if not label.shows:
        return None
    (text,) = [shape["text"] for shape in json.loads(label.shows) if shape.get("text", [0] * 6)[5] == 1]
    return text[2]


class Shop:
    """A driver and an access point in lockstep, with a line that loses what it is told to lose.

    Whenever the driver says that a label shows a price, the label must show it.
    """

    def __init__(self, labels, *, lose=lambda: None, **settings):
        self.now = START
        self.ap = OpenEPaperLinkTwin(labels, START)
        spec = driver("openepaperlink")
        self.host = spec.build("ap-1", msgspec.convert(settings, spec.settings))
        self.host.connected(START)
        self.lose = lose
        self.requests, self.reads = [], []

    def run(self, seconds, until=lambda shop: False):
        end = self.now + seconds * 1_000
        while self.now < end and not until(self):
            self.now += STEP
            self.ap.advance(self.now)
            sent = self.host.poll(self.now)
            if not sent:
                continue
            request = msgspec.json.decode(sent, type=HttpRequest)
            lost = self.lose()
            if lost == "request":
                continue
            answer = self.ap.answer(request.method, request.path, request.form, self.now)
            self.requests.append((request.path, answer.status))
            if lost == "reply":
                continue
            reply = HttpReply(number=request.number, status=answer.status, body=answer.body)
            self.take(self.host.receive(msgspec.json.encode(reply), self.now))
        return self

    def take(self, reads):
        for read in reads:
            self.reads.append(read)
            if isinstance(read, LabelRead):
                assert shown_price(self.ap.labels[read.mac.rjust(16, "0")]) == read.price

    @property
    def shown(self):
        return [(read.mac, read.price) for read in self.reads if isinstance(read, LabelRead)]

    @property
    def condition(self):
        last = [read for read in self.reads if isinstance(read, StatusRead)][-1]
        return last.what, last.detail


def done(shop):
    return bool(shop.shown)


def test_a_stored_upload_is_not_yet_a_shown_price():
    shop = Shop([LabelTwin(MAC, every_s=60)])
    assert shop.host.act(price(), shop.now) == ""
    shop.run(50)
    assert shop.ap.uploads
    assert ("/jsonupload", 200) in shop.requests
    assert shop.shown == []
    shop.run(30)
    assert shop.reads.count(
        LabelRead(
            device="ap-1", at=shop.reads[-2].at, mac=MAC, sku="ts-white-l", price="299.00", currency="HKD"
        )
    )
    assert shop.shown == [(MAC, "299.00")]
    shop.run(600)
    assert shop.shown == [(MAC, "299.00")]
    assert len(shop.ap.uploads) == 1


def test_the_access_point_that_boots_is_asked_again():
    shop = Shop([LabelTwin(MAC)])
    shop.host.act(price(), shop.now)
    shop.run(120, until=done)
    answers = [status for path, status in shop.requests if path == "/jsonupload"]
    assert answers[0] == 409
    assert answers[-1] == 200
    assert len(answers) < 6
    assert shop.shown == [(MAC, "299.00")]


def test_an_address_of_twelve_digits_is_the_same_label():
    shop = Shop([LabelTwin(MAC)])
    shop.host.act(price(mac="7E23907FB299"), shop.now)
    shop.run(120, until=done)
    assert shop.shown == [("7E23907FB299", "299.00")]


def test_the_latest_price_wins():
    shop = Shop([LabelTwin(MAC, every_s=60)])
    shop.host.act(price("10.00"), shop.now)
    shop.run(20)
    shop.host.act(price("20.00"), shop.now)
    shop.run(400)
    assert shop.shown == [(MAC, "20.00")]


def test_the_same_price_again_is_confirmed_again():
    """The access point does not send a picture that the label shows already, unless it is made to."""
    shop = Shop([LabelTwin(MAC)])
    shop.host.act(price(), shop.now)
    shop.run(200, until=done)
    shop.host.act(price(), shop.now)
    shop.run(200)
    assert shop.shown == [(MAC, "299.00")] * 2
    assert ("/tag_cmd", 200) in shop.requests


def test_a_restart_of_the_access_point_loses_nothing_for_good():
    shop = Shop([LabelTwin(MAC, every_s=120)])
    shop.host.act(price(), shop.now)
    shop.run(30)
    assert shop.ap.labels[MAC].queue
    shop.ap.restart(shop.now)
    assert not shop.ap.labels[MAC].queue
    shop.run(600, until=done)
    assert shop.shown == [(MAC, "299.00")]
    assert len(shop.ap.uploads) == 2


def test_a_failed_transfer_is_no_shown_price():
    label = LabelTwin(MAC)
    label.failing = 3
    shop = Shop([label], confirm_s=120)
    shop.host.act(price(), shop.now)
    shop.run(1_200, until=done)
    assert label.failing == 0
    assert shop.shown == [(MAC, "299.00")]


def record(count, pending, next_update=oepl.NEVER, **more):
    return oepl.Label(
        mac=MAC, digest=f"{count:032x}", pending=pending, content_mode=oepl.DRAWING, config=f"/current/{MAC}.json",
        next_update=next_update, update_count=count, update_last=1_000 + count, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ((5, 0), [(5, 0, 0), (5, 1), (6, 0)], True),
        ((5, 0), [(6, 0)], True),
        ((5, 0), [(5, 0)], False),
        ((5, 0), [(5, 0), (5, 0)], False),
        ((5, 0), [(6, 0, 0)], False),
        ((5, 0), [(6, 0, 60)], False),
        ((5, 0), [(5, 1, 60), (6, 0, 60)], False),
        ((5, 0), [(5, 1, 60), (5, 1, 60), (6, 0, 60)], True),
        ((5, 1), [(6, 0)], False),
        ((5, 1), [(7, 0)], True),
        ((5, 1), [(5, 2), (6, 0)], False),
        ((5, 1), [(5, 2), (6, 1), (7, 0)], True),
        ((5, 1), [(5, 1, 0), (6, 0)], False),
        ((5, 2), [(5, 1), (6, 0)], True),
        ((5, 0, 0), [(6, 0)], False),
        ((5, 0, 0), [(6, 1), (7, 0)], True),
        ((5, 0), [(4, 0)], False),
    ],
)
def test_what_the_record_must_say(before, after, shown):
    """Count of taken pictures, pictures that wait, and when the next is made: 0 for not made yet.

    A label that takes an older picture moves its count; what was made for it and then thrown away does
    not wait any more. Neither is a label that shows the price.
    """
    delivery = Delivery(price(), START)
    delivery.look(record(*before), START)
    told = [delivery.watch(record(*state), START + 1) for state in after]
    assert told == [False] * (len(after) - 1) + [shown]


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": oepl.NO_HASH},
        {"update_last": 1_005},
        {"content_mode": 4},
        {"config": "/current/00000000000000AA.json"},
    ],
)
def test_what_speaks_against_a_record_that_moved(changes):
    delivery = Delivery(price(), START)
    delivery.look(record(5, 0), START)
    assert not delivery.watch(msgspec.structs.replace(record(6, 0), **changes), START + 1)


def test_a_picture_from_before_does_not_confirm_what_was_thrown_away():
    label = LabelTwin(MAC, every_s=60)
    shop = Shop([label], confirm_s=300)
    shop.run(10)
    old = oepl.upload_form(MAC, oepl.Card(sku="s", name="n", price="1.00"), 51)
    shop.ap.answer("POST", "/jsonupload", old, shop.now)
    shop.run(5)
    shop.host.act(price("2.00"), shop.now)
    shop.run(20, until=lambda shop: len(label.queue) == 2)
    label.checks_in_at = shop.now + STEP
    shop.ap.advance(shop.now + STEP)
    assert shown_price(label) == "1.00"
    shop.ap.answer("POST", "/tag_cmd", {"mac": MAC, "cmd": "clear"}, shop.now + STEP)
    shop.run(15)
    assert shop.shown == []
    shop.run(600)
    assert shop.shown == [(MAC, "2.00")]


def test_somebody_elses_upload_is_replaced():
    shop = Shop([LabelTwin(MAC, every_s=120)])
    shop.host.act(price(), shop.now)
    shop.run(30)
    label = shop.ap.labels[MAC]
    label.change(content_mode=4, config='{"location":"Berlin"}')
    label.queue[:] = ["weather"]
    shop.run(600, until=done)
    assert shop.shown == [(MAC, "299.00")]


def test_an_unknown_label_is_named_and_the_others_go_on():
    shop = Shop([LabelTwin(MAC)])
    shop.host.act(price(mac="00000000000000AA"), shop.now)
    shop.host.act(price(), shop.now)
    shop.run(200)
    assert shop.shown == [(MAC, "299.00")]
    assert shop.condition == ("error", "label 00000000000000AA is not known to the access point")
    shop.ap.labels["00000000000000AA"] = LabelTwin("00000000000000AA")
    shop.ap.labels["00000000000000AA"].checks_in_at = shop.now + 1_000
    shop.run(900)
    assert len(shop.shown) == 2
    assert shop.condition[0] == "alive"


def test_a_label_deleted_between_look_and_upload_is_named():
    shop = Shop([LabelTwin(MAC)])
    shop.run(BOOT_MS // 1_000 + 1)
    shop.host.act(price(), shop.now)
    shop.run(60, until=lambda shop: f"/get_db?mac={MAC}" in [path for path, _ in shop.requests])
    shop.ap.labels.clear()
    shop.run(1)
    assert shop.condition == (
        "error",
        f"label {MAC} is refused by the access point: mac not found in tagDB",
    )


def test_a_label_that_stays_away_is_told_and_sent_again():
    label = LabelTwin(MAC)
    label.present = False
    shop = Shop([label], confirm_s=60)
    shop.host.act(price(), shop.now)
    shop.run(130)
    assert shop.condition == ("error", f"label {MAC} has not taken its price of 299.00 for 2 min")
    assert len(shop.ap.uploads) > 1
    label.present = True
    shop.run(300)
    assert shop.shown == [(MAC, "299.00")]
    assert shop.condition[0] == "alive"


def test_weak_and_missing_labels_are_named():
    weak, away = LabelTwin(MAC, battery_mv=2_310), LabelTwin("00000000000000AA")
    away.present = False
    shop = Shop([weak, away, LabelTwin("00000000000000BB", battery_mv=None)], unseen_s=60)
    shop.run(60)
    assert shop.condition == ("error", f"label {MAC} has a battery of 2310 mV")
    shop.run(60)
    assert shop.condition == (
        "error",
        f"label 00000000000000AA was not seen for over 1 min; label {MAC} has a battery of 2310 mV",
    )


def test_many_labels_over_many_pages_and_beyond_the_last():
    """The list of the firmware cannot go beyond 255 labels; those are asked for one by one."""
    macs = [f"{number:016X}" for number in range(1, 301)]
    shop = Shop([LabelTwin(mac, every_s=20) for mac in macs])
    chosen = [macs[0], macs[100], macs[254], macs[299]]
    for mac in chosen:
        shop.host.act(price(mac=mac), shop.now)
    shop.run(400, until=lambda shop: len(shop.shown) == len(chosen))
    assert sorted(mac for mac, _ in shop.shown) == chosen


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["restart", "fail", "clear", "price"])), max_size=6
    ),
)
def test_whatever_is_lost_each_label_ends_with_its_latest_price(seed, happenings):
    chance = random.Random(seed)

    def lose():
        return (
            chance.choices([None, "request", "reply"], [6, 2, 2])[0] if shop.now < START + 300_000 else None
        )

    macs = [f"{number:016X}" for number in range(1, 5)]
    shop = Shop([LabelTwin(mac, every_s=chance.randint(20, 90)) for mac in macs], lose=lose, confirm_s=120)
    wanted = {}
    for number, mac in enumerate(macs):
        wanted[mac] = f"{number}.00"
        shop.host.act(price(wanted[mac], mac=mac), shop.now)
    for number, (at, what) in enumerate(happenings, 10):
        shop.run(chance.randint(5, 60))
        match what:
            case "restart":
                shop.ap.restart(shop.now)
                shop.take(shop.host.disconnected(shop.now))
                shop.host.connected(shop.now)
            case "fail":
                shop.ap.labels[macs[at]].failing = 1
            case "clear":
                shop.ap.answer("POST", "/tag_cmd", {"mac": macs[at], "cmd": "clear"}, shop.now)
            case "price":
                wanted[macs[at]] = f"{number}.00"
                shop.host.act(price(wanted[macs[at]], mac=macs[at]), shop.now)
    shop.run(3_600)
    assert {mac: shown_price(label) for mac, label in shop.ap.labels.items()} == wanted
    assert dict(shop.shown) == wanted
    assert shop.condition == ("alive", "4 labels, 0 wait")
    assert not any(isinstance(read, RejectRead) for read in shop.reads)


def test_what_is_refused_at_once(build):
    host = build("openepaperlink")
    assert "does not know Tare" in host.act(Tare(), 0)
    assert "price '1234567890.99' cannot be shown" in host.act(price("1234567890.99"), 0)
    assert "is not hex of 12 or 16 digits" in host.act(price(mac="x"), 0)
    for number in range(2_000):
        assert host.act(price(mac=f"{number:016X}"), 0) == ""
    assert "2000 labels wait" in host.act(price(), 0)
    assert host.act(price("1.00", mac=f"{7:016X}"), 0) == ""


def test_a_clock_that_is_set_back_does_not_hold_labels_up():
    shop = Shop([LabelTwin(MAC)], confirm_s=60)
    shop.host.act(price(), shop.now + 86_400_000)
    shop.host.poll(shop.now + 86_400_000)
    shop.host.connected(shop.now)
    shop.run(400, until=done)
    assert shop.shown == [(MAC, "299.00")]


def ask(host, now):
    return msgspec.json.decode(host.poll(now), type=HttpRequest)


def test_one_request_at_a_time_and_no_answer_to_another(build):
    host = build("openepaperlink", now=START)
    first = ask(host, START)
    assert (first.method, first.path) == ("GET", "/get_db?pos=0")
    assert host.poll(START + 14_000) == b""
    again = ask(host, START + 15_000)
    assert again.number != first.number
    late = msgspec.json.encode(HttpReply(number=first.number, status=200, body=b'{"tags":[]}'))
    (read,) = host.receive(late, START + 15_100)
    assert (read.reason, read.detail) == ("unknown", "an answer to no question that is open")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"", "the access point answers 500 for its labels"),
        (302, b"", "the access point answers 302 for its labels"),
        (200, b"<html>", "JSON is malformed"),
        (200, b'{"tags":[{}],"continu":1}', "missing required field"),
    ],
)
def test_bad_pages_are_told_and_asked_for_again(build, status, body, said):
    host = build("openepaperlink", now=START)
    request = ask(host, START)
    reads = host.receive(
        msgspec.json.encode(HttpReply(number=request.number, status=status, body=body)), START
    )
    assert said in reads[0].detail
    assert [now for now in range(START, START + 10_001, 500) if host.poll(now)][-1:] in (
        [START],
        [START + 10_000],
    )


def test_a_list_without_an_end_ends(build):
    host = build("openepaperlink", now=START)
    asked = 0
    for _ in range(1_000):
        sent = host.poll(START)
        if not sent:
            break
        asked += 1
        request = msgspec.json.decode(sent, type=HttpRequest)
        body = b'{"tags":[],"continu":%d}' % (asked)
        host.receive(msgspec.json.encode(HttpReply(number=request.number, status=200, body=body)), START)
    assert asked == 64


def test_a_page_that_goes_back_is_the_last(build):
    host = build("openepaperlink", now=START)
    paths = []
    for continu in (200, 3):
        request = ask(host, START)
        paths.append(request.path)
        body = b'{"tags":[],"continu":%d}' % continu
        host.receive(msgspec.json.encode(HttpReply(number=request.number, status=200, body=body)), START)
    assert paths == ["/get_db?pos=0", "/get_db?pos=200"]
    assert host.poll(START) == b""
