"""R700 payloads: shapes, spellings of binary values, hostile input."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire import impinj_json
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.impinj_json import OtherEvent, TagEvent, encode_event, parse_payload

EPC = "E28011606000020A6681F23F"
hexes = (
    st.integers(1, 31)
    .flatmap(lambda words: st.binary(min_size=2 * words, max_size=2 * words))
    .map(lambda raw: raw.hex().upper())
)
events = st.builds(
    lambda **fields: TagEvent(**fields, at=None if fields["timestamp"] is None else 1_700_000_000_123),
    epc=hexes,
    antenna=st.none() | st.integers(1, 32),
    rssi_dbm=st.none() | st.integers(-9000, 0).map(lambda cdbm: cdbm / 100),
    phase_deg=st.none() | st.integers(0, 359).map(float),
    frequency_khz=st.none() | st.integers(860_000, 960_000),
    pc=st.none() | st.just("3400"),
    tid=st.none() | hexes,
    hostname=st.none() | st.just("impinj-14-2f-f4"),
    timestamp=st.none() | st.just(impinj_json.timestamp_text(1_700_000_000_123)),
)


def tag(**fields):
    return {"eventType": "tagInventory", "tagInventoryEvent": fields}


def dumped(value):
    return json.dumps(value).encode()


@settings(deadline=None)
@given(
    st.one_of(
        events,
        st.builds(
            OtherEvent, st.text("abcXYZ", min_size=1, max_size=20).filter(lambda t: t != "tagInventory")
        ),
    )
)
def test_events_survive_encode_and_parse(event):
    assert parse_payload(encode_event(event)) == [event]


@settings(deadline=None)
@given(st.lists(events, min_size=2, max_size=5))
def test_lines_and_arrays_mean_the_same(sent):
    bodies = [encode_event(event) for event in sent]
    assert parse_payload(b"\n".join(bodies)) == sent
    assert parse_payload(b"\r\n".join(bodies) + b"\r\n") == sent
    assert parse_payload(b"[" + b",".join(bodies) + b"]") == sent


@pytest.mark.parametrize("epc", ["4oARYGAAAgpmgfI_", "4oARYGAAAgpmgfI/"])
def test_both_base64_alphabets(epc):
    assert parse_payload(dumped(tag(epc=epc)))[0].epc == EPC


@pytest.mark.parametrize("epc", ["ikUCJA==", "ikUCJA"])
def test_padding_is_optional(epc):
    assert parse_payload(dumped(tag(epc=epc)))[0].epc == "8A450224"


def test_time_has_nine_fractional_digits():
    (event,) = parse_payload(dumped({"timestamp": "2026-02-26T17:13:37.432087177Z", **tag(epcHex="E280")}))
    assert event.at == 1_772_126_017_432


@pytest.mark.parametrize("timestamp", ["yesterday", "2026-02-26T17:13:37", "0001-01-01T00:00:00Z", ""])
def test_a_tag_with_an_odd_time_still_counts(timestamp):
    (event,) = parse_payload(dumped({"timestamp": timestamp, **tag(epcHex="E280")}))
    assert (event.epc, event.at) == ("E280", None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"epc": "!!!!"},
        {"epc": "A"},
        {"epc": ""},
        {"epc": "é"},
        {"epcHex": "E2"},
        {"epcHex": "E28"},
        {"epcHex": "XY"},
        {"epcHex": "00" * 64},
        {"epc": "ikUCJA==", "epcHex": "E280"},
        {"epcHex": 12},
        {"epcHex": "E280", "antennaPort": 0},
        {"epcHex": "E280", "antennaPort": "1"},
        {"epcHex": "E280", "peakRssiCdbm": 10**30},
        {"epcHex": "E280", "pc": "?"},
        {"epcHex": "E280", "tidHex": "zz"},
    ],
)
def test_a_bad_event_spoils_only_itself(fields):
    good = tag(epcHex=EPC)
    found = parse_payload(dumped([good, tag(**fields), good]))
    assert [type(item) for item in found] == [TagEvent, Reject, TagEvent]
    assert found[1].reason == "value"
    assert found[1].detail


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"a":NaN}',
        b'{"a":1e999}',
        b"9" * 10_000,
        b'{"eventType":"tagInventory","tagInventoryEvent":' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b'"\\ud800"',
        b"x" * (1024 * 1024),
        b"x" * (1024 * 1024 + 1),
        b"null",
        b"[null, 1, [], {}]",
        b'{"eventType": "tagInventory", "tagInventoryEvent": []}',
        dumped({"eventType": "x" * 1000}),
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_hostile_payloads_make_rejects(payload):
    found = parse_payload(payload)
    assert found
    assert all(isinstance(item, Reject) and len(item.raw) <= MAX_REJECT_BYTES for item in found)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(payload):
    assert isinstance(parse_payload(payload), list)


def test_rejects_are_bounded():
    found = parse_payload(b"x\n" * 100_000)
    assert len(found) == impinj_json.MAX_REJECTS
    assert "left unread" in found[-1].detail


@pytest.mark.parametrize("payload", [b"", b" \r\n", b"[]"])
def test_nothing_is_said(payload):
    assert parse_payload(payload) == []


@settings(deadline=None)
@given(st.text("AQgw+/-_=\x00é \n", max_size=12), st.text("Aq59+/-_", max_size=24))
def test_base64_is_taken_in_either_alphabet_and_nothing_else_is(odd, neat):
    def by_the_book(text):
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except ValueError:
            return None
        canonical = base64.b64encode(raw).decode().rstrip("=") == plain
        return raw.hex().upper() if canonical and raw and len(raw) % 2 == 0 else None

    for text in (odd, neat):
        (found,) = parse_payload(dumped(tag(epc=text)))
        assert (found.epc if isinstance(found, TagEvent) else None) == by_the_book(text)
