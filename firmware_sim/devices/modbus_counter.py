"""Twin of a counter on Modbus RTU: two 32-bit totals in holding and input registers, high word first.

It answers its own unit only, refuses addresses that it does not have, and knows no broadcast. Totals wrap
at 16 or 32 bits and are lost with the power. A real one wants 3.5 characters of silence between frames; this
one, like a host behind a USB adapter, does not measure it.
"""

from typing import Final

from contract.wire import modbus_rtu
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import CounterTwin

ILLEGAL_ADDRESS: Final = 0x02
MASKS: Final = {16: 0xFFFF, 32: 0xFFFFFFFF}


class ModbusCounterTwin(CounterTwin):
    """One counter.

    Args:
        unit: its address.
        address: first register.
        bits: width of a total; with 16 each total is one register.
        entered: total at the start, for a device that has been running.
        left: likewise.
        baud: line rate.
        echo: the adapter hears what the host sends.
    """

    def __init__(
        self,
        *,
        unit: int = 1,
        address: int = 0,
        bits: int = 32,
        entered: int = 0,
        left: int = 0,
        baud: int = 9_600,
        echo: bool = False,
    ) -> None:
        self.baud = baud
        self.mute = False
        self._unit = unit
        self._address = address
        self._bits = bits
        self._echo = echo
        self._line = SerialLine(baud)
        self._start(entered, left)

    def _start(self, entered: int, left: int) -> None:
        self._codec = modbus_rtu.ModbusRtuCodec()
        self._line.clear()
        self._entered, self._left = entered, left

    def power_cycle(self, now: int) -> None:  # noqa: ARG002 - nothing here is timed
        """Lose the totals."""
        self._start(0, 0)

    def cross(self, *, entered: int, left: int, now: int) -> None:  # noqa: ARG002
        """Count people."""
        self._entered += entered
        self._left += left

    def receive(self, data: bytes, now: int) -> None:
        """Answer requests to this unit; ``mute`` lets them go unanswered."""
        if self._echo:
            self._line.answer(data, now)
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, modbus_rtu.Request) and frame.unit == self._unit and not self.mute:
                self._line.answer(modbus_rtu.encode(self._answer(frame)), now)

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the counter's UART."""
        return self._line.take(now)

    def _answer(self, request: modbus_rtu.Request) -> modbus_rtu.Frame:
        registers = self._registers()
        first = request.address - self._address
        if first < 0 or first + request.count > len(registers):
            return modbus_rtu.ExceptionReply(request.unit, request.function, ILLEGAL_ADDRESS)
        return modbus_rtu.Response(request.unit, request.function, registers[first : first + request.count])

    def _registers(self) -> tuple[int, ...]:
        mask = MASKS[self._bits]
        entered, left = self._entered & mask, self._left & mask
        if self._bits == 16:
            return entered, left
        return entered >> 16, entered & 0xFFFF, left >> 16, left & 0xFFFF
