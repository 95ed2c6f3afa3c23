"""Counters and PLCs on Modbus RTU (IR beams, light curtains): totals read from registers over RS-485.

There is no standard register map: ``address`` and ``count`` say what to read, ``in_at`` and ``out_at`` where in it
the totals stand. Known maps, as far as public sources go: HARDWARIO Gauger keeps holding registers 45301 to
45308 (``address`` 5300 where the device counts from 40001; their meaning is not known here); ICP DAS ACS-20B
keeps one 32-bit total in 0109 and 010A, high word first (``address`` 265, ``count`` 2, ``out_at`` none).

One request is under way at a time. When its answer does not come, the next one waits longer, up to
``max_wait_ms``. A late answer counts: it is a total. Exceptions are statuses.
"""

from typing import Annotated, Literal

import msgspec

from contract.wire import modbus_rtu
from edge.driver import DriverSpec, StreamDriver
from edge.model import CountRead, Read

FIRST_RETRY_MS = 200


class ModbusCounterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a counter on Modbus RTU.

    Attributes:
        unit: its address on the line.
        function: 3 reads holding registers, 4 input registers.
        address: first register, counted from 0 as on the wire.
        count: how many registers to read.
        in_at: where in them the total of people in begins.
        out_at: where the total of people out begins, none for a counter of one way.
        bits: width of a total.
        words: order of the two registers of a 32-bit total.
        swap: the counter's "in" is the way out.
        poll_ms: how often to ask.
        reply_timeout_ms: how long to wait for an answer.
        max_wait_ms: how long to wait at most before a device that does not answer is asked again.
    """

    unit: Annotated[int, msgspec.Meta(ge=1, le=modbus_rtu.LAST_UNIT)] = 1
    function: Literal[3, 4] = 3
    address: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] = 0
    count: Annotated[int, msgspec.Meta(ge=1, le=modbus_rtu.MAX_REGISTERS)] = 4
    in_at: Annotated[int, msgspec.Meta(ge=0)] = 0
    out_at: Annotated[int, msgspec.Meta(ge=0)] | None = 2
    bits: Literal[16, 32] = 32
    words: Literal["high_first", "low_first"] = "high_first"
    swap: bool = False
    poll_ms: Annotated[int, msgspec.Meta(ge=100, le=600_000)] = 1_000
    reply_timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=60_000)] = 500
    max_wait_ms: Annotated[int, msgspec.Meta(ge=100, le=600_000)] = 30_000

    def __post_init__(self) -> None:
        """Refuse a map that reads beyond its registers."""
        last = max(self.in_at, self.in_at if self.out_at is None else self.out_at) + self.bits // 16
        if last > self.count or self.address + self.count > 0x10000:
            raise ValueError(f"count is {self.count}; expected at least {last} registers below address 65536")

    @property
    def request(self) -> modbus_rtu.Request:
        """What is asked."""
        return modbus_rtu.Request(self.unit, self.function, self.address, self.count)


class ModbusCounterDriver(StreamDriver[modbus_rtu.Frame]):
    """Host side of one counter."""

    def __init__(self, device: str, settings: ModbusCounterSettings) -> None:
        self._settings = settings
        super().__init__(device)
        self._begin(0)

    def _codec_for_line(self) -> modbus_rtu.ModbusRtuCodec:
        return modbus_rtu.ModbusRtuCodec()

    def _begin(self, now: int) -> None:
        self._next_ask = now
        self._answer_by: int | None = None
        self._unanswered = 0
        self._left_over: list[Read] = []

    def poll(self, now: int) -> bytes:
        """Ask when it is time; give up on an answer that did not come."""
        if self._answer_by is not None and now >= self._answer_by:
            self._answer_by = None
            self._unanswered += 1
            wait_ms = FIRST_RETRY_MS * 2 ** min(self._unanswered - 1, 16)
            self._next_ask = now + min(wait_ms, self._settings.max_wait_ms)
            # What came instead of an answer would hide the head of the next one.
            left = self._codec.close()
            self._left_over += [] if left is None else [self._reject(left, now)]
        if self._answer_by is not None or now < self._next_ask:
            return b""
        self._next_ask = now + self._settings.poll_ms
        self._answer_by = now + self._settings.reply_timeout_ms
        return modbus_rtu.encode(self._settings.request)

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Decode the frames that came."""
        left_over, self._left_over = self._left_over, []
        return left_over + super().receive(data, now)

    def disconnected(self, now: int) -> list[Read]:
        """Account for half a frame."""
        left_over, self._left_over = self._left_over, []
        return left_over + super().disconnected(now)

    def _take(self, frame: modbus_rtu.Frame, now: int) -> list[Read]:
        asked = self._settings.request
        if frame == asked and self._answer_by is not None:
            return []  # an adapter that hears itself
        if isinstance(frame, modbus_rtu.Request) or (frame.unit, frame.function) != (
            asked.unit,
            asked.function,
        ):
            return [self._unknown(modbus_rtu.encode(frame), now, "the talk of another unit or master")]
        self._answer_by, self._unanswered = None, 0
        if isinstance(frame, modbus_rtu.ExceptionReply):
            name = modbus_rtu.EXCEPTION_NAMES.get(frame.code, "an unknown exception")
            return [self._status("error", now, f"the device answers: {name} (code {frame.code:02X})")]
        if len(frame.registers) != asked.count:
            detail = f"an answer of {len(frame.registers)} registers; expected {asked.count}"
            return [self._unknown(modbus_rtu.encode(frame), now, detail)]
        return [self._count(frame.registers, now)]

    def _count(self, registers: tuple[int, ...], now: int) -> Read:
        out_at = self._settings.out_at
        entered = self._total(registers, self._settings.in_at)
        left = 0 if out_at is None else self._total(registers, out_at)
        if self._settings.swap:
            entered, left = left, entered
        return CountRead(device=self._device, at=now, line="1", entered=entered, left=left, cumulative=True)

    def _total(self, registers: tuple[int, ...], at: int) -> int:
        if self._settings.bits == 16:
            return registers[at]
        first, second = registers[at : at + 2]
        return first << 16 | second if self._settings.words == "high_first" else second << 16 | first


DRIVER = DriverSpec(
    name="modbus_counter",
    title="People counters and PLCs on Modbus RTU",
    kind="counter",
    transports=("serial", "tcp"),
    protocol="modbus_rtu",
    settings=ModbusCounterSettings,
    build=ModbusCounterDriver,
    silent_after_ms=60_000,
    baud=9_600,
    tier="silver",
    notes="Register map by settings; functions 03 and 04; RTU frames on TCP too (transparent gateways).",
    examples=(
        modbus_rtu.encode(modbus_rtu.Response(1, 3, (0, 42, 0, 37))),
        modbus_rtu.encode(modbus_rtu.Response(1, 3, (1, 0, 0, 65_535))),
    ),
    unknown=modbus_rtu.encode(modbus_rtu.Response(2, 3, (0, 42, 0, 37))),
)
