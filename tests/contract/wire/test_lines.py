"""Text lines: endings, noise, lines that are too long, and how scales write numbers."""

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.wire import weighing
from contract.wire.base import Reject
from contract.wire.lines import MAX_LINE, Line, LineCodec, encode


class AnyLine(LineCodec[Line]):
    """Takes every line but those that say no."""

    def _parse(self, text, ending):
        if text == "no":
            raise FrameError("odd", "never")
        return Line(text=text, ending=ending)


class Headless(AnyLine):
    """Takes no line that follows noise."""

    def _parse(self, text, ending):
        return super()._parse("no" if self._torn else text, ending)


class Tabbed(AnyLine):
    unprintable = re.compile(rb"[^\x20-\x7E\t]")


bits = st.one_of(
    st.sampled_from([b"\r\n", b"\n", b"\r", b"no", b"weight", b"\x00", b"\t", b"x" * 119, b"y" * 121]),
    st.binary(max_size=4),
)
streams = st.lists(bits, max_size=14).map(b"".join)


@pytest.mark.parametrize("codec", [AnyLine, Headless, Tabbed])
@settings(deadline=None)
@given(data=streams, at=st.lists(st.integers(0, 400), max_size=8))
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, codec, data, at):
    marks = sorted({min(mark, len(data)) for mark in at})
    chunks = [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]
    whole = read_all(codec(), data)
    assert read_all(codec(), *chunks) == whole
    assert read_all(codec(), *[bytes([byte]) for byte in data]) == whole
    assert reassembled(whole, encode) == data


def test_all_three_endings(read_all):
    found = read_all(AnyLine(), b"a\r\nb\nc\rd\n")
    assert [(line.text, line.ending) for line in found] == [
        ("a", "\r\n"),
        ("b", "\n"),
        ("c", "\r"),
        ("d", "\n"),
    ]


def test_a_lone_cr_waits_for_the_next_byte():
    codec = AnyLine()
    codec.feed(b"a\r")
    assert codec.next_frame() is None
    codec.feed(b"b")
    assert codec.next_frame() == Line(text="a", ending="\r")
    assert codec.close() == Reject("truncated", b"b", "the line closed inside a frame")


@pytest.mark.parametrize("size", [MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE, 3 * MAX_LINE + 5])
def test_the_tail_of_a_long_line_is_no_line(read_all, size):
    found = read_all(AnyLine(), b"x" * size + b"\r\n" + b"whole\r\n")
    assert found[-1] == Line(text="whole")
    assert {item.reason for item in found[:-1]} == {"length"}


def test_a_reopened_line_starts_anew(read_all):
    codec = AnyLine()
    codec.feed(b"x" * MAX_LINE)
    assert codec.next_frame().reason == "length"
    codec.close()
    assert read_all(codec, b"whole\r\n") == [Line(text="whole")]


def test_a_protocol_can_see_that_a_line_follows_noise(read_all):
    data = b"12\xff3.45\r\n6.78\r\n\xff\r\n9\r\n"
    assert read_all(AnyLine(), data)[1] == Line(text="3.45")
    found = read_all(Headless(), data)
    assert [item.raw if isinstance(item, Reject) else item.text for item in found] == [
        b"12\xff",
        b"3.45\r\n",
        "6.78",
        b"\xff",
        b"\r\n",
        "9",
    ]


def test_a_line_that_a_protocol_refuses_is_a_syntax_reject(read_all):
    assert read_all(AnyLine(), b"no\n") == [Reject("syntax", b"no\n", "never")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("  12.50", "12.50"),
        ("+00123.45", "123.45"),
        ("-  1.640", "-1.640"),
        ("12,5", "12.5"),
        ("7", "7"),
    ],
)
def test_numbers(text, number):
    assert weighing.parse_number(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", " ", "1 2", "1.2.3", "1.", ".5", "+-1", "1e3", "nan", "1,234.5", "1234567890", "٣"]
)
def test_what_is_no_number(text):
    with pytest.raises(FrameError, match="is not a number"):
        weighing.parse_number(text)


def test_units_agree_with_their_definitions():
    assert {unit: weighing.grams(Decimal(1), unit) for unit in weighing.GRAMS_PER} == {
        "g": 1.0,
        "kg": 1000.0,
        "mg": 0.001,
        "lb": 453.59237,
        "oz": 453.59237 / 16,
    }
    assert str(weighing.grams(Decimal("-0.0"), "g")) == "0.0"


@pytest.mark.parametrize(("number", "unit"), [("1", "ct"), ("1", "G"), ("10001", "kg")])
def test_what_is_no_weight(number, unit):
    with pytest.raises(FrameError) as refusal:
        weighing.grams(Decimal(number), unit)
    assert refusal.value.reason == "value"
