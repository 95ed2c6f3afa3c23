"""LLRP framing and tag reports, held against an independent library in both directions."""

from itertools import zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llrpkit.exceptions import MessageDecodeError
from llrpkit.inventory import TagReport as TheirReport
from llrpkit.protocol import BitStr, decode_message, impinj, messages, params

from contract.errors import FrameError
from contract.wire import llrp
from contract.wire.base import Reject
from contract.wire.llrp import LlrpCodec, Message, TagReport, parse_report

U16, U32, U64 = st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
CHANNELS = {index: 902_250 + 500 * index for index in range(1, 51)}

epcs = st.integers(1, 31).flatmap(lambda words: st.binary(min_size=2 * words, max_size=2 * words))
their_epcs = epcs.map(
    lambda raw: params.EPC_96(epc=raw) if len(raw) == 12 else params.EPCData(epc=BitStr.from_bytes(raw))
)
their_customs = st.one_of(
    st.builds(impinj.ImpinjPeakRSSI, rssi=st.integers(-9_000, 0)),
    st.builds(impinj.ImpinjRFPhaseAngle, phase_angle=st.integers(0, 4_095)),
    st.builds(impinj.ImpinjRFDopplerFrequency, doppler_frequency=st.integers(-320, 320)),
    st.builds(impinj.ImpinjSerializedTID, t_id=st.lists(U16, min_size=1, max_size=6)),
)
their_tags = st.builds(
    params.TagReportData,
    epc_parameter=their_epcs,
    ro_spec_id=st.none() | st.builds(params.ROSpecID, ro_spec_id=U32),
    spec_index=st.none() | st.builds(params.SpecIndex, spec_index=U16),
    inventory_parameter_spec_id=st.none()
    | st.builds(params.InventoryParameterSpecID, inventory_parameter_spec_id=U16),
    antenna_id=st.none() | st.builds(params.AntennaID, antenna_id=U16),
    peak_rssi=st.none() | st.builds(params.PeakRSSI, peak_rssi=st.integers(-128, 127)),
    channel_index=st.none() | st.builds(params.ChannelIndex, channel_index=st.integers(1, 50)),
    first_seen_timestamp_utc=st.none() | st.builds(params.FirstSeenTimestampUTC, microseconds=U64),
    first_seen_timestamp_uptime=st.none() | st.builds(params.FirstSeenTimestampUptime, microseconds=U64),
    last_seen_timestamp_utc=st.none() | st.builds(params.LastSeenTimestampUTC, microseconds=U64),
    last_seen_timestamp_uptime=st.none() | st.builds(params.LastSeenTimestampUptime, microseconds=U64),
    tag_seen_count=st.none() | st.builds(params.TagSeenCount, tag_count=U16),
    air_protocol_tag_datas=st.lists(
        st.builds(params.C1G2_PC, pc_bits=U16) | st.builds(params.C1G2_CRC, crc=U16), max_size=2
    ),
    access_spec_id=st.none() | st.builds(params.AccessSpecID, access_spec_id=U32),
    access_command_op_spec_results=st.lists(
        st.builds(
            params.C1G2ReadOpSpecResult,
            result=st.just(0),
            op_spec_id=U16,
            read_data=st.lists(U16, max_size=4),
        ),
        max_size=1,
    ),
    custom=st.lists(their_customs, max_size=3),
)
their_messages = st.builds(messages.RO_ACCESS_REPORT, tag_report_datas=st.lists(their_tags, max_size=4))


def as_ours(theirs):
    """Their flat view of a tag report, in our words."""
    flat = TheirReport.from_param(theirs)
    pcs = [data.pc_bits for data in theirs.air_protocol_tag_datas if isinstance(data, params.C1G2_PC)]
    return TagReport(
        flat.epc.hex().upper(),
        flat.antenna,
        flat.rssi_dbm,
        flat.phase_deg,
        CHANNELS.get(flat.channel_index),
        1 if flat.seen_count is None else flat.seen_count,
        f"{pcs[0]:04X}" if pcs else None,
        None if flat.tid is None else flat.tid.hex().upper(),
        flat.first_seen_us,
    )


@settings(deadline=None, max_examples=300)
@given(their_messages)
def test_tag_reports_are_read_as_an_independent_library_reads_them(report):
    raw = report.to_bytes(message_id=7)
    (message,) = read(raw)
    assert (message.type, message.message_id, message.version) == (llrp.RO_ACCESS_REPORT, 7, 1)
    assert parse_report(message.body, CHANNELS) == [as_ours(tag) for tag in report.tag_report_datas]


@settings(deadline=None, max_examples=300)
@given(their_messages, st.data())
def test_what_the_library_reads_in_damaged_reports_is_read_alike(report, choice):
    raw = bytearray(report.to_bytes())
    for _ in range(choice.draw(st.integers(1, 4))):
        if len(raw) > 10:
            raw[choice.draw(st.integers(10, len(raw) - 1))] = choice.draw(st.integers(0, 255))
    try:
        theirs = decode_message(bytes(raw))
    except MessageDecodeError:
        return
    wanted = [as_ours(tag) for tag in theirs.tag_report_datas]
    ours = parse_report(bytes(raw[10:]), CHANNELS)
    for mine, other in zip_longest(ours, wanted):
        if not isinstance(mine, Reject):
            assert mine == other
        elif mine.reason == "value":
            # Theirs takes EPCs that no Gen2 tag can have.
            assert len(other.epc) % 4 or not 4 <= len(other.epc) <= 124
        else:
            # A parameter of no known length: theirs guesses on, ours reads nothing more into this report.
            assert mine.reason in ("syntax", "length")
            break


our_tags = st.builds(
    TagReport,
    epcs.map(lambda raw: raw.hex().upper()),
    st.none() | U16,
    st.none() | st.integers(-9_000, 0).map(lambda cdbm: cdbm / 100),
    st.none() | st.integers(0, 4_095).map(lambda steps: steps * 360 / 4_096),
    st.none() | st.sampled_from(sorted(CHANNELS.values())),
    U16,
    st.none() | U16.map("{:04X}".format),
    st.none()
    | st.binary(min_size=2, max_size=12)
    .filter(lambda raw: len(raw) % 2 == 0)
    .map(lambda raw: raw.hex().upper()),
    st.none() | U64,
)


@settings(deadline=None, max_examples=300)
@given(st.lists(our_tags, max_size=4))
def test_what_is_encoded_is_read_by_both(tags):
    body = llrp.encode_report(tags, {khz: index for index, khz in CHANNELS.items()})
    assert parse_report(body, CHANNELS) == tags
    theirs = decode_message(llrp.encode(Message(llrp.RO_ACCESS_REPORT, 1, body)))
    assert [as_ours(tag) for tag in theirs.tag_report_datas] == tags


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_body_raises_and_rejects_have_a_reason(body):
    for item in parse_report(body):
        assert isinstance(item, TagReport) or item.detail


@settings(deadline=None)
@given(st.binary(max_size=64).map(lambda raw: bytes([0, 240, 0, 4 + len(raw)]) + raw))
def test_no_tag_report_raises(body):
    assert len(parse_report(body)) == 1


frames = st.builds(
    Message, st.sampled_from(sorted(llrp.MESSAGE_NAMES)), U32, st.binary(max_size=40), st.sampled_from([1, 2])
)
streams = st.lists(
    st.one_of(
        frames.map(llrp.encode), st.binary(max_size=20), frames.map(lambda frame: llrp.encode(frame)[:-2])
    ),
    max_size=6,
).map(b"".join)


def read(*chunks):
    codec, found = LlrpCodec(), []
    for chunk in chunks:
        codec.feed(chunk)
        while (item := codec.next_frame()) is not None:
            found.append(item)
    left = codec.close()
    return found if left is None else [*found, left]


@settings(deadline=None)
@given(st.lists(frames, max_size=5), st.integers(1, 30))
def test_messages_survive_encode_and_decode_in_any_pieces(sent, size):
    stream = b"".join(map(llrp.encode, sent))
    assert read(*[stream[at : at + size] for at in range(0, len(stream), size)]) == sent


@settings(deadline=None)
@given(streams, st.data())
def test_chunking_changes_nothing_and_no_byte_is_lost(reassembled, stream, choice):
    at = sorted(choice.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)]
    whole = read(stream)
    assert read(*chunks) == whole
    assert read(*[bytes([byte]) for byte in stream]) == whole
    assert reassembled(whole, llrp.encode) == stream


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("043D00000009", "length"),
        ("043D00100000", "length"),
        ("043C7FFFFFFF", "length"),
        ("0405000000", "truncated"),
    ],
)
def test_an_impossible_header_is_refused(header, reason):
    assert read(bytes.fromhex(header) + b"\xff" * 6)[0].reason in (reason, "noise")


def test_what_does_not_fit_is_not_encoded():
    with pytest.raises(FrameError):
        llrp.encode(Message(1_024, 1, b""))
    with pytest.raises(FrameError):
        llrp.encode(Message(61, 2**32, b""))
    with pytest.raises(FrameError):
        llrp.encode(Message(61, 1, b"", version=0))
