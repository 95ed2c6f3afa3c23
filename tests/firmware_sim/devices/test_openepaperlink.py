"""The simulated access point: what it answers, what a restart loses, how its list is paged."""

import json

import pytest

from contract.errors import LinkError
from contract.wire import openepaperlink as oepl
from firmware_sim.devices.openepaperlink import BOOT_MS, MAKE_MS, SAVE_MS, LabelTwin, OpenEPaperLinkTwin
from firmware_sim.links.http import HttpLink

MAC = "00007E23907FB299"


def upload(ap, now, text="[]", mac=MAC):
    return ap.answer("POST", "/jsonupload", {"mac": mac, "json": text}, now)[:2]


def record(ap, now, mac=MAC):
    (label,) = oepl.parse_page(ap.answer("GET", f"/get_db?mac={mac}", {}, now).body).labels
    return label


def test_answers_to_an_upload():
    ap = OpenEPaperLinkTwin([LabelTwin(MAC)])
    assert upload(ap, BOOT_MS - 1) == (409, b"come back later")
    assert upload(ap, BOOT_MS) == (200, b"Ok, saved")
    assert upload(ap, BOOT_MS, mac="00000000000000AA") == (400, b"mac not found in tagDB")
    assert ap.answer("POST", "/jsonupload", {"mac": MAC}, BOOT_MS)[:2] == (400, b"Missing parameters")
    assert ap.answer("GET", "/jsonupload", {}, BOOT_MS).status == 404


def test_the_life_of_a_picture():
    ap = OpenEPaperLinkTwin([LabelTwin(MAC, every_s=40)])
    upload(ap, BOOT_MS, "a picture")
    fresh = record(ap, BOOT_MS)
    assert (fresh.next_update, fresh.pending, fresh.update_count) == (0, 0, 0)
    assert oepl.shows_drawing(fresh)
    made = record(ap, BOOT_MS + MAKE_MS)
    assert (made.next_update, made.pending, made.update_count) == (oepl.NEVER, 1, 0)
    taken = record(ap, 40_000)
    assert (taken.pending, taken.update_count, taken.update_last, taken.last_seen) == (0, 1, 40, 40)
    assert taken.digest != made.digest
    assert ap.labels[MAC].shows == "a picture"


def test_an_equal_picture_is_not_sent_unless_refreshed():
    ap = OpenEPaperLinkTwin([LabelTwin(MAC, every_s=10)])
    upload(ap, BOOT_MS, "a picture")
    assert record(ap, 10_000).update_count == 1
    upload(ap, 11_000, "a picture")
    assert record(ap, 60_000).update_count == 1
    assert ap.answer("POST", "/tag_cmd", oepl.refresh_form(MAC), 61_000).status == 200
    assert record(ap, 120_000).update_count == 2
    assert ap.answer("POST", "/tag_cmd", {"mac": "0"}, 61_000).status == 400


def test_a_failed_transfer_leaves_its_count_behind():
    ap = OpenEPaperLinkTwin([LabelTwin(MAC, every_s=10)])
    ap.labels[MAC].failing = 1
    upload(ap, BOOT_MS, "a picture")
    after = record(ap, 60_000)
    assert (after.pending, after.update_count, ap.labels[MAC].shows) == (1, 0, "")


def test_a_restart_goes_back_to_what_was_saved():
    ap = OpenEPaperLinkTwin([LabelTwin(MAC, every_s=10)])
    upload(ap, BOOT_MS, "a picture")
    assert record(ap, SAVE_MS).update_count == 1
    upload(ap, SAVE_MS + 1, "another")
    assert record(ap, SAVE_MS + 15_000).update_count == 2
    upload(ap, SAVE_MS + 16_000, "a third")
    assert record(ap, SAVE_MS + 16_000 + MAKE_MS).pending == 1
    ap.restart(SAVE_MS + 18_000)
    assert upload(ap, SAVE_MS + 18_001)[0] == 409
    back = record(ap, SAVE_MS + 60_000)
    assert (back.update_count, back.pending) == (1, 0)
    assert ap.labels[MAC].shows == "another"


def test_pages_follow_each_other_and_begin_again_beyond_a_byte():
    macs = [f"{number:016X}" for number in range(300)]
    ap = OpenEPaperLinkTwin([LabelTwin(mac) for mac in macs])
    seen, pos, positions = [], 0, []
    while pos is not None and len(positions) < 50:
        positions.append(pos)
        body = ap.answer("GET", f"/get_db?pos={pos}", {}, 0).body
        assert len(body) < 6_000
        page = oepl.parse_page(body)
        seen += [label.mac for label in page.labels]
        pos = page.next_pos
        if pos is not None and pos <= positions[-1]:
            break
    assert seen[:256] == macs[:256]
    assert len(positions) > 3


def test_the_link_answers_and_says_when_its_port_is_taken():
    import urllib.request

    with HttpLink(OpenEPaperLinkTwin([LabelTwin(MAC)]), clock=lambda: 0) as link:
        url = f"http://127.0.0.1:{link.port}/get_db"
        with urllib.request.urlopen(url) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            assert json.load(answer)["tags"][0]["mac"] == MAC
        with pytest.raises(LinkError, match=f"cannot listen on 127.0.0.1:{link.port}"):
            HttpLink(OpenEPaperLinkTwin([]), link.port).start()
