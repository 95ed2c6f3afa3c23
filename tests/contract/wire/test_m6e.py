"""M6E frames: the odd CRC, commands, records by flags, reports that are no tags."""

import pytest

from contract.errors import FrameError
from contract.wire import m6e, m6e_tags
from contract.wire.base import Reject
from contract.wire.crc import crc16_genibus, crc16_mercury

TAG = bytes.fromhex(
    "FF2822000010001B01FF0101C4110E16400000012700000500000F00803000000000000000000000001545E94A561D"
)
KEEP_ALIVE = bytes.fromhex("FF0022040084E0")


def message(body):
    raw = bytes.fromhex(body)
    return b"\xff" + raw + crc16_mercury(raw).to_bytes(2, "big")


def test_the_published_record_in_full(read_all):
    (report,) = read_all(m6e.M6eCodec("module"), TAG)
    (tag,) = report.tags
    assert (report.flags, report.lead, report.layout) == (0x01FF, bytes.fromhex("10001B"), "streamed")
    assert (tag.reads, tag.rssi_dbm, tag.antenna, tag.frequency_khz) == (1, -60, 1, 923_200)
    assert (tag.since_keep_alive_ms, tag.phase_deg, tag.protocol) == (295, 0, m6e_tags.GEN2)
    assert (tag.embedded, tag.gpio, tag.epc_bits, tag.pc) == (b"", 0x0F, 128, 0x3000)
    assert tag.epc.hex() == "000000000000000000001545"
    assert m6e.encode(report) == TAG
    assert m6e_tags.streamed_tag(tag) == report


@pytest.mark.parametrize(
    ("command", "raw"),
    [
        (m6e.Command(m6e.VERSION), "FF00031D0C"),
        (m6e.START, "FF102F00000122000005072210001B03E801FFDD2B"),
        (m6e.STOP, "FF032F0000025E86"),
        (m6e.set_region(m6e.REGION_CODES["us"]), "FF0197014BBC"),
        (m6e.set_power(5.0), "FF029201F440AD"),
        (m6e.SET_GEN2, "FF02930005517D"),
        (m6e.Command(m6e.SET_ANTENNAS, b"\x01\x01"), "FF02910101703B"),
        (m6e.Reply(m6e.READ_MULTIPLE, m6e.NO_TAGS), "FF0022040084E0"),
        (m6e.Reply(m6e.CONTINUOUS), "FF002F0000514D"),
    ],
)
def test_published_frames_both_ways(read_all, command, raw):
    assert m6e.encode(command).hex().upper() == raw
    assert read_all(m6e.M6eCodec(), bytes.fromhex(raw)) == [command]


@pytest.mark.parametrize("crc", ["F542", "6F3A"])
def test_stock_crcs_are_refused(read_all, crc):
    (reject,) = read_all(m6e.M6eCodec(), TAG[:-2] + bytes.fromhex(crc))
    assert reject.reason == "checksum"


def test_search_list_and_output():
    assert m6e.set_antennas((1, 4)).data == bytes.fromhex("02 0101 0404")
    assert m6e.set_output(2, on=True).data == bytes.fromhex("01 02 01 01")


def test_bit_lengths_are_rounded_up(read_all):
    checked = bytes.fromhex("1800AABBCC")
    raw = bytes.fromhex("10001B" + "0082" + "01" + "C4" + "000C" + "FAB0" + "0037") + checked
    raw += crc16_genibus(checked).to_bytes(2, "big")
    (report,) = read_all(m6e.M6eCodec(), message(f"{len(raw):02X}220000" + raw.hex()))
    (tag,) = report.tags
    assert (tag.embedded, tag.embedded_bits) == (b"\xfa\xb0", 12)
    assert (tag.epc, tag.epc_bits) == (b"\xaa\xbb\xcc", 55)


@pytest.mark.parametrize(
    ("layout", "lead", "opcode"),
    [("buffered", b"\x00", 0x29), ("buffered", b"\x05", 0x22), ("plain", b"", 0x22)],
)
def test_buffer_answers_hold_several_tags_with_flags_at_byte_5(read_all, layout, lead, opcode):
    tags = tuple(
        m6e_tags.TagRecord(reads=n, rssi_dbm=-50 - n, ports=0x21, pc=0x1000, epc=bytes([n] * 4), epc_bits=64)
        for n in (1, 2, 3)
    )
    report = m6e_tags.TagReport(0x0007, tags, layout, lead, opcode)
    raw = m6e.encode(report)
    assert raw[5:7] == b"\x00\x07"
    assert read_all(m6e.M6eCodec("module"), raw) == [report]
    assert [tag.antenna for tag in tags] == [2, 2, 2]


def test_port_sixteen_is_written_as_zero():
    tag = m6e_tags.TagRecord(ports=0x00, pc=0, epc=b"", epc_bits=32)
    assert tag.antenna == 16


@pytest.mark.parametrize(
    ("body", "temperature_c"),
    [("0A220000 00011F 02 8200 8200 01 1B", 27), ("0A220000 00011F 02 8200 8200 01 F6", -10)],
)
def test_temperature_reports(read_all, body, temperature_c):
    (reply,) = read_all(m6e.M6eCodec(), message(body))
    assert reply.temperature_c == temperature_c


@pytest.mark.parametrize(
    "body", ["08220000 00011F0000000000", "00220504", "00220505", "0E220400 00011F0000000000012800000000"]
)
def test_other_reports_are_replies_without_a_temperature(read_all, body):
    (reply,) = read_all(m6e.M6eCodec("module"), message(body))
    assert isinstance(reply, m6e.Reply)
    assert reply.temperature_c is None


def test_another_protocol_is_no_tag_report(read_all):
    raw = bytearray(TAG[1:-2])
    raw[22] = 0x03
    (reply,) = read_all(m6e.M6eCodec("module"), message(raw.hex()))
    assert isinstance(reply, m6e.Reply)


def test_the_tags_own_crc_counts(read_all):
    raw = bytearray(TAG[1:-2])
    raw[-1] ^= 1
    (reject,) = read_all(m6e.M6eCodec(), message(raw.hex()))
    assert (reject.reason, reject.detail) == ("checksum", "the tag's own CRC does not fit its PC and EPC")


@pytest.mark.parametrize("length", range(9, 256))
@pytest.mark.parametrize("opcode", [0x2F, 0x03, 0x10])
def test_a_wrong_length_never_holds_back_a_keep_alive(length, opcode):
    codec = m6e.M6eCodec("module")
    codec.feed(bytes([0xFF, length, opcode, 0, 0, 7]) + KEEP_ALIVE * 2)
    found = [item for item in iter(codec.next_frame, None) if not isinstance(item, Reject)]
    assert found == [m6e.Reply(m6e.READ_MULTIPLE, m6e.NO_TAGS)] * 2


@pytest.mark.parametrize("length", range(256))
def test_half_a_tag_report_holds_keep_alives_back_for_its_length_at_most(length):
    codec = m6e.M6eCodec("module")
    codec.feed(bytes([0xFF, length]) + TAG[2:20] + KEEP_ALIVE * (length // 7 + 2))
    found = [item for item in iter(codec.next_frame, None) if not isinstance(item, Reject)]
    assert m6e.Reply(m6e.READ_MULTIPLE, m6e.NO_TAGS) in found


def test_a_reconnect_forgets_the_half_frame(read_all):
    codec = m6e.M6eCodec()
    codec.feed(TAG[:20])
    assert codec.next_frame() is None
    assert codec.close() == Reject("truncated", TAG[:20], "the line closed inside a frame")
    assert len(read_all(codec, TAG)) == 1


@pytest.mark.parametrize(
    "frame",
    [
        m6e.Command(0x22, bytes(250)),
        m6e.Reply(0x22, 0x10000),
        m6e_tags.TagReport(0x0001, (m6e_tags.TagRecord(pc=0x1000, epc=bytes(4), epc_bits=64),)),
        m6e_tags.TagReport(0, (m6e_tags.TagRecord(pc=0x1000, epc=bytes(4), epc_bits=80),)),
        m6e_tags.TagReport(
            0x0002, (m6e_tags.TagRecord(rssi_dbm=-200, pc=0x1000, epc=bytes(4), epc_bits=64),)
        ),
    ],
)
def test_what_does_not_fit_is_not_encoded(frame):
    with pytest.raises(FrameError):
        m6e.encode(frame)
