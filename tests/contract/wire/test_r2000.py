"""R2000 frames: the weak sum and the checks that help it."""

import pytest

from contract.errors import FrameError
from contract.wire import r2000
from contract.wire.base import Reject

TAG = bytes.fromhex("A0130189743000E2004074850A0103163070E13629")
END = bytes.fromhex("A00A018900001100000005B6")


def framed(text):
    raw = bytes.fromhex(text)
    return raw + bytes([-sum(raw) & 0xFF])


def test_the_recorded_tag_in_full(read_all):
    (tag,) = read_all(r2000.R2000Codec("reader"), TAG)
    assert (tag.antenna, tag.channel, tag.frequency_khz, tag.rssi_dbm) == (1, 29, 913_000, -75)
    assert (tag.pc, tag.epc.hex(), tag.phase) == (0x3000, "e2004074850a0103163070e1", b"")
    assert r2000.encode(tag) == TAG


@pytest.mark.parametrize(
    ("frame", "raw"),
    [
        (r2000.Command(r2000.REAL_TIME, b"\x01", 1), "A004018901D1"),
        (r2000.Command(r2000.SET_ANTENNA, b"\x00", 1), "A004017400E7"),
        (r2000.Reply(r2000.SET_ANTENNA, b"\x10"), "A004017410D7"),
        (r2000.Command(r2000.SESSION, b"\x01\x00\x01", 1), "A006018B010001CC"),
        (r2000.RoundEnd(r2000.REAL_TIME, 1, 17, 5), "A00A018900001100000005B6"),
        (r2000.Command(r2000.FIRMWARE, b"", 1), "A0030172EA"),
        (r2000.Reply(r2000.FIRMWARE, b"\x01\x09"), "A00501720109DE"),
    ],
)
def test_published_frames_both_ways(read_all, frame, raw):
    assert r2000.encode(frame).hex().upper() == raw
    assert read_all(r2000.R2000Codec(), bytes.fromhex(raw)) == [frame]


@pytest.mark.parametrize(
    ("channel", "khz"), [(0, 865_000), (6, 868_000), (7, 902_000), (29, 913_000), (59, 928_000)]
)
def test_channels(channel, khz):
    assert r2000.frequency_khz(channel) == khz
    assert r2000.channel_of(khz) == channel
    assert r2000.channel_of(khz + 200) == channel


@pytest.mark.parametrize("region", r2000.REGIONS)
def test_regions_stay_inside_their_bands(region):
    code, first, last = r2000.REGIONS[region]
    band = {"us": (902_000, 928_000), "eu": (865_600, 867_600), "cn900": (920_500, 924_500)}[region]
    assert 1 <= code <= 3
    assert all(band[0] + 200 <= r2000.frequency_khz(n) for n in (first, last))
    assert r2000.frequency_khz(last) <= band[1] - 100


@pytest.mark.parametrize(
    ("text", "antenna", "dbm", "phase"),
    [
        ("A0150189743000E2004074850A0103163070E1360102", 1, -75, b"\x01\x02"),
        ("A013018A763000E2004074850A0103163070E1B6", 7, -75, b""),
        ("A013018B773000E2004074850A0103163070E162", 4, -31, b""),
    ],
)
def test_phase_and_far_antennas(read_all, text, antenna, dbm, phase):
    (tag,) = read_all(r2000.R2000Codec("reader"), framed(text))
    assert (tag.antenna, tag.rssi_dbm, tag.phase, len(tag.epc)) == (antenna, dbm, phase, 12)
    assert r2000.encode(tag) == framed(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [("A004018922", 0x22), ("A005018A0222", 0x22), ("A004017811", 0x11), ("A0040181 36", 0x36)],
)
def test_results(read_all, text, result):
    (reply,) = read_all(r2000.R2000Codec("reader"), framed(text))
    assert reply.result == result


@pytest.mark.parametrize("text", ["A0050172 0109", "A0040175 03", "A0050160 0100", "A004017714"])
def test_values_are_no_results(read_all, text):
    (reply,) = read_all(r2000.R2000Codec("reader"), framed(text))
    assert reply.result is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A004010501", "a command that is not known"),
        ("A0080174 0000000000", "no answer of that length"),
        ("A0130189 74 2000 E2004074850A0103163070E1 36", "an EPC shorter than LENGTH says"),
        ("A0130189 F4 3000 E2004074850A0103163070E1 36", "channel 61"),
        ("A0040189 05", "an error code that is not known"),
        ("A00A0189 09 0011 00000005", "antenna 10"),
        ("A0020189", "LENGTH 2"),
        ("A0FF0181", "LENGTH 255"),
    ],
)
def test_a_sum_of_zero_is_not_enough(read_all, text, why):
    found = read_all(r2000.R2000Codec("reader"), framed(text))
    assert all(isinstance(item, Reject) for item in found), why


def test_the_wrongly_printed_round_end_is_refused(read_all):
    (reject,) = read_all(r2000.R2000Codec(), bytes.fromhex("A00A018900001D00000001BC"))
    assert reject.reason == "checksum"


@pytest.mark.parametrize("length", range(256))
def test_a_wrong_length_never_holds_back_the_next_frame(length):
    codec = r2000.R2000Codec("reader")
    for code in (0x72, 0x75, 0x81):
        codec.feed(bytes([0xA0, length, 0x01, code, 0x05]) + END + TAG)
        found = [item for item in iter(codec.next_frame, None) if not isinstance(item, Reject)]
        if length > len(END) + len(TAG):
            assert [r2000.encode(frame) for frame in found] == [END, TAG]
        codec.close()


@pytest.mark.parametrize(
    "frame",
    [
        r2000.Command(0x81, bytes(252)),
        r2000.TagReport(0x89, 60, 1, 0x3000, bytes(12), -60),
        r2000.TagReport(0x89, 1, 9, 0x3000, bytes(12), -60),
        r2000.TagReport(0x89, 1, 1, 0x3000, bytes(10), -60),
        r2000.TagReport(0x89, 1, 1, 0x3000, bytes(12), 0),
        r2000.RoundEnd(0x89, 1, 70_000, 0),
    ],
)
def test_what_does_not_fit_is_not_encoded(frame):
    with pytest.raises(FrameError):
        r2000.encode(frame)
