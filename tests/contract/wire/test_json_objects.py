"""Objects in a stream without delimiters: where they are cut changes nothing, and no byte is lost."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.json_objects import MAX_DEPTH, JsonObjectCodec


class Objects(JsonObjectCodec):
    """Frames are the objects' own text."""

    def _read(self, text):
        return text


texts = st.text(st.sampled_from('{}[]":,\\ aé\n\x07'), max_size=8) | st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(texts, values, max_size=4)
dumped = st.builds(
    lambda value, plain, indent: json.dumps(value, ensure_ascii=plain, indent=indent).encode(),
    objects,
    st.booleans(),
    st.sampled_from([None, 1]),
)
dirt = st.binary(max_size=12) | st.lists(st.sampled_from(b'{}[]":,\\ 1tn'), max_size=12).map(bytes)
streams = st.lists(
    dumped | dirt | dumped.flatmap(lambda raw: st.integers(0, len(raw)).map(lambda at: raw[:at])), max_size=6
).map(b"".join)


@settings(deadline=None)
@given(
    st.lists(dumped, max_size=5), st.sampled_from([b"", b" ", b",", b"\r\n", b",\n  "]), st.integers(1, 40)
)
def test_objects_are_found_however_they_are_joined_and_cut(read_all, sent, delimiter, size):
    stream = delimiter.join(sent)
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert read_all(Objects(), *chunks) == sent


@settings(deadline=None)
@given(streams, st.data())
def test_chunking_changes_nothing(read_all, stream, choice):
    at = sorted(choice.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)]
    whole = read_all(Objects(), stream)
    assert read_all(Objects(), *chunks) == whole
    assert read_all(Objects(), *[bytes([byte]) for byte in stream]) == whole


@settings(deadline=None)
@given(streams)
def test_no_byte_is_lost_but_separators_between_objects(read_all, stream):
    found = read_all(Objects(), stream)
    rest = stream
    for item in found:
        piece = item.raw if isinstance(item, Reject) else item
        at = rest.find(piece)
        assert at >= 0
        assert not rest[:at].strip(b" \t\r\n\x0b\x0c,[]")
        rest = rest[at + len(piece) :]
    if (
        found
        and isinstance(found[-1], Reject)
        and f"{len(rest) + MAX_REJECT_BYTES} bytes" in found[-1].detail
    ):
        return  # the last reject shows the first bytes and counts all of them
    assert not rest.strip(b" \t\r\n\x0b\x0c,[]")


@settings(deadline=None)
@given(streams)
def test_what_is_framed_is_an_object_by_an_independent_parser(read_all, stream):
    for item in read_all(Objects(), stream):
        if not isinstance(item, Reject):
            # The scanner finds ends; what escapes and bytes in a string mean is for the reader of the text.
            text = re.sub(rb"\\.", b"_", item).decode("utf-8", "replace")
            assert isinstance(json.loads(text), dict)


plain = st.dictionaries(
    texts,
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    max_size=3,
)
plain_dumped = st.builds(
    lambda outer, inner, indent: json.dumps(outer | {"data": inner}, indent=indent).encode(),
    plain,
    plain,
    st.sampled_from([None, 1]),
)
plain_streams = st.lists(
    plain_dumped
    | st.sampled_from([b",", b"[", b"\n"])
    | plain_dumped.flatmap(lambda raw: st.integers(0, len(raw)).map(lambda at: raw[:at]))
    | st.tuples(
        plain_dumped,
        st.integers(0),
        st.sampled_from(b'{}",:0.e\\ '),
    ).map(
        lambda drawn: (
            drawn[0][: drawn[1] % len(drawn[0])]
            + bytes([drawn[2]])
            + drawn[0][drawn[1] % len(drawn[0]) + 1 :]
        )
    ),
    max_size=5,
).map(b"".join)


class Careful(Objects):
    """Looks at everything with the scanner."""

    def _glance(self):
        return None


@settings(deadline=None, max_examples=500)
@given(plain_streams, st.integers(1, 60))
def test_a_glance_sees_what_the_scanner_sees(read_all, stream, size):
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert read_all(Objects(), *chunks) == read_all(Careful(), *chunks)
    assert read_all(Objects(), stream) == read_all(Careful(), stream)


@pytest.mark.parametrize("lost", range(1, 60))
def test_an_object_behind_half_a_one_is_found(read_all, lost):
    event = b'{"data":{"antenna":1,"idHex":"e280{\\"","reads":[1,2]},"type":"SIMPLE"}'
    found = read_all(Objects(), event[:lost], event, event)
    assert found[-1] == event
    assert found.count(event) >= (2 if event[:lost].count(b'"') % 2 == 0 else 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a" 1}', "colon"),
        (b'{"a":1 2}', "more"),
        (b"{1:2}", "key"),
        (b'{"a":1,}', "key"),
        (b'{"a":[1}', "end each other"),
        (b'{"a":nul}', "value"),
        (b'{"a":01}', "value"),
        (b'{"a":"\x01"}', "control"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deep"),
        (b'{"a":"' + b"x" * 70_000 + b'"}', "bytes"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_is_no_object_says_why(read_all, text, why):
    found = read_all(Objects(), text)
    assert isinstance(found[0], Reject)
    assert why in found[0].detail


def test_rejects_are_small_and_the_last_one_counts(read_all):
    found = read_all(Objects(), b"x" * 1_000 + b'{"a":"' + b"y" * 1_000)
    assert all(len(item.raw) <= MAX_REJECT_BYTES for item in found)
    assert found[-1].reason == "truncated"
    assert "1238 bytes" in found[-1].detail


@pytest.mark.parametrize(
    "piece", [b"{", b'{"', b'{"a":', b'{"a":[', b'{"a":1,', b"[", b'{"a":[{},', b'"', b"{}"], ids=repr
)
def test_hostile_repetition_costs_in_proportion(read_all, piece):
    class Counting(Objects):
        steps = 0

        def _step(self, scan):
            self.steps += 1
            return super()._step(scan)

    codec = Counting()
    stream = piece * (100_000 // len(piece))
    read_all(codec, stream)
    assert codec.steps <= MAX_DEPTH * len(stream)


def test_an_object_that_means_nothing_is_refused_to_its_last_byte(read_all):
    class Meaningless(JsonObjectCodec):
        def _read(self, text):
            return Reject("value", b"", "it means nothing")

    text = b'  {"a":"' + b"x" * 600 + b'"}'
    found = read_all(Meaningless(), text, text)
    assert b"".join(item.raw for item in found) == text + text
    assert {(item.reason, item.detail) for item in found} == {("value", "it means nothing")}
