"""Readers that speak LLRP (Impinj Speedway and R700, Zebra FX, and most other fixed readers).

The transport holds LLRP's conversation; this driver says how the reader shall be configured and turns
what comes into reads. Without a region, or with one that is not the reader's own, nothing is transmitted
and the status says why.

The reader's clock is taken at connection and followed by the freshest of its reports, which are dated by
their distance from it, so a reader whose clock was never set or drifts dates its reads rightly all the
same. Reports that the reader kept while nobody
was connected are not counted: that time was blind. Every keep-alive says once more what the reader does,
so a field without tags stays alive and a stopped reader stays blind. Not run on real hardware; an
independent LLRP client reads the simulated reader.
"""

from typing import Annotated, Final

import msgspec

from contract.messages import AnyAction, Region, SetAntennas, SetInventory, SetOutput, SetPower, SetRegion
from contract.wire import llrp_session
from contract.wire.base import Reject
from contract.wire.llrp import TagReport
from edge.driver import Driver, DriverSpec
from edge.model import NOT_SENSING, InputRead, Read, TagRead

CLOCK_WINDOW_MS: Final = 30_000
MAX_AGE_MS: Final = 60_000
"""A reader that dates a report further back than this has set its clock back."""
KEPT_MS: Final = 10_000
"""Reports from before the connection come within this after it."""


class LlrpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an LLRP reader.

    Attributes:
        region: RF region; must be the one that the reader's firmware is built for.
        power_dbm: transmit power; the reader takes the nearest lower step that it has.
        antennas: 1-based, empty for all.
        inventory: begin to read as soon as the reader is set up.
        tags_per_report: the reader waits for so many tags before it reports; more cost less, and a
            lone tag is told later.
        keep_alive_s: how often the reader shows life; three missing ones close the line.
    """

    region: Region | None = None
    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=33)] = 24.0
    antennas: tuple[Annotated[int, msgspec.Meta(ge=1, le=64)], ...] = ()
    inventory: bool = True
    tags_per_report: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    keep_alive_s: Annotated[float, msgspec.Meta(ge=0.2, le=3)] = 2.0


class ReaderClock:
    """How far the reader's clock is ahead of ours.

    A report is on its way for some time, never less than none, so the highest lead that was seen lately is
    the truest. Two windows are kept, so that drift is followed and one old report moves nothing.
    """

    def __init__(self, now: int) -> None:
        self._since = now
        self._lead_ms: int | None = None
        self._earlier_ms: int | None = None

    def note(self, reader_us: int, now: int) -> None:
        """Take the reader's time of something that has come."""
        lead_ms = reader_us // 1_000 - now
        if self._lead_ms is None:
            self._lead_ms = lead_ms
        elif now - self._since >= CLOCK_WINDOW_MS:
            self._since, self._earlier_ms, self._lead_ms = now, self._lead_ms, lead_ms
        elif lead_ms > self._lead_ms:
            self._lead_ms = lead_ms

    def ours(self, reader_us: int) -> int:
        """Return the reader's time as ours, in ms; never later than when it was noted."""
        leads = [lead for lead in (self._lead_ms, self._earlier_ms) if lead is not None]
        return reader_us // 1_000 - max(leads)


class LlrpDriver(Driver):
    """Host side of one reader."""

    def __init__(self, device: str, settings: LlrpSettings) -> None:
        super().__init__(device)
        self._wanted = llrp_session.Wanted(
            region=settings.region,
            power_dbm=settings.power_dbm,
            antennas=settings.antennas,
            running=settings.inventory,
            tags_per_report=settings.tags_per_report,
            keep_alive_ms=round(settings.keep_alive_s * 1_000),
        )
        self._told: llrp_session.Wanted | None = None
        self.connected(0)

    def connected(self, now: int) -> None:
        """Tell the reader anew how it shall be configured."""
        self._opened_at = now
        self._told = None
        self._clock = ReaderClock(now)
        self._state = llrp_session.ReaderState("line_open")

    def poll(self, now: int) -> bytes:  # noqa: ARG002 - nothing is timed here
        """Return the wanted configuration when it is not what the line was told last."""
        if self._told == self._wanted:
            return b""
        self._told = self._wanted
        return llrp_session.pack_wanted(self._wanted)

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Return the reads of one bundle of records."""
        reads: list[Read] = []
        kept = 0
        for record in llrp_session.unpack(data):
            if type(record) is TagReport:
                at = self._time_of(record.first_seen_us, now)
                if at is None:
                    kept += 1
                    continue
                reads.append(
                    TagRead(
                        device=self._device,
                        at=at,
                        epc=record.epc,
                        antenna=record.antenna or 1,
                        rssi_dbm=record.rssi_dbm,
                        phase_deg=record.phase_deg,
                        frequency_khz=record.frequency_khz,
                        reads=max(record.reads, 1),
                        pc=record.pc,
                        tid=record.tid,
                    )
                )
            else:
                reads.append(self._take(record, now))
        if kept:
            reads.append(self._as_it_is(now, f"{kept} reports from before the connection are not counted"))
        return reads

    def _take(self, record: llrp_session.Record | Reject, now: int) -> Read:
        match record:
            case llrp_session.ReaderState(what=what, detail=detail):
                if what in NOT_SENSING or what == "started":
                    self._state = record
                elif what == "alive" or self._state.what in NOT_SENSING:
                    return self._as_it_is(now, detail)
                return self._status(what, now, detail)
            case llrp_session.ReaderHello(clock_us=clock_us, title=title):
                if clock_us is not None:
                    self._clock.note(clock_us, now)
                return self._as_it_is(now, title)
            case llrp_session.InputReport(port=port, high=high, at_us=at_us):
                at = self._time_of(at_us, now)
                return InputRead(device=self._device, at=now if at is None else at, port=port, high=high)
            case llrp_session.KeptAlive():
                return self._as_it_is(now, "keep-alive")
            case llrp_session.Refused(reason=reason, raw=raw, detail=detail):
                return msgspec.structs.replace(self._unknown(raw, now, detail), reason=reason)
            case Reject():
                if llrp_session.is_unknown(record):
                    return self._unknown(record.raw, now, record.detail)
                return self._reject(record, now)
            case _:
                return self._unknown(b"", now, f"a {type(record).__name__} is not expected here")

    def _as_it_is(self, now: int, detail: str) -> Read:
        """Show life, but not of a reader that senses nothing."""
        if self._state.what in NOT_SENSING:
            return self._status(self._state.what, now, self._state.detail or detail)
        return self._status("alive", now, detail)

    def _time_of(self, reader_us: int | None, now: int) -> int | None:
        """Return a time by our clock, None for what lies before the connection."""
        if reader_us is None:
            return now
        self._clock.note(reader_us, now)
        at = self._clock.ours(reader_us)
        if at < self._opened_at - 1_000 and now - self._opened_at < KEPT_MS:
            return None
        return now if now - at > MAX_AGE_MS else at

    def act(self, action: AnyAction, now: int) -> str:
        """Take a new region, power, antennas, inventory state or output level."""
        wanted = self._wanted
        match action:
            case SetRegion(region=region):
                wanted = msgspec.structs.replace(wanted, region=region)
            case SetPower(power_dbm=power_dbm):
                wanted = msgspec.structs.replace(wanted, power_dbm=power_dbm)
            case SetAntennas(antennas=antennas):
                wanted = msgspec.structs.replace(wanted, antennas=antennas)
            case SetInventory(running=running):
                if running and wanted.region is None:
                    return (
                        "the reader has no RF region and does not transmit without one; set its region first"
                    )
                wanted = msgspec.structs.replace(wanted, running=running)
            case SetOutput(port=port, on=on):
                wanted = msgspec.structs.replace(wanted, outputs={**wanted.outputs, port: on})
            case _:
                return super().act(action, now)
        self._wanted = wanted
        return ""


EXAMPLES: tuple[list[llrp_session.Record], ...] = (
    [TagReport("3034257BF400B7800004CB2F", 1, -60.5, 120.0, 903_250, 1, "3000")],
    [llrp_session.KeptAlive(), TagReport("E28011606000020D2A412182", 4, -71.0, reads=3)],
)

DRIVER = DriverSpec(
    name="llrp",
    title="LLRP readers (Impinj Speedway and R700, Zebra FX7500 and FX9600, others)",
    kind="rfid",
    transports=("llrp",),
    protocol="llrp",
    settings=LlrpSettings,
    build=LlrpDriver,
    silent_after_ms=10_000,
    tier="silver",
    notes="Region must be the reader's own; power, antennas, inputs and outputs; keep-alives watched.",
    examples=tuple(llrp_session.pack(records) for records in EXAMPLES),
    unknown=msgspec.msgpack.encode([[99, "a record of a later version"]]),
)
