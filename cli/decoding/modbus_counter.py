"""Counters on Modbus RTU on the command line.

There is no standard register map, and a capture carries none. So a response is read like this: four
registers are two 32-bit totals, in then out, high word first; two are two 16-bit totals; one is a total of
people in. Any other number is shown as registers. A configured driver needs no such guess.
"""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, count, drain, reject, status
from contract.wire import modbus_rtu
from contract.wire.base import Reject


def decode_modbus_counter(capture: bytes) -> Iterator[Line]:
    """Return what requests, responses and exceptions say."""
    for frame in drain(modbus_rtu.ModbusRtuCodec(), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case modbus_rtu.Request(unit=unit, function=function, address=address, count=registers):
                yield status(
                    "request",
                    f"unit {unit}: {registers} registers from {address:04X} by function {function:02X}",
                )
            case modbus_rtu.ExceptionReply(unit=unit, code=code):
                name = modbus_rtu.EXCEPTION_NAMES.get(code, "unknown exception")
                yield status("exception", f"unit {unit}: {name} (code {code:02X})")
            case modbus_rtu.Response(unit=unit, registers=registers):
                yield _registers(unit, registers)


def _registers(unit: int, registers: tuple[int, ...]) -> Line:
    match registers:
        case (in_high, in_low, out_high, out_low):
            entered, left = in_high << 16 | in_low, out_high << 16 | out_low
            return count(line="1", entered=entered, left=left, cumulative=True)
        case (entered, left):
            return count(line="1", entered=entered, left=left, cumulative=True)
        case (entered,):
            return count(line="1", entered=entered, left=None, cumulative=True)
        case _:
            return status("registers", f"unit {unit}: {' '.join(f'{value:04X}' for value in registers)}")


PROTOCOLS: Final = {"modbus_counter": decode_modbus_counter}
