"""Zebra IoT Connector events: fields, spellings, hostile input."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire import zebra_json
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.zebra_json import OtherEvent, TagEvent, ZebraCodec, encode_event

AT = 1_732_216_853_319
WORDS = st.integers(0, 0xFFFF).map("{:04X}".format)
hexes = (
    st.integers(1, 31)
    .flatmap(lambda words: st.binary(min_size=2 * words, max_size=2 * words))
    .map(lambda raw: raw.hex().upper())
)
events = st.builds(
    lambda **fields: TagEvent(**fields, at=None if fields["timestamp"] is None else AT),
    epc=hexes,
    mode=st.sampled_from(sorted(zebra_json.TAG_MODES)),
    event_num=st.none() | st.integers(0, 2**32),
    reads=st.integers(1, 70_000),
    antenna=st.none() | st.integers(1, 14),
    rssi_dbm=st.none() | st.integers(-90, 0).map(float),
    phase_deg=st.none() | st.floats(-180, 360),
    frequency_khz=st.none() | st.integers(860_000, 960_000),
    pc=st.none() | WORDS,
    crc=st.none() | WORDS,
    tid=st.none() | hexes,
    hostname=st.none() | st.just("FX9600F10AE0"),
    timestamp=st.none() | st.just(zebra_json.timestamp_text(AT)),
)
others = st.builds(OtherEvent, st.sampled_from(["heartbeat", "gpi", "BALANCED_PERFORMANCE"]))


def tag(**fields):
    return json.dumps({"type": "SIMPLE", "data": {"idHex": "e280", **fields}}).encode()


def parsed(read_all, payload):
    (found,) = read_all(ZebraCodec(), payload)
    return found


@settings(deadline=None)
@given(st.lists(events | others, max_size=5), st.integers(1, 200), st.sampled_from([b"", b",", b"\n"]))
def test_events_survive_encode_and_parse_in_any_pieces(read_all, sent, size, delimiter):
    stream = delimiter.join(encode_event(event) for event in sent)
    assert read_all(ZebraCodec(), *[stream[at : at + size] for at in range(0, len(stream), size)]) == sent
    assert read_all(ZebraCodec(), b"[" + stream + b"]") == sent


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2024-11-21T13:20:53.319-0600", 1_732_216_853_319),
        ("2023-02-24T10:14:42.851+0000", 1_677_233_682_851),
        ("2026-05-19T14:23:11Z", 1_779_200_591_000),
        ("2024-11-21T13:20:53.319", None),
        ("0001-01-01T00:00:00+0000", None),
        ("soon", None),
    ],
)
def test_a_tag_with_an_odd_time_still_counts(read_all, timestamp, at):
    event = json.loads(tag()) | {"timestamp": timestamp}
    found = parsed(read_all, json.dumps(event).encode())
    assert (found.epc, found.at, found.timestamp) == ("E280", at, timestamp)


@pytest.mark.parametrize(
    ("channel", "khz"),
    [("918.70000000000005", 918_700), ("866.3", 866_300), ("927.25", 927_250), ("903", 903_000)],
)
def test_megahertz_are_rounded_to_kilohertz(read_all, channel, khz):
    assert parsed(read_all, tag(channel=json.loads(channel))).frequency_khz == khz


def test_fast_id_is_epc_and_tid(read_all):
    found = parsed(
        read_all, tag(idHex="e28011b0a5050076c4d7530a" + "e28011b02000b30a26ba03b6", format="fastID")
    )
    assert (found.epc, found.tid) == ("E28011B0A5050076C4D7530A", "E28011B02000B30A26BA03B6")


@pytest.mark.parametrize(
    "fields",
    [
        {"idHex": None},
        {"idHex": ""},
        {"idHex": "E2"},
        {"idHex": "E28"},
        {"idHex": "XYZW"},
        {"idHex": 12},
        {"idHex": "00" * 64},
        {"idHex": "e28011b02000b30a26ba03b6", "format": "fastID"},
        {"antenna": 0},
        {"antenna": "1"},
        {"antenna": 1.5},
        {"peakRssi": 10**30},
        {"peakRssi": "-60"},
        {"eventNum": -1},
        {"reads": 0},
        {"channel": 918_700},
        {"phase": 1e9},
        {"PC": "300"},
        {"PC": "30 0"},
        {"CRC": 12},
        {"TID": "e2"[:1]},
        {"TID": "zz"},
    ],
    ids=repr,
)
def test_a_bad_event_spoils_only_itself(read_all, fields):
    good = tag()
    found = read_all(ZebraCodec(), good + tag(**fields) + good)
    assert [type(item) for item in found] == [TagEvent, Reject, TagEvent]
    assert found[1].reason == "value"
    assert found[1].detail


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"SIMPLE"}',
        b'{"type":"SIMPLE","data":[]}',
        b'{"type":"SIMPLE","data":{}}',
        b'{"data":{"idHex":"e280"}}',
        b'{"type":1}',
        b"{}",
        b"null",
        b"7",
        b'"text"',
        b"\xff\xfe",
        b'{"type":"\xff"}',
        b'{"type":"\\ud800"}',
        b'{"type":"x","data":1e999}',
        b'{"type":"' + b"x" * 300 + b'"}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b"x" * 100_000,
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_hostile_payloads_make_rejects(read_all, payload):
    found = read_all(ZebraCodec(), payload)
    assert found
    assert all(isinstance(item, Reject) and len(item.raw) <= MAX_REJECT_BYTES for item in found)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(read_all, payload):
    assert isinstance(read_all(ZebraCodec(), payload), list)


@pytest.mark.parametrize("payload", [b"", b" \r\n", b"[]"])
def test_nothing_is_said(read_all, payload):
    assert read_all(ZebraCodec(), payload) == []


@pytest.mark.parametrize(
    "payload",
    [
        b'{"component":"RG","data":{"radio_control":{}},"eventNum":372,"timestamp":"2026-03-28T07:19:57.878+0000","type":"heartbeat"}',
        b'{"type":"BALANCED_PERFORMANCE","data":{"tagData":[{"EPCid":"E28011606000020E8A58E4DB","seenCount":1}]}}',
        b'{"type":"heartbeat","data":null}',
    ],
)
def test_events_without_a_tag_show_life(read_all, payload):
    assert isinstance(parsed(read_all, payload), OtherEvent)
