"""Twins of scales with text lines: A&D, Ohaus, Kern and an Arduino with an HX711.

They share a plate, a UART and a stream; each has its own commands and its own lines. A changed load is
unstable until it has rested for a while. :meth:`TextScaleTwin.use_unit` changes the unit in mid-stream, as a
key on the scale does.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Final

from contract.wire import and_scale, hx711, kern, mt_sics, ohaus
from contract.wire.base import Codec, Reject
from contract.wire.lines import Line
from contract.wire.weighing import GRAMS_PER
from firmware_sim.devices.plate import Plate
from firmware_sim.devices.serial_line import SerialLine
from firmware_sim.model import ScaleTwin

STREAM_EVERY_MS: Final = 200
KG_DECIMALS_MORE: Final = 3


class TextScaleTwin(ScaleTwin):
    """What the four share.

    Args:
        capacity_g: heavier loads are overload.
        unit: ``g`` or ``kg``.
        decimals: digits after the point of a weight in grams.
        baud: line rate.
        streams: it sends weights without being asked.
    """

    def __init__(
        self,
        *,
        capacity_g: float = 15_000.0,
        unit: str = "g",
        decimals: int = 1,
        baud: int = 9_600,
        streams: bool = False,
    ) -> None:
        self.baud = baud
        self._unit = unit
        self._grams_decimals = decimals
        self._streams_at_start = streams
        self._plate = Plate(capacity_g)
        self._line = SerialLine(baud)
        self._start(0)

    def _start(self, now: int) -> None:
        self._codec = self._codec_for_line()
        self._plate.power_cycle()
        self._line.clear()
        self._streaming = self._streams_at_start
        self._next_weight = now

    def power_cycle(self, now: int) -> None:
        """Forget zero point, tare and a stream that was asked for."""
        self._start(now)

    def load(self, weight_g: float, *, stable: bool, now: int) -> None:
        """What lies on the plate now."""
        self._plate.load(weight_g, stable=stable, now=now)

    def use_unit(self, unit: str) -> None:
        """Somebody pressed the unit key."""
        self._unit = unit

    def receive(self, data: bytes, now: int) -> None:
        """Obey what the host sends."""
        self._codec.feed(data)
        while (frame := self._codec.next_frame()) is not None:
            if not isinstance(frame, Reject):
                self._obey(frame, now)

    def transmit(self, now: int) -> bytes:
        """Return the bytes that left the scale's UART."""
        if self._streaming and now >= self._next_weight:
            self._next_weight = now + STREAM_EVERY_MS
            self._line.report(self._weight_line(now), now)
        return self._line.take(now)

    @property
    def _value(self) -> float:
        """The net weight in the scale's unit, rounded as it shows it."""
        # Adding 0.0 turns a rounded negative zero into zero.
        return round(self._plate.net_g / GRAMS_PER[self._unit], self._decimals) + 0.0

    @property
    def _decimals(self) -> int:
        return self._grams_decimals + (KG_DECIMALS_MORE if self._unit == "kg" else 0)

    def _stream(self, *, on: bool, now: int) -> None:
        self._streaming, self._next_weight = on, now

    @abstractmethod
    def _codec_for_line(self) -> Codec[Any]:
        """Return a codec for what the host sends."""

    @abstractmethod
    def _obey(self, frame: Any, now: int) -> None:
        """Carry out one command of the host."""

    @abstractmethod
    def _weight_line(self, now: int) -> bytes:
        """Return the line that tells the weight now."""


class AndScaleTwin(TextScaleTwin):
    """An A&D balance: Q, SI and S tell a weight, SIR streams, C ends the stream, T and Z are acknowledged."""

    def _codec_for_line(self) -> and_scale.AndScaleCodec:
        return and_scale.AndScaleCodec()

    def _obey(self, frame: Line, now: int) -> None:
        match frame.text:
            case "Q" | "SI" | "S":
                self._line.answer(self._weight_line(now), now)
            case "SIR":
                self._stream(on=True, now=now)
            case "C":
                self._stream(on=False, now=now)
            case "T" | "R":
                self._plate.tare()
                self._line.answer(f"{and_scale.ACK}\r\n".encode("ascii"), now)
            case "Z" if self._plate.zero():
                self._line.answer(f"{and_scale.ACK}\r\n".encode("ascii"), now)
            case _:
                self._line.answer(b"EC,E01\r\n", now)

    def _weight_line(self, now: int) -> bytes:
        if self._plate.beyond:
            return f"OL,{'+' if self._plate.beyond > 0 else '-'}9999999E+19\r\n".encode("ascii")
        return and_scale.standard_line(
            self._value, unit=self._unit, decimals=self._decimals, stable=self._plate.rests(now)
        )


class IndicatorTwin(TextScaleTwin):
    """A generic indicator that streams ``ST,GS,…`` lines by itself.

    Args:
        address: RS-485 address before each line, none for RS-232.
        options: see :class:`TextScaleTwin`.
    """

    def __init__(self, *, address: int | None = None, **options: Any) -> None:
        self._head = "" if address is None else f"{address:02d}"
        super().__init__(**{"streams": True, **options})

    def _codec_for_line(self) -> and_scale.AndScaleCodec:
        return and_scale.AndScaleCodec()

    def _obey(self, frame: Line, now: int) -> None:  # noqa: ARG002 - it answers nothing
        if frame.text == "T":
            self._plate.tare()
        elif frame.text == "Z":
            self._plate.zero()

    def _weight_line(self, now: int) -> bytes:
        status = {1: "OL", -1: "UL"}.get(self._plate.beyond, "ST" if self._plate.rests(now) else "US")
        mode = "NT" if self._plate.tared else "GS"
        return f"{self._head}{status},{mode},{self._value:8.{self._decimals}f},{self._unit:>2}\r\n".encode(
            "ascii"
        )


class OhausTwin(TextScaleTwin):
    """An Ohaus scale: IP and P tell a weight, CP streams, 0P ends the stream; silent while overloaded.

    What a real one writes on overload is not known here, so this one writes nothing.
    """

    def _codec_for_line(self) -> ohaus.OhausCodec:
        return ohaus.OhausCodec()

    def _obey(self, frame: Line, now: int) -> None:
        match frame.text:
            case "IP" | "P":
                self._line.answer(self._weight_line(now), now)
            case "CP":
                self._stream(on=True, now=now)
            case "0P":
                self._stream(on=False, now=now)
            case "T":
                self._plate.tare()
                self._line.answer(b"OK!\r\n", now)
            case "Z" if self._plate.zero():
                self._line.answer(b"OK!\r\n", now)
            case _:
                self._line.answer(b"ES\r\n", now)

    def _weight_line(self, now: int) -> bytes:
        if self._plate.beyond:
            return b""
        return ohaus.weight_line(
            self._value, unit=self._unit, decimals=self._decimals, stable=self._plate.rests(now)
        )


class KernTwin(TextScaleTwin):
    """A Kern scale.

    Args:
        protocol: ``kcp`` answers SI, T and Z; ``tws`` answers w and s, and t tares silently; ``unitless`` is a
            tws scale of 16 characters that leaves out the unit while the weight moves.
        options: see :class:`TextScaleTwin`.
    """

    def __init__(self, *, protocol: str = "kcp", **options: Any) -> None:
        self._protocol = protocol
        super().__init__(**options)

    def _codec_for_line(self) -> kern.KernCodec:
        return kern.KernCodec()

    def _obey(self, frame: Line, now: int) -> None:
        lines: dict[tuple[str, str], Callable[[], bytes]] = {
            ("kcp", "SI"): lambda: self._weight_line(now),
            ("kcp", "T"): self._tare_with_answer,
            ("kcp", "Z"): lambda: b"Z A\r\n" if self._plate.zero() else b"Z +\r\n",
            ("tws", "w"): lambda: self._weight_line(now),
            ("tws", "s"): lambda: self._weight_line(now) if self._plate.rests(now) else b"",
            ("tws", "t"): self._tare_silently,
        }
        kind = "kcp" if self._protocol == "kcp" else "tws"
        answer = lines.get((kind, frame.text), lambda: b"ES\r\n" if kind == "kcp" else b"")()
        if answer:
            self._line.answer(answer, now)

    def _tare_with_answer(self) -> bytes:
        self._plate.tare()
        return b"T A\r\n"

    def _tare_silently(self) -> bytes:
        self._plate.tare()
        return b""

    def _weight_line(self, now: int) -> bytes:
        value, rests = self._value, self._plate.rests(now)
        if self._protocol == "kcp":
            if self._plate.beyond:
                return b"S +\r\n" if self._plate.beyond > 0 else b"S -\r\n"
            return mt_sics.weight_line(value, unit=self._unit, decimals=self._decimals, stable=rests)
        if self._protocol == "unitless":
            if self._plate.beyond:
                return b"=Overload=\r\n"
            sign = "-" if value < 0 else " "
            unit = self._unit if rests else ""
            return f" {sign}{abs(value):>10.{self._decimals}f} {unit:<3}\r\n".encode("ascii")
        status = "E" if self._plate.beyond else "S" if rests else "U"
        return kern.short_line(value, unit=self._unit, decimals=self._decimals, status=status)


class Hx711Twin(TextScaleTwin):
    """An Arduino with an HX711.

    Args:
        sketch: prints ``Load_cell output val:`` lines by itself, and takes ``t``; else serial-scale-hx711.
        noise_g: readings swing by this much around the load, in turn above and below.
        options: see :class:`TextScaleTwin`.
    """

    def __init__(self, *, sketch: bool = False, noise_g: float = 0.3, **options: Any) -> None:
        self._sketch = sketch
        self._noise_g = noise_g
        self._above = False
        super().__init__(**{"streams": sketch, "baud": hx711.BAUD, "decimals": 2, **options})

    def _codec_for_line(self) -> hx711.Hx711Codec:
        return hx711.Hx711Codec()

    def _obey(self, frame: Any, now: int) -> None:
        if not isinstance(frame, hx711.Request) or self._sketch:
            return
        match frame.raw:
            case hx711.WEIGH:
                self._line.answer(self._weight_line(now), now)
            case hx711.TARE:
                self._plate.tare()
            case hx711.IDENTIFY:
                self._line.answer(f"{hx711.IDENTITY}\r\n".encode("ascii"), now)
            case hx711.FACTOR:
                self._line.answer(hx711.weight_line(432.1), now)

    def _weight_line(self, now: int) -> bytes:  # noqa: ARG002 - a load cell knows nothing of rest
        self._above = not self._above
        swing_g = self._noise_g if self._above else -self._noise_g
        label = "Load_cell output val: " if self._sketch else ""
        return hx711.weight_line(self._plate.net_g + swing_g, label=label)
