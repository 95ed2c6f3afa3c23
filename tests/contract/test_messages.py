"""The contract: what was once sent must decode for ever, one bad line spoils no other, numbers come from the header."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import messages as m
from contract.errors import MessageError

GOLDEN = Path(__file__).parent.parent / "golden" / "messages" / "v1"
KINDS = [kind.__struct_config__.tag for kind in m.AnyObservation.__args__]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_golden_sample_that_decodes_and_comes_out_the_same(kind):
    line = (GOLDEN / f"{kind}.json").read_bytes().rstrip(b"\n")
    observation = m.decode_observation(line)
    assert type(observation).__struct_config__.tag == kind
    assert m.encode_observation(observation) == line


def test_the_golden_envelope_decodes_line_by_line():
    envelope = m.split_envelope((GOLDEN / "envelope.ndjson").read_bytes())
    assert (envelope.header.first_seq, envelope.header.last_seq) == (41, 43)
    assert [type(m.decode_observation(line)).__name__ for line in envelope.lines] == [
        "TagArrived",
        "TagPickedUp",
        "PeopleCounted",
    ]
    assert m.digest_line(envelope.lines[0]) == json.loads((GOLDEN / "receipt.json").read_text())["digest"]


@pytest.mark.parametrize(
    ("name", "decode"),
    [
        ("hello", m.decode_hello),
        ("receipt", m.decode_receipt),
        ("command", m.decode_command),
        ("result", m.decode_result),
    ],
)
def test_the_small_messages_have_golden_samples(name, decode):
    payload = (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")
    assert m.encode(decode(payload)) == payload


def test_a_command_anchors_at_most_two_hundred_tags():
    def command(count):
        zones = {f"E2{number:022X}": "shelf-a" for number in range(count)}
        action = m.AnchorTags(zones=zones, taken_at=7)
        return m.Command(command_id="c-1", device="r1", expires_at=9, action=action)

    assert m.decode_command(m.encode(command(m.MAX_ANCHORED))) == command(m.MAX_ANCHORED)
    with pytest.raises(MessageError, match="zones"):
        m.decode_command(m.encode(command(m.MAX_ANCHORED + 1)))


def test_unknown_optional_fields_of_a_later_version_are_ignored():
    line = b'{"kind":"tag_arrived","at":1,"device":"r1","epc":"E200","zone":"a","mood":"fine"}'
    assert m.decode_observation(line).zone == "a"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'{"kind":"tag_arrived"}',
        b'{"kind":"unheard_of","at":1,"device":"r1"}',
        b'{"kind":"tag_arrived","at":-1,"device":"r1","epc":"E200","zone":"a"}',
        b'{"kind":"tag_arrived","at":1e400,"device":"r1","epc":"E200","zone":"a"}',
        b'{"kind":"tag_arrived","at":1,"device":"r 1","epc":"E200","zone":"a"}',
        b'{"kind":"tag_arrived","at":1,"device":"r1","epc":"e200","zone":"a"}',
        b'{"kind":"tag_arrived","at":1,"device":"r1","epc":"E200","zone":"a\\n"}',
        b'{"kind":"weight_changed","at":1,"device":"s","zone":"a","sku":null,"weight_g":NaN,"delta_g":0}',
        b'{"kind":"people_counted","at":1,"device":"d","line":"1","entered":99999999999999999999}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_an_unreadable_observation_says_why(line):
    with pytest.raises(MessageError) as caught:
        m.decode_observation(line)
    assert caught.value.reason == "bad_observation"
    assert str(caught.value)


@pytest.mark.parametrize(
    "payload", [b"", b"\n\n", b"{}", b"\x00" * 10, b'{"v":2,"first_seq":1,"last_seq":1,"sent_at":1}']
)
def test_an_unreadable_header_says_why(payload):
    with pytest.raises(MessageError) as caught:
        m.split_envelope(payload)
    assert caught.value.reason == "bad_header"


def test_a_header_that_counts_backwards_and_an_envelope_that_is_too_big_are_refused():
    with pytest.raises(MessageError, match="below"):
        m.split_envelope(b'{"first_seq":5,"last_seq":4,"sent_at":1}')
    with pytest.raises(MessageError, match="at most"):
        m.split_envelope(b"x" * (m.MAX_ENVELOPE_BYTES + 1))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_envelope_or_a_message_error(payload):
    reason = ""
    try:
        m.split_envelope(payload)
    except MessageError as error:
        reason = error.reason
    assert reason in ("", "bad_header", "bad_range", "too_big")


@given(
    first=st.integers(1, 2**40),
    epcs=st.lists(st.integers(0, 2**96 - 1), min_size=1, max_size=20),
    at=st.integers(0, 9_999_999_999_999),
)
def test_an_envelope_gives_back_its_lines_and_their_numbers(first, epcs, at):
    observations = [m.TagArrived(at=at, device="r1", epc=f"{n:024X}", zone="a") for n in epcs]
    lines = [m.encode_observation(o) for o in observations]
    envelope = m.split_envelope(m.encode_envelope(first, lines, sent_at=at))
    assert envelope.lines == lines
    assert envelope.header.last_seq - envelope.header.first_seq + 1 == len(lines)
    assert [m.decode_observation(line) for line in envelope.lines] == observations


@given(a=st.binary(max_size=50), b=st.binary(max_size=50))
def test_the_digest_tells_lines_apart_and_fits_64_bits(a, b):
    assert (m.digest_line(a) == m.digest_line(b)) == (a == b)
    assert -(2**63) <= m.digest_line(a) < 2**63


def test_observations_are_frozen():
    observation = m.TagArrived(at=1, device="r1", epc="E200", zone="a")
    with pytest.raises(AttributeError):
        observation.zone = "b"
    assert msgspec.structs.replace(observation, zone="b").zone == "b"
