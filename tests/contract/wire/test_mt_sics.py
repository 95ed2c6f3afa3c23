"""MT-SICS lines: laws, units, dirty lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.wire import lines, mt_sics, weighing
from contract.wire.base import Reject

LINES = [
    b"S S     100.00 g\r\n",
    b"S D    -129.07 kg\n",
    b"S +\r\n",
    b"SI S     12.500 kg\r\n",
    b'I4 A "1234567"\r\n',
    b"ES\r\n",
    b"Z A\r\n",
    b"T S       1.00 g\r\n",
    b"SIR\r\n",
    b"S S       5.00 g\r",
]
pieces = st.one_of(
    st.sampled_from(LINES), st.binary(max_size=30), st.sampled_from(LINES).map(lambda line: line[:-4])
)
streams = st.lists(pieces, max_size=10).map(b"".join)


def cut(data, at):
    marks = sorted({min(mark, len(data)) for mark in at})
    return [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]


@settings(deadline=None)
@given(streams, st.lists(st.integers(0, 300), max_size=12))
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, data, at):
    whole = read_all(mt_sics.MtSicsCodec(), data)
    assert read_all(mt_sics.MtSicsCodec(), *cut(data, at)) == whole
    assert read_all(mt_sics.MtSicsCodec(), *cut(data, range(len(data)))) == whole
    assert reassembled(whole, lines.encode) == data


@settings(deadline=None)
@given(
    st.decimals(-99_999, 99_999, places=2, allow_nan=False),
    st.sampled_from(sorted(weighing.GRAMS_PER)),
    st.booleans(),
    st.booleans(),
)
def test_a_weight_survives_encode_and_decode(read_all, value, unit, stable, strict):
    if abs(float(value)) * weighing.GRAMS_PER[unit] > weighing.MAX_GRAMS:
        return
    line = mt_sics.weight_line(float(value), unit=unit, stable=stable)
    (frame,) = read_all(mt_sics.MtSicsCodec(strict_width=strict), line)
    assert frame.stable is stable
    assert frame.weight_g == pytest.approx(float(value) * weighing.GRAMS_PER[unit])
    assert lines.encode(frame) == line


@settings(deadline=None)
@given(st.sampled_from(sorted(mt_sics.COMMANDS)))
def test_commands_survive(read_all, command):
    (frame,) = read_all(mt_sics.MtSicsCodec(), mt_sics.request(command))
    assert isinstance(frame, mt_sics.Request)
    assert frame.command == command


@pytest.mark.parametrize(
    ("line", "weight_g"),
    [
        (b"S S          1 kg\r\n", 1000.0),
        (b"S S       2.30 kg\n", 2300.0),
        (b"S S      500.0 mg\r\n", 0.5),
        (b"S S        1.0 lb\r\n", 453.59237),
        (b"S S        1.0 oz\r\n", 28.349523125),
        (b"S S      12,50 g\r\n", 12.5),
        (b"S S 1.2345 g\r\n", 1.2345),
        (b"S S -     0.50 g\r\n", -0.5),
    ],
)
def test_units_and_spellings(read_all, line, weight_g):
    (frame,) = read_all(mt_sics.MtSicsCodec(), line)
    assert frame.weight_g == weight_g


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"     100.00 g\r\n", "syntax"),
        (b"S     100.00 g\r\n", "syntax"),
        (b"S S\r\n", "syntax"),
        (b"S S 100.00\r\n", "syntax"),
        (b"S S 1.0.0 g\r\n", "syntax"),
        (b"S S 1 00.00 g\r\n", "syntax"),
        (b"S S nan g\r\n", "syntax"),
        (b"S S 1e9 g\r\n", "syntax"),
        (b"s s 1.0 g\r\n", "syntax"),
        (b"S S 1.0 stone\r\n", "value"),
        (b"S S 999999999 kg\r\n", "value"),
        (b"\r\n", "noise"),
        (b"x" * 500, "length"),
    ],
)
def test_lines_that_are_no_weight(read_all, line, reason):
    found = read_all(mt_sics.MtSicsCodec(), line)
    assert found[0].reason == reason
    assert all(isinstance(item, Reject) for item in found)


def test_half_a_line_at_port_opening_costs_only_itself(read_all, frames_of):
    whole = LINES[0]
    for start in range(1, len(whole) - 2):
        found = frames_of(read_all(mt_sics.MtSicsCodec(), whole[start:] + whole))
        assert [frame.weight_g for frame in found][-1:] == [100.0]
        assert len(found) == 1


def test_noise_before_a_line_costs_only_itself(read_all):
    found = read_all(mt_sics.MtSicsCodec(), b"\x00\xff\x81" + LINES[0])
    assert found[0] == Reject("noise", b"\x00\xff\x81", "bytes that are not printable")
    assert found[1].weight_g == 100.0


def test_a_lost_digit_is_found_by_the_width_of_the_column(read_all):
    line = LINES[0].replace(b"100.00", b"10.00")
    assert read_all(mt_sics.MtSicsCodec(), line)[0].weight_g == 10.0
    assert read_all(mt_sics.MtSicsCodec(strict_width=True), line)[0].reason == "syntax"


def test_unknown_commands_are_not_sent():
    with pytest.raises(FrameError, match="'FORMAT' is no MT-SICS command"):
        mt_sics.request("FORMAT")
