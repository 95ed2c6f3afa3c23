"""Terabee frames, with and without sensor id."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.wire import terabee
from contract.wire.base import Reject

U16 = st.integers(0, 0xFFFF)
I32 = st.integers(-(2**31), 2**31 - 1)
distances = st.builds(terabee.Distance, U16, U16)
commands = st.sampled_from(terabee.DOCUMENTED_COMMANDS).map(terabee.Command)


def counts(with_sensor_id):
    return st.builds(terabee.Count, U16, U16, I32, st.integers(0, 2**32 - 1) if with_sensor_id else st.none())


def streams(with_sensor_id):
    frame = st.one_of(distances, counts(with_sensor_id), commands).map(terabee.encode)
    dirt = st.one_of(
        st.binary(max_size=20), st.lists(st.sampled_from(b"DPC\x00\x55\x61"), max_size=20).map(bytes)
    )
    return st.lists(st.one_of(frame, dirt, frame.map(lambda raw: raw[:-2])), max_size=8).map(b"".join)


@pytest.mark.parametrize("with_sensor_id", [False, True])
@settings(deadline=None)
@given(choice=st.data())
def test_frames_survive_encode_and_decode(read_all, with_sensor_id, choice):
    frame = choice.draw(st.one_of(distances, counts(with_sensor_id), commands))
    assert read_all(terabee.TerabeeCodec(with_sensor_id=with_sensor_id), terabee.encode(frame)) == [frame]


@pytest.mark.parametrize("with_sensor_id", [False, True])
@settings(deadline=None)
@given(choice=st.data())
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, with_sensor_id, choice):
    data = choice.draw(streams(with_sensor_id))
    at = sorted(choice.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    chunks = [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
    whole = read_all(terabee.TerabeeCodec(with_sensor_id=with_sensor_id), data)
    assert read_all(terabee.TerabeeCodec(with_sensor_id=with_sensor_id), *chunks) == whole
    assert read_all(terabee.TerabeeCodec(with_sensor_id=with_sensor_id), *[bytes([b]) for b in data]) == whole
    assert reassembled(whole, terabee.encode) == data


def test_counts_are_found_in_random_bytes(read_all, frames_of):
    random = Random(7)
    wanted = [terabee.Count(number, number // 2, number - number // 2) for number in range(200)]
    data = b"".join(random.randbytes(100) + terabee.encode(count) for count in wanted)
    assert frames_of(read_all(terabee.TerabeeCodec(), data)) == wanted


@pytest.mark.parametrize("at", range(2, 11))
def test_a_flipped_bit_is_found(read_all, at):
    raw = bytearray(terabee.encode(terabee.Count(42, 37, 5)))
    raw[at] ^= 0x10
    assert all(isinstance(item, Reject) for item in read_all(terabee.TerabeeCodec(), bytes(raw)))


def test_what_does_not_fit_is_not_encoded():
    with pytest.raises(FrameError, match="does not fit its width"):
        terabee.encode(terabee.Count(65_536, 0, 0))
