"""OpenEPaperLink: pages of labels strictly read, price cards that fit the label and the firmware's fonts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.wire import openepaperlink as oepl
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.openepaperlink import Card, Label, Page, parse_page

MAC = "00007E23907FB299"
FONTS = {f"fonts/calibrib{px}" for px in (30, 50, 60, 80, 100, 120, 150)} | {
    "fonts/bahnschrift20",
    "fonts/bahnschrift30",
}
"""Font files in the access point's data folder."""

words = st.text(max_size=60)
prices = st.text("0123456789.,- ¥£$", min_size=1, max_size=12).map(str.strip).filter(bool)
cards = st.builds(Card, sku=words, name=words, price=prices, currency=st.text(max_size=8), note=words)
sizes = st.sampled_from([*oepl.SIZES.values(), oepl.SMALLEST])
labels = st.builds(
    Label,
    mac=st.binary(min_size=8, max_size=8).map(lambda raw: raw.hex().upper()),
    digest=st.binary(min_size=16, max_size=16).map(bytes.hex),
    pending=st.integers(0, 0xFFFF),
    content_mode=st.integers(0, 255),
    config=words,
    next_update=st.integers(0, 0xFFFF_FFFF),
    update_count=st.integers(0, 0xFFFF_FFFF),
    update_last=st.integers(0, 0xFFFF_FFFF),
    last_seen=st.integers(0, 0xFFFF_FFFF),
    next_checkin=st.integers(0, 0xFFFF_FFFF),
    battery_mv=st.none() | st.integers(1, 0xFFFF).filter(lambda mv: mv != 1337),
    rssi_dbm=st.none() | st.integers(-128, 127),
    hw_type=st.integers(-1, 255),
    alias=words,
    external=st.booleans(),
)


def record(**changes):
    return {
        "mac": MAC, "hash": "4eaaf64af5f3dcc50000000000000000", "pending": 0, "contentMode": 19,
        "nextupdate": oepl.NEVER, "updatecount": 44, "updatelast": 1_780_228_711, **changes,
    }  # fmt: skip


def page(*tags, **more):
    return json.dumps({"tags": list(tags), **more}).encode()


@settings(deadline=None)
@given(st.lists(labels, max_size=8), st.none() | st.integers(1, 0xFFFF))
def test_pages_survive_encode_and_parse(sent, next_pos):
    assert parse_page(oepl.encode_page(sent, next_pos)) == Page(tuple(sent), next_pos)


def test_a_record_without_what_older_firmware_leaves_out():
    (label,) = parse_page(page(record())).labels
    assert (label.mac, label.update_count, label.battery_mv, label.hw_type) == (MAC, 44, None, -1)


@pytest.mark.parametrize("reading", [0, 1337])
def test_what_is_no_battery(reading):
    (label,) = parse_page(page(record(batteryMv=reading))).labels
    assert label.battery_mv is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mac": "7E23907FB299"},
        {"mac": MAC.lower()},
        {"mac": MAC + "\n"},
        {"hash": "4e"},
        {"pending": -1},
        {"pending": "0"},
        {"updatecount": None},
        {"updatecount": 2**40},
        {"nextupdate": 1.5},
        {"contentMode": 256},
        {"isexternal": "no"},
        {"alias": "x" * 1000},
        {"modecfgjson": {}},
    ],
)
def test_a_bad_record_spoils_only_itself(changes):
    found = parse_page(page(record(), record(**changes), record()))
    assert [label.mac for label in found.labels] == [MAC, MAC]
    (reject,) = found.rejects
    assert reject.reason == "value"
    assert reject.detail


def test_a_record_without_an_update_count_cannot_confirm_and_is_refused():
    old = record()
    del old["updatecount"]
    assert "updatecount" in parse_page(page(old)).rejects[0].detail


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "syntax"),
        (b"{", "syntax"),
        (b"\xff\xfe", "syntax"),
        (b"[" * 200_000, "value"),
        (b'{"tags":' + b"[" * 200_000, "syntax"),
        (b'{"error": "malformatted parameter"}', "value"),
        (b"[]", "value"),
        (b'{"tags":{}}', "value"),
        (page(continu=0), "value"),
        (page(continu=70_000), "value"),
        (page(continu="5"), "value"),
        (page(*[{}] * (oepl.MAX_TAGS + 1)), "length"),
        (b" " * (oepl.MAX_PAYLOAD + 1), "length"),
    ],
    ids=lambda case: repr(case[:12]),
)
def test_hostile_pages_make_one_reject(body, reason):
    found = parse_page(body)
    assert isinstance(found, Reject)
    assert found.reason == reason
    assert len(found.raw) <= MAX_REJECT_BYTES


@settings(deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda noise: b'{"tags":[' + noise + b"]}"))
def test_no_bytes_raise(body):
    assert isinstance(parse_page(body), Page | Reject)


@settings(deadline=None)
@given(cards, sizes)
def test_a_card_lies_within_the_label_and_uses_what_the_access_point_has(card, size):
    width, height = size
    for shape in oepl.drawing(card, size):
        ((kind, values),) = shape.items()
        if kind == "line":
            assert all(0 <= x < width for x in values[0:4:2])
            assert all(0 <= y < height for y in values[1:4:2])
            continue
        x, y, text, font, colour, align = values
        assert kind == "text"
        assert font in FONTS
        assert (colour, align in (0, 1, 2)) == (1, True)
        px = int(font.rpartition("t")[2] if "bahnschrift" in font else font.rpartition("b")[2])
        assert 0 <= x <= width
        assert y >= 0
        assert y + px <= height
        assert "{" not in text
        assert text.isprintable()


def test_price_sizes():
    """What the wiki page calls text is x, y, text, font, colour, alignment."""

    def price_of(size, price="299.00"):
        return oepl.drawing(Card(sku="s", name="n", price=price), size)[2]["text"]

    assert price_of((152, 152)) == [76, 61, "299.00", "fonts/calibrib30", 1, 1]
    assert price_of((400, 300))[3] == "fonts/calibrib100"
    assert price_of((960, 672))[3] == "fonts/calibrib150"
    assert price_of((296, 128), "9.90")[3] == "fonts/calibrib60"


@pytest.mark.parametrize("price", ["", "1234567890.99", "２９９", "{ap_ip}", " 9", "9€", "9\n"])
def test_a_price_is_never_cut_or_changed(price):
    with pytest.raises(FrameError, match="cannot be shown; expected 1 to 12 characters"):
        oepl.upload_form(MAC, Card(sku="s", name="n", price=price), 0x33)


@given(prices, sizes)
def test_the_whole_price_is_on_the_card(price, size):
    shapes = oepl.drawing(Card(sku="s", name="n", price=price), size)
    (middle,) = [shape["text"] for shape in shapes if shape.get("text", [0] * 6)[5] == oepl.CENTRE]
    assert middle[2] == price


def test_a_card_says_everything_that_fits():
    shapes = oepl.drawing(
        Card(sku="TS-01", name="T-shirt {white} L", price="299.00", currency="HKD", note="12 left"),
        (296, 128),
    )
    assert [values[2] for shape in shapes if (values := shape.get("text"))] == [
        "T-shirt (white) L",
        "299.00",
        "12 left",
        "HKD",
    ]


def test_a_name_that_the_fonts_lack_gives_way_to_the_sku():
    shapes = oepl.drawing(Card(sku="TS-01", name="白色T恤", price="1"), (296, 128))
    assert shapes[0]["text"][2] == "T"
    shapes = oepl.drawing(Card(sku="TS-01", name="白色", price="1"), (296, 128))
    assert shapes[0]["text"][2] == "TS-01"


def test_the_form_of_an_upload():
    form = oepl.upload_form(MAC, Card(sku="s", name="n", price="9"), 0x33)
    assert (set(form), form["mac"], form["ttl"]) == ({"mac", "json", "ttl"}, MAC, "0")
    shapes = json.loads(form["json"])
    assert all(len(shape) == 1 for shape in shapes)
    assert max(len(json.dumps(shape)) for shape in shapes) < 300
    assert json.loads(
        oepl.upload_form(MAC, Card(sku="s", name="n", price="9"), 0xEE)["json"]
    ) == oepl.drawing(Card(sku="s", name="n", price="9"), oepl.SMALLEST)


@pytest.mark.parametrize(
    ("text", "mac"), [("7e23907fb299", MAC), (MAC, MAC), ("7E23907FB2990000", "7E23907FB2990000")]
)
def test_addresses(text, mac):
    assert oepl.label_mac(text) == mac


@pytest.mark.parametrize("text", ["", "7E23907FB29", "7E:23:90:7F:B2:99", "7E23907FB29X", MAC + "00"])
def test_what_is_no_address(text):
    with pytest.raises(FrameError, match="is not hex of 12 or 16 digits"):
        oepl.label_mac(text)
