"""Chafon frames: no mark, so everything that can be checked is."""

from random import Random

import pytest

from contract.errors import FrameError
from contract.wire import chafon
from contract.wire.base import Reject
from contract.wire.crc import crc16_mcrf4xx

ONE_288 = bytes.fromhex("1500010301010C0000000000000000000003136BB1A5")
ONE_18 = bytes.fromhex("13000103010C0000000000000000000003133F39")
NO_TAG = bytes.fromhex("050001FBF23D")
INFORMATION = bytes.fromhex("1100210000160C034E001E0A01000000E651")


def framed(text):
    raw = bytes.fromhex(text)
    return raw + crc16_mcrf4xx(raw).to_bytes(2, "little")


def test_the_reader_information(read_all):
    (reply,) = read_all(chafon.ChafonCodec("288"), INFORMATION)
    about = chafon.information(reply)
    assert (about.firmware, about.type_code, about.band, about.power_dbm) == ("0.22", 0x0C, 4, 30)
    assert (about.first, about.last, about.scan_time_ms) == (0, 14, 1_000)
    assert about.text == "UHFReader288M 0.22, EU 865.1-867.9 MHz, 30 dBm"


@pytest.mark.parametrize(
    ("model", "request_", "raw"),
    [
        ("288", chafon.Request(chafon.READER_INFORMATION), "04FF211995"),
        ("18", chafon.INVENTORY_18, "04FF011BB4"),
        ("288", chafon.inventory_288(1, q=15, session=0, scan_time_ms=2_000), "0DFF010F0001000000008014C03A"),
    ],
)
def test_published_requests_both_ways(read_all, model, request_, raw):
    assert chafon.encode(request_).hex().upper() == raw
    assert read_all(chafon.ChafonCodec(model), bytes.fromhex(raw)) == [request_]


@pytest.mark.parametrize(
    ("region", "data"),
    [("cn900", "1142"), ("us", "3180"), ("kr", "1FC0"), ("eu", "4E00"), ("cn800", "9102")],
)
def test_bands(region, data):
    band = chafon.BANDS["288"][region]
    assert chafon.set_region(band).data.hex().upper() == data
    about = chafon.information(chafon.Reply(0x21, 0, bytes.fromhex("00160C03" + data + "1E0A01000000")))
    assert (about.band, about.first, about.last) == (band.number, band.first, band.last)


def test_tags_of_the_288_and_the_18(read_all):
    assert read_all(chafon.ChafonCodec("288"), ONE_288) == [
        chafon.TagList(3, (chafon.Tag(bytes.fromhex("000000000000000000000313"), 0x6B),), antenna=1)
    ]
    assert read_all(chafon.ChafonCodec("18"), ONE_18) == [
        chafon.TagList(3, (chafon.Tag(bytes.fromhex("000000000000000000000313")),))
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("1500010301010C0000000000000000000003136BB1A6", "checksum"),
        ("1500010304010C49440000000000000A000334645766", "checksum"),
        ("1500020301010C0000000000000000000003136B89A4", "noise"),
    ],
)
def test_wrong_frames_that_are_copied_about(read_all, raw, reason):
    (reject,) = read_all(chafon.ChafonCodec("288"), bytes.fromhex(raw))
    assert (reject.reason, reject.raw.hex().upper()) == (reason, raw)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("15 00 01 03 01 01 0A 000000000000000000000313 6B", "a tag shorter than the frame"),
        ("15 00 01 03 01 02 0C 000000000000000000000313 6B", "two tags announced, one there"),
        ("15 00 01 03 03 01 0C 000000000000000000000313 6B", "two antennas at once"),
        ("15 00 01 03 00 01 0C 000000000000000000000313 6B", "a tag of no antenna"),
        ("15 FF 01 03 01 01 0C 000000000000000000000313 6B", "the broadcast address answers"),
        ("15 00 01 07 01 01 0C 000000000000000000000313 6B", "a status that an inventory has not"),
        ("14 00 01 03 01 01 0B 0000000000000000000003 6B", "half a word"),
        ("06 00 22 00 01", "an answer longer than it can be"),
        ("05 00 99 00", "a command that is not known"),
        ("05 00 00 FB", "no command, and not the fault that says so"),
        ("0C 00 01 26 01 0011 00000005 00", "statistics too long"),
    ],
)
def test_a_fitting_crc_is_not_enough(read_all, text, why):
    found = read_all(chafon.ChafonCodec("288", "reader"), framed(text))
    assert all(isinstance(item, Reject) for item in found), why


def test_several_frames_back_to_back(read_all):
    found = read_all(chafon.ChafonCodec("18", "reader"), ONE_18 + ONE_18 + NO_TAG)
    assert [type(frame).__name__ for frame in found] == ["TagList", "TagList", "Reply"]


def test_a_port_opened_in_the_middle_of_a_frame(read_all, frames_of):
    for start in range(1, len(ONE_288)):
        found = frames_of(read_all(chafon.ChafonCodec("288", "reader"), ONE_288[start:] + ONE_288 + NO_TAG))
        assert [chafon.encode(frame) for frame in found] == [ONE_288, NO_TAG]


def test_a_million_random_bytes_make_no_frame(read_all, frames_of):
    random = Random(5)
    for model in ("18", "288"):
        assert frames_of(read_all(chafon.ChafonCodec(model, "reader"), random.randbytes(500_000))) == []


def test_half_a_reply_gives_way_when_the_host_starts_over(read_all):
    codec = chafon.ChafonCodec("288", "reader")
    codec.feed(ONE_288[:9])
    assert codec.next_frame() is None
    assert codec.close() == Reject("truncated", ONE_288[:9], "the line closed inside a frame")
    assert len(read_all(codec, ONE_288)) == 1


@pytest.mark.parametrize(
    "frame",
    [
        chafon.TagList(1, (chafon.Tag(bytes(12)),), antenna=1),
        chafon.TagList(1, (chafon.Tag(bytes(12), 5),)),
        chafon.TagList(1, (chafon.Tag(bytes(11)),)),
        chafon.TagList(1, (chafon.Tag(bytes(12), tid=bytes(4)),)),
        chafon.TagList(1, tuple(chafon.Tag(bytes(62)) for _ in range(5))),
        chafon.Reply(0x100, 0),
    ],
)
def test_what_does_not_fit_is_not_encoded(frame):
    with pytest.raises(FrameError):
        chafon.encode(frame)
