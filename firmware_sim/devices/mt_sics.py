"""Twin of an MT-SICS scale: answers S, SI, SIR, Z, ZI, T, TI, @ and I4, and settles before it is stable.

A changed load moves for :data:`SETTLE_MS` at least, even when the world calls it stable at once. ``S``,
``Z`` and ``T`` wait for a stable load and answer ``I`` when it does not come in time; ``SIR`` streams ten
weights a second until ``S``, ``SI`` or ``@``. Net weight is load minus zero point minus tare.
"""

from typing import Final

from contract.wire import mt_sics
from contract.wire.weighing import GRAMS_PER
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import ScaleTwin

SETTLE_MS: Final = 300
STREAM_EVERY_MS: Final = 100
PATIENCE_MS: Final = 5_000
ZERO_RANGE: Final = 0.02
"""The zero point can be set within 2 % of the capacity."""

KG_DECIMALS_MORE: Final = 3


class MtSicsTwin(ScaleTwin):
    """One scale.

    Args:
        capacity_g: heavier loads are overload.
        unit: ``g`` or ``kg``.
        decimals: digits after the point of a weight in grams.
        echo_si: answer SI and SIR with ``SI`` lines, as some firmware does.
    """

    def __init__(
        self,
        *,
        capacity_g: float = 15_000.0,
        unit: str = "g",
        decimals: int = 1,
        baud: int = 9_600,
        serial_number: str = "1234567",
        echo_si: bool = False,
    ) -> None:
        self.baud = baud
        self._capacity_g = capacity_g
        self._unit = unit
        self._decimals = decimals
        self._serial_number = serial_number
        self._echo_si = echo_si
        self._line = SerialLine(baud)
        self._load_g = 0.0
        self._load_stable = True
        self._moved_at = -SETTLE_MS
        self._start(0)

    def _start(self, now: int) -> None:
        self._codec = mt_sics.MtSicsCodec()
        self._line.clear()
        self._zero_g = 0.0
        self._tare_g = 0.0
        self._streaming = False
        self._next_weight = now
        self._waiting: dict[str, int] = {}

    def power_cycle(self, now: int) -> None:
        """Lose zero point, tare and stream; the scale shows its serial number when it is up."""
        self._start(now)
        self._send(f'I4 A "{self._serial_number}"', now)

    def load(self, weight_g: float, *, stable: bool, now: int) -> None:
        """Take what lies on the plate now."""
        resolution_g = 10.0**-self._decimals
        if abs(weight_g - self._load_g) >= resolution_g / 2:
            self._moved_at = now
        self._load_g = weight_g
        self._load_stable = stable

    def receive(self, data: bytes, now: int) -> None:
        """Obey the lines in ``data``."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, mt_sics.Request):
                self._obey(frame.command, now)
            else:
                self._send("ES", now)

    def _obey(self, command: str, now: int) -> None:
        match command:
            case "SIR":
                self._streaming, self._next_weight = True, now
            case "SI":
                self._streaming = False
                self._send(self._weight_line(now, "SI" if self._echo_si else "S"), now)
            case "S":
                self._streaming = False
                self._waiting["S"] = now
            case "Z" | "T":
                self._waiting[command] = now
            case "ZI" | "TI":
                self._settle(command[0], now)
            case "@":
                self._start(now)
                self._send(f'I4 A "{self._serial_number}"', now)
            case "I4":
                self._send(f'I4 A "{self._serial_number}"', now)
            case _:
                self._send("ES", now)

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the scale's UART."""
        for command, since in list(self._waiting.items()):
            if self._stable(now):
                del self._waiting[command]
                self._settle(command, now)
            elif now - since >= PATIENCE_MS:
                del self._waiting[command]
                self._send(f"{command} I", now)
        if self._streaming and now >= self._next_weight:
            self._next_weight = now + STREAM_EVERY_MS
            self._line.report(
                f"{self._weight_line(now, 'SI' if self._echo_si else 'S')}\r\n".encode("ascii"), now
            )
        return self._line.take(now)

    def _stable(self, now: int) -> bool:
        return self._load_stable and now - self._moved_at >= SETTLE_MS

    def _settle(self, command: str, now: int) -> None:
        """Carry out S, Z or T on the load as it is."""
        if command == "S":
            self._send(self._weight_line(now, "S"), now)
        elif command == "Z":
            if abs(self._load_g) > self._capacity_g * ZERO_RANGE:
                self._send(f"Z {'+' if self._load_g > 0 else '-'}", now)
                return
            self._zero_g, self._tare_g = self._load_g, 0.0
            self._send("Z A", now)
        else:
            self._tare_g = self._load_g - self._zero_g
            self._send(f"T S {self._format(self._tare_g)}", now)

    def _weight_line(self, now: int, command: str) -> str:
        gross_g = self._load_g - self._zero_g
        if gross_g > self._capacity_g:
            return f"{command} +"
        if gross_g < -self._capacity_g * ZERO_RANGE:
            return f"{command} -"
        return f"{command} {'S' if self._stable(now) else 'D'} {self._format(gross_g - self._tare_g)}"

    def _format(self, weight_g: float) -> str:
        decimals = self._decimals + (KG_DECIMALS_MORE if self._unit == "kg" else 0)
        # Adding 0.0 turns a rounded negative zero into zero.
        value = round(weight_g / GRAMS_PER[self._unit], decimals) + 0.0
        return f"{value:>10.{decimals}f} {self._unit}"

    def _send(self, text: str, now: int) -> None:
        self._line.answer(f"{text}\r\n".encode("ascii"), now)
