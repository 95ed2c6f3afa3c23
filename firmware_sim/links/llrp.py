"""A twin behind a TCP port that speaks LLRP, in real time: any LLRP client can control it.

llrpkit's reader emulator holds the conversation; this file puts the twin behind it in place of the
emulator's invented tags, and mends where the emulator is stricter than LLRP: ENABLE_EVENTS_AND_REPORTS
has no answer, ROSpec id 0 means all, a ROSpec with an immediate start trigger starts when it is enabled,
and an active one may be disabled. One thread runs one event loop; whoever changes the twin meanwhile
holds :attr:`LlrpLink.lock`. After :meth:`LlrpLink.restart` the reader is back on the same port, without
ROSpecs, like one that lost power.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Self

import msgspec
from llrpkit.constants import MESSAGE_HEADER_LEN
from llrpkit.emulator import LLRPEmulator
from llrpkit.exceptions import MessageDecodeError
from llrpkit.protocol import LLRPMessage, decode_message, enums, messages, params

from contract.errors import LinkError
from contract.wire import llrp
from firmware_sim.model import LlrpReaderTwin, Sighting

_logger = logging.getLogger(__name__)

TICK_S: Final = 0.005
STOP_TIMEOUT_S: Final = 5.0
ALL: Final = 0
MAX_FRAME: Final = 4 * 1024 * 1024
EXISTS: Final = enums.ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _whole(rssi_dbm: float | None) -> float | None:
    return None if rssi_dbm is None else float(round(rssi_dbm))


class _Reader(LLRPEmulator):
    """The reader's side of one port."""

    def __init__(
        self,
        twin: LlrpReaderTwin,
        *,
        host: str,
        port: int,
        lock: threading.Lock,
        clock: Callable[[], int],
        feed: Callable[[int], Sequence[Sighting]] | None,
    ) -> None:
        super().__init__(host=host, port=port, antenna_count=twin.antennas, firmware="simulated 1.0")
        self._twin, self._lock, self._clock, self._feed = twin, lock, clock, feed
        self._channels = {khz: index for index, khz in enumerate(twin.frequencies_khz, 1)}
        self._gpi_high = dict(twin.inputs)
        self._gpo_states = dict(twin.outputs)
        self._fine: set[str] = set()
        self._holds = self._holding = False
        self._report_id = 0
        self.refused = 0

    def _now_us(self) -> int:  # type: ignore[override]
        return (self._clock() + self._twin.clock_ahead_ms) * 1_000

    # a client comes

    async def _handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            self.refused += 1
            await self._send_connection_event(writer, EXISTS)
            writer.close()
            return
        self._writer = writer
        with self._lock:
            late_s = self._twin.faults.greets_late_s
        if late_s:
            await asyncio.sleep(late_s)
        self._extensions_enabled = False
        self._disconnected = set()
        self._holding = self._holds
        try:
            await self._send_connection_event(writer, enums.ConnectionAttemptStatusType.Success)
            self._sync_reporting()
            while await self._serve_one(reader):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._leave()
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader) -> bool:
        header = await reader.readexactly(MESSAGE_HEADER_LEN)
        length = int.from_bytes(header[2:6], "big")
        if not MESSAGE_HEADER_LEN <= length <= MAX_FRAME:
            return False
        body = await reader.readexactly(length - MESSAGE_HEADER_LEN)
        try:
            message = decode_message(header + body)
        except MessageDecodeError as error:
            _logger.warning("port=%d undecodable=%s", self.port, error)
            return False
        await self._handle_message(message)
        return True

    def _leave(self) -> None:
        """The client is gone: forget its ROSpecs, unless the reader reads on for the next one."""
        self._stop_reporting()
        self._stop_keepalive()
        self._writer = None
        with self._lock:
            if not self._twin.faults.buffers:
                self._rospecs = {}
                self._twin.transmit(())
                self._twin.forget()

    # what the client asks

    async def _handle_message(self, msg: LLRPMessage) -> None:
        match msg:
            case messages.ENABLE_EVENTS_AND_REPORTS():
                self._holding = False
            case messages.DELETE_ROSPEC(ro_spec_id=0):
                self._rospecs = {}
                self._sync_reporting()
                await self._ok(messages.DELETE_ROSPEC_RESPONSE, msg)
            case messages.DISABLE_ROSPEC(ro_spec_id=which):
                await self._move(
                    which,
                    ("Active", "Enabled", "Disabled"),
                    "Disabled",
                    messages.DISABLE_ROSPEC_RESPONSE,
                    msg,
                )
            case messages.ENABLE_ROSPEC(ro_spec_id=which):
                await self._move(
                    which, ("Disabled", "Enabled"), "Enabled", messages.ENABLE_ROSPEC_RESPONSE, msg
                )
                self._start_immediate()
            case messages.START_ROSPEC(ro_spec_id=0):
                await self._move(ALL, ("Enabled", "Active"), "Active", messages.START_ROSPEC_RESPONSE, msg)
            case messages.STOP_ROSPEC(ro_spec_id=0):
                await self._move(ALL, ("Enabled", "Active"), "Enabled", messages.STOP_ROSPEC_RESPONSE, msg)
            case messages.SET_READER_CONFIG(events_and_reports=holding):
                if holding is not None:
                    self._holds = holding.hold_events_and_reports_upon_reconnect
                await super()._handle_message(msg)
                with self._lock:
                    self._twin.outputs = dict(self._gpo_states)
            case _:
                await super()._handle_message(msg)

    async def _ok(self, answer: type[Any], asked: LLRPMessage) -> None:
        await self._send(answer(llrp_status=self._status_ok()), message_id=asked.message_id)

    async def _move(
        self, which: int, expected: Sequence[str], state: str, answer: type[Any], asked: LLRPMessage
    ) -> None:
        """Bring one ROSpec, or all, into a state, and answer."""
        chosen = [rospec for rospec in self._rospecs if which in (ALL, rospec)]
        wrong = [rospec for rospec in chosen if self._rospecs[rospec][1] not in expected]
        status = self._status_ok()
        if which != ALL and (wrong or not chosen):
            where = self._rospecs[which][1] if chosen else "absent"
            status = self._status_error(
                enums.StatusCode.M_ParameterError, f"ROSpec {which} is {where}, not one of {expected}"
            )
        else:
            for rospec in chosen:
                self._rospecs[rospec] = (self._rospecs[rospec][0], state)
        self._sync_reporting()
        await self._send(answer(llrp_status=status), message_id=asked.message_id)

    def _start_immediate(self) -> None:
        for rospec, (spec, state) in self._rospecs.items():
            trigger = spec.ro_boundary_spec.ro_spec_start_trigger.ro_spec_start_trigger_type
            if state == "Enabled" and trigger == enums.ROSpecStartTriggerType.Immediate:
                self._rospecs[rospec] = (spec, "Active")
        self._sync_reporting()

    def _capabilities_response(self) -> messages.GET_READER_CAPABILITIES_RESPONSE:
        answer = super()._capabilities_response()
        device, regulatory = answer.general_device_capabilities, answer.regulatory_capabilities
        if device is not None and not self._twin.fine:
            device.device_manufacturer_name = 0
        if regulatory is not None:
            regulatory.country_code = self._twin.country
            regulatory.communications_standard = self._twin.standard
            if (band := regulatory.uhf_band_capabilities) is not None:
                table = params.FrequencyHopTable(hop_table_id=1, frequency=list(self._twin.frequencies_khz))
                band.frequency_information.frequency_hop_tables = [table]
        return answer

    async def _keepalive_loop(self, period_s: float) -> None:
        while True:
            await asyncio.sleep(period_s)
            with self._lock:
                lost = self._twin.faults.keep_alives_lost
            if not lost:
                await self._send(messages.KEEPALIVE(), message_id=98)

    # what the twin sees

    def _sync_reporting(self) -> None:
        """Let the twin transmit on the antennas of the active ROSpecs."""
        antennas = [
            antenna
            for spec, state in self._rospecs.values()
            if state == "Active"
            for part in spec.spec_parameters
            if isinstance(part, params.AISpec)
            for antenna in part.antenna_ids or [ALL]
        ]
        self._fine = self._scan_profile().content if self._twin.fine else set()
        with self._lock:
            self._twin.transmit(antennas)

    def _tags_per_report(self) -> int:
        wanted = [
            spec.ro_report_spec.n
            for spec, state in self._rospecs.values()
            if state == "Active" and spec.ro_report_spec is not None
        ]
        return max(1, *wanted) if wanted else 1

    async def run(self) -> None:
        """Ask the twin for reports every tick, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            with self._lock:
                now = self._clock()
                if self._feed is not None:
                    self._twin.see(self._feed(now), now)
                levels = dict(self._twin.inputs)
                writer = self._writer
                groups = [] if writer is None or self._holding else self._twin.take(self._tags_per_report())
            for port, high in levels.items():
                if high != self._gpi_high[port]:
                    await self.set_gpi(port, high)
            if groups and writer is not None and not writer.is_closing():
                writer.write(b"".join(self._report(group) for group in groups))
                with contextlib.suppress(OSError):
                    await writer.drain()

    def _report(self, tags: list[llrp.TagReport]) -> bytes:
        """Return one message; Impinj's finer values only where the client asked for them."""
        self._report_id += 1
        if "phase" not in self._fine:
            tags = [msgspec.structs.replace(tag, phase_deg=None) for tag in tags]
        if "rssi" not in self._fine:
            tags = [msgspec.structs.replace(tag, rssi_dbm=_whole(tag.rssi_dbm)) for tag in tags]
        body = llrp.encode_report(tags, self._channels)
        return llrp.encode(llrp.Message(llrp.RO_ACCESS_REPORT, self._report_id & 0xFFFF_FFFF, body))

    async def end(self) -> None:
        """Drop the client, as when power is lost, and close the port."""
        writer = self._writer
        if writer is not None:
            writer.transport.abort()
        await self.stop()


class LlrpLink:
    """One twin on one TCP port.

    Args:
        twin: the reader.
        host: address to listen on.
        port: TCP port, 0 for any; :attr:`port` tells which.
        feed: gives what the antennas see, for tests without a world.
        clock: time in ms for the twin.

    Attributes:
        lock: hold it to touch the twin while the link runs.
    """

    def __init__(
        self,
        twin: LlrpReaderTwin,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        feed: Callable[[int], Sequence[Sighting]] | None = None,
        clock: Callable[[], int] = _wall_ms,
    ) -> None:
        self.lock = threading.Lock()
        self.port = port
        self._twin, self._host, self._feed, self._clock = twin, host, feed, clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._reader: _Reader | None = None

    @property
    def refused(self) -> int:
        """Clients that were refused because another one was there, since the last start."""
        return 0 if self._reader is None else self._reader.refused

    def start(self) -> None:
        """Listen and serve.

        Raises:
            LinkError: when it runs already, or the port cannot be had.
        """
        if self._thread is not None:
            raise LinkError(f"the simulated LLRP reader on {self._host}:{self.port} runs already")
        up: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(up)), name=f"llrp {self.port}", daemon=True
        )
        self._thread.start()
        try:
            up.result(STOP_TIMEOUT_S)
        except OSError as error:
            self._thread = None
            raise LinkError(
                f"the simulated LLRP reader cannot listen on {self._host}:{self.port}: {error}"
            ) from error

    async def _run(self, up: "Future[None]") -> None:
        reader = _Reader(
            self._twin, host=self._host, port=self.port, lock=self.lock, clock=self._clock, feed=self._feed
        )
        try:
            await reader.start()
        except OSError as error:
            up.set_exception(error)
            return
        self.port, self._reader = reader.port, reader
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        up.set_result(None)
        running = self._loop.create_task(reader.run())
        await self._stopping.wait()
        running.cancel()
        await reader.end()

    def stop(self) -> None:
        """Drop the client and close the port."""
        if self._thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_TIMEOUT_S)
        self._thread = self._reader = None

    def restart(self, down_s: float = 0.0) -> None:
        """Lose power and come back on the same port."""
        self.stop()
        with self.lock:
            self._twin.power_cycle()
        time.sleep(down_s)
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
