"""M100 frames: laws over all bytes, and the traps of a stream whose marks occur inside EPCs."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.wire import m100
from contract.wire.base import MAX_REJECT_BYTES, Reject

TAG = bytes.fromhex("BB02220011C9340030751FEB705C5904E3D50D703A76EF7E")
NO_TAG = bytes.fromhex("BB01FF000115167E")
HEADS = [0xBB, 0xAA, 0x7E, 0xDD, 0x00, 0x01, 0x02, 0x22, 0x11, 0x30]

dialects = st.sampled_from(["bb", "aa"])
epcs = st.integers(1, 31).flatmap(lambda words: st.binary(min_size=2 * words, max_size=2 * words))
tags = st.builds(
    lambda rssi_dbm, epc, low_bits, dialect: m100.TagNotification(
        rssi_dbm, m100.pc_word(epc) | low_bits, epc, dialect
    ),
    st.integers(-128, 127),
    epcs,
    st.integers(0, 0x7FF),
    dialects,
)
plain = st.sampled_from([m100.Command, m100.Response]).flatmap(
    lambda shape: st.builds(shape, st.integers(0, 0xFE), st.binary(max_size=12), dialects)
)
errors = st.builds(m100.ErrorReply, st.integers(0, 255), st.binary(max_size=12), dialects)
frames = st.one_of(tags, plain, errors)
dirt = st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(HEADS), max_size=40).map(bytes))
streams = st.lists(
    st.one_of(dirt, frames.map(m100.encode), frames.map(lambda f: m100.encode(f)[:-3])), max_size=8
).map(b"".join)


def cut(data, at):
    marks = sorted({min(mark, len(data)) for mark in at})
    return [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]


@settings(deadline=None)
@given(tags)
def test_a_tag_survives_encode_and_decode(read_all, tag):
    assert read_all(m100.M100Codec(), m100.encode(tag)) == [tag]


@settings(deadline=None)
@given(st.one_of(plain, errors))
def test_other_frames_survive_unless_they_hide_a_frame(read_all, frame):
    raw = m100.encode(frame)
    found = read_all(m100.M100Codec(), raw)
    assert found == [frame] or any(isinstance(item, Reject) for item in found)
    if not set(raw[1:-1]) & {0xBB, 0xAA}:
        assert found == [frame]


@settings(deadline=None)
@given(streams, st.lists(st.integers(0, 400), max_size=12))
def test_chunking_changes_nothing(read_all, data, at):
    whole = read_all(m100.M100Codec(), data)
    assert read_all(m100.M100Codec(), *cut(data, at)) == whole
    assert read_all(m100.M100Codec(), *cut(data, range(len(data)))) == whole


@settings(deadline=None)
@given(streams)
def test_every_byte_is_in_one_frame_or_one_reject(read_all, reassembled, data):
    found = read_all(m100.M100Codec(), data)
    assert reassembled(found, m100.encode) == data
    assert all(0 < len(item.raw) <= MAX_REJECT_BYTES for item in found if isinstance(item, Reject))


@settings(deadline=None)
@given(st.lists(tags, min_size=1, max_size=6), st.lists(st.binary(max_size=30), min_size=7, max_size=7))
def test_tags_are_found_between_noise_that_holds_no_head(read_all, frames_of, wanted, noises):
    clean = [noise.translate(None, b"\xaa\xbb") for noise in noises]
    data = b"".join(noise + m100.encode(tag) for noise, tag in zip(clean, wanted, strict=False)) + clean[-1]
    assert frames_of(read_all(m100.M100Codec(), data)) == wanted


def test_all_tags_are_found_in_100_000_random_bytes(read_all, frames_of, reassembled):
    random = Random(20_261)
    data, wanted = bytearray(), []
    for _ in range(500):
        data += random.randbytes(200)
        epc = random.randbytes(12)
        wanted.append(m100.TagNotification(random.randint(-90, -30), m100.pc_word(epc), epc))
        data += m100.encode(wanted[-1])
    found = read_all(m100.M100Codec(), bytes(data))
    assert frames_of(found) == wanted
    assert reassembled(found, m100.encode) == data


@pytest.mark.parametrize("inside", [NO_TAG, TAG[:12], bytes.fromhex("BBBBAAAA7E7EDDDD")])
def test_an_epc_may_look_like_a_frame(read_all, inside):
    epc = inside + bytes(12 - len(inside))
    raw = m100.encode(m100.TagNotification(-60, m100.pc_word(epc), epc))
    found = read_all(m100.M100Codec(), *[bytes([byte]) for byte in raw])
    assert [item.epc for item in found] == [epc]


@pytest.mark.parametrize("length", range(256))
def test_a_wrong_length_never_holds_back_the_next_frame(length):
    codec = m100.M100Codec()
    for head in (b"\xbb\x02\x22\x00", b"\xbb\x01\x03\x00", b"\xaa\x01\x39\x00", b"\xbb\x01\x03\xff"):
        codec.feed(head + bytes([length]) + TAG[5:9] + TAG)
        found = []
        while (item := codec.next_frame()) is not None:
            found.append(item)
        assert m100.encode(found[-1]) == TAG or (length, head[1:3]) == (0x11, b"\x02\x22")
        codec.close()


def test_a_report_cut_short_frees_the_next_one_when_its_length_has_come():
    codec = m100.M100Codec()
    codec.feed(TAG[:10] + TAG)
    first, second = codec.next_frame(), codec.next_frame()
    assert first.reason in ("checksum", "end")
    assert first.raw == TAG[:10]
    assert m100.encode(second) == TAG


def test_one_run_of_noise_is_one_reject(read_all):
    found = read_all(m100.M100Codec(), b"\x01" * 200 + NO_TAG + b"\x02" * 600)
    assert [(type(item).__name__, len(getattr(item, "raw", NO_TAG))) for item in found] == [
        ("Reject", 200),
        ("ErrorReply", 8),
        ("Reject", 248),
        ("Reject", 248),
        ("Reject", 104),
    ]


def test_a_plausible_head_begins_another_reject(read_all):
    broken = NO_TAG[:-2] + b"\x00\x7e"
    found = read_all(m100.M100Codec(), b"\x01\x02" + broken + NO_TAG)
    assert [(item.reason, item.raw) for item in found[:2]] == [("noise", b"\x01\x02"), ("checksum", broken)]
    assert m100.encode(found[2]) == NO_TAG


def test_noise_and_a_stalled_candidate_are_all_accounted_for_at_closing(read_all, reassembled):
    data = b"\x01" * 240 + bytes([0xBB, 0x01, 0x03, 0x00, m100.MAX_PARAMETER]) + b"\x02" * 245
    found = read_all(m100.M100Codec(), data)
    assert [(item.reason, len(item.raw)) for item in found] == [("noise", 240), ("truncated", 250)]
    assert reassembled(found, m100.encode) == data


@pytest.mark.parametrize("at", range(1, len(TAG)))
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_no_flipped_bit_makes_another_tag(read_all, frames_of, at, bit):
    broken = bytearray(TAG)
    broken[at] ^= bit
    assert frames_of(read_all(m100.M100Codec(), bytes(broken))) == []


def test_two_flips_that_keep_the_sum_are_found_by_the_tag_crc(read_all):
    broken = bytearray(TAG)
    broken[9] += 1
    broken[10] -= 1
    (reject,) = read_all(m100.M100Codec(), bytes(broken))
    assert (reject.reason, reject.raw) == ("checksum", bytes(broken))
    assert "tag's own CRC" in reject.detail


@pytest.mark.parametrize("at", [5, 21, 22, 23])
def test_a_spoiled_report_does_not_set_the_frame_in_its_epc_free(read_all, at):
    epc = NO_TAG + bytes(4)
    spoiled = bytearray(m100.encode(m100.TagNotification(-60, m100.pc_word(epc), epc)))
    spoiled[at] ^= 0x5A
    reject, behind = read_all(m100.M100Codec(), bytes(spoiled) + TAG)
    assert (reject.raw, m100.encode(behind)) == (bytes(spoiled), TAG)


def test_a_reconnect_forgets_the_half_frame(read_all):
    codec = m100.M100Codec()
    codec.feed(TAG[:11])
    assert codec.next_frame() is None
    assert codec.close() == Reject("truncated", TAG[:11], "the line closed inside a frame")
    assert codec.close() is None
    assert [m100.encode(item) for item in read_all(codec, TAG)] == [TAG]


@pytest.mark.parametrize(
    ("command", "raw"),
    [
        (m100.Command(m100.STOP), "BB00280000287E"),
        (m100.multi_poll(10_000), "BB00270003222710837E"),
        (m100.multi_poll(0), "BB002700032200004C7E"),
        (m100.set_power(20.0), "BB00B6000207D08F7E"),
        (m100.set_region("cn900"), "BB0007000101097E"),
        (m100.set_region("us", "aa"), "AA000700010 20ADD".replace(" ", "")),
        (m100.Command(m100.MODULE_INFORMATION, b"\x00"), "BB0003000100047E"),
    ],
)
def test_documented_commands(command, raw):
    assert m100.encode(command).hex().upper() == raw


@pytest.mark.parametrize(
    "frame",
    [
        m100.TagNotification(-200, 0x3000, bytes(12)),
        m100.TagNotification(-60, 0x3000, bytes(10)),
        m100.Command(1, bytes(250)),
    ],
)
def test_what_does_not_fit_is_not_encoded(frame):
    with pytest.raises(FrameError):
        m100.encode(frame)
