"""Modbus RTU frames, and pymodbus as an independent judge of every byte."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
)

from contract.errors import FrameError
from contract.wire import modbus_rtu
from contract.wire.base import Reject
from contract.wire.crc import crc16_modbus

U16 = st.integers(0, 0xFFFF)
units = st.integers(1, 247)
functions = st.sampled_from([3, 4])
requests = st.builds(modbus_rtu.Request, units, functions, U16, st.integers(1, 125))
responses = st.builds(
    modbus_rtu.Response, units, functions, st.lists(U16, min_size=1, max_size=125).map(tuple)
)
exceptions = st.builds(modbus_rtu.ExceptionReply, units, functions, st.integers(0, 255))
frames = st.one_of(requests, responses, exceptions)
whole = frames.map(modbus_rtu.encode)
dirt = st.one_of(
    st.binary(max_size=20), st.lists(st.sampled_from(b"\x01\x03\x04\x83\x00\x08"), max_size=20).map(bytes)
)
streams = st.lists(st.one_of(whole, dirt, whole.map(lambda raw: raw[:-1])), max_size=8).map(b"".join)


def theirs(frame):
    """Return the same frame as pymodbus builds it."""
    match frame:
        case modbus_rtu.Request(unit, function, address, count):
            kind = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}[function]
            pdu, is_server = kind(address=address, count=count, dev_id=unit), False
        case modbus_rtu.Response(unit, function, registers):
            kind = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}[function]
            pdu, is_server = kind(registers=list(registers), dev_id=unit), True
        case modbus_rtu.ExceptionReply(unit, function, code):
            pdu, is_server = ExceptionResponse(function, code, device_id=unit), True
    return FramerRTU(DecodePDU(is_server)).buildFrame(pdu)


@settings(deadline=None)
@given(frames)
def test_pymodbus_builds_the_same_bytes(frame):
    assert modbus_rtu.encode(frame) == theirs(frame)


@settings(deadline=None)
@given(st.one_of(requests, responses))
def test_pymodbus_reads_what_we_encode(frame):
    is_request = isinstance(frame, modbus_rtu.Request)
    _, pdu = FramerRTU(DecodePDU(is_request)).handleFrame(modbus_rtu.encode(frame), 0, 0)
    assert (pdu.dev_id, pdu.function_code) == (frame.unit, frame.function)
    if is_request:
        assert (pdu.address, pdu.count) == (frame.address, frame.count)
    else:
        assert tuple(pdu.registers) == frame.registers


@given(st.binary(max_size=300))
def test_pymodbus_computes_the_same_crc(payload):
    swapped = FramerRTU.compute_CRC(payload)
    assert crc16_modbus(payload) == (swapped & 0xFF) << 8 | swapped >> 8


@settings(deadline=None)
@given(frames)
def test_frames_survive_encode_and_decode(read_all, frame):
    assert read_all(modbus_rtu.ModbusRtuCodec(), modbus_rtu.encode(frame)) == [frame]


@settings(deadline=None)
@given(streams, st.lists(st.integers(0, 2000), max_size=8))
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, data, at):
    marks = sorted({min(mark, len(data)) for mark in at})
    chunks = [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]
    found = read_all(modbus_rtu.ModbusRtuCodec(), data)
    assert read_all(modbus_rtu.ModbusRtuCodec(), *chunks) == found
    assert read_all(modbus_rtu.ModbusRtuCodec(), *[bytes([byte]) for byte in data]) == found
    assert reassembled(found, modbus_rtu.encode) == data


def test_frames_are_found_in_random_bytes(read_all, frames_of):
    random = Random(7)
    wanted = [modbus_rtu.Response(1, 3, (0, number, 0, number // 2)) for number in range(200)]
    data = b"".join(random.randbytes(100) + modbus_rtu.encode(frame) for frame in wanted)
    found = frames_of(read_all(modbus_rtu.ModbusRtuCodec(), data))
    assert [frame for frame in found if frame.unit == 1] == wanted


@pytest.mark.parametrize("head", [b"\x01\x03\xfa", b"\x02\x04\x64\x00", b"\x01\x83", b"\xf7\x03\x08"])
def test_a_false_head_does_not_hold_back_what_follows(head):
    codec = modbus_rtu.ModbusRtuCodec()
    frame = modbus_rtu.Response(1, 3, (0, 42, 0, 37))
    codec.feed(head + modbus_rtu.encode(frame))
    assert isinstance(codec.next_frame(), Reject)
    assert codec.next_frame() == frame


@pytest.mark.parametrize("bit", range(8 * 13))
def test_a_flipped_bit_is_found(read_all, bit):
    raw = bytearray(modbus_rtu.encode(modbus_rtu.Response(1, 3, (0, 42, 0, 37))))
    raw[bit // 8] ^= 1 << bit % 8
    assert all(isinstance(item, Reject) for item in read_all(modbus_rtu.ModbusRtuCodec(), bytes(raw)))


@pytest.mark.parametrize(
    "frame",
    [
        modbus_rtu.Request(0, 3, 0, 1),
        modbus_rtu.Request(248, 3, 0, 1),
        modbus_rtu.Request(1, 6, 0, 1),
        modbus_rtu.Request(1, 3, 0x10000, 1),
        modbus_rtu.Request(1, 3, 0, 126),
        modbus_rtu.Response(1, 3, ()),
        modbus_rtu.Response(1, 3, (0x10000,)),
        modbus_rtu.ExceptionReply(1, 3, 256),
    ],
)
def test_what_does_not_fit_is_not_encoded(frame):
    with pytest.raises(FrameError) as refusal:
        modbus_rtu.encode(frame)
    assert refusal.value.reason == "value"


def test_a_request_for_no_registers_is_refused(read_all):
    raw = bytes.fromhex("010300000000")
    raw += crc16_modbus(raw).to_bytes(2, "little")
    assert [item.reason for item in read_all(modbus_rtu.ModbusRtuCodec(), raw)] == ["checksum"]
