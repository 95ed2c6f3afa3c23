"""One connection to a reader that speaks LLRP, from its greeting to its end.

The session reads the reader's word that it may, its capabilities and its events, asks for keep-alives, and
brings the reader to the configuration that is wanted: region first, then power and antennas, then the
inventory. Tag reports are read by :mod:`contract.wire.llrp`; all other messages are left to llrpkit. After
each read it waits :data:`GATHER_S`, so that a thousand reports a second wake the agent fifty times. What
ends it is a LinkError that says why.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from llrpkit.client import check_status
from llrpkit.exceptions import CapabilityError, LLRPError, MessageDecodeError
from llrpkit.inventory import DEFAULT_ROSPEC_ID, build_rospec
from llrpkit.protocol import LLRPMessage, decode_message, enums, impinj, messages, params
from llrpkit.reader import ReaderCapabilities

from contract.errors import LinkError
from contract.wire import llrp, llrp_session
from contract.wire.base import Reject
from contract.wire.llrp_session import InputReport, KeptAlive, ReaderHello, ReaderState, Refused, Wanted

log = logging.getLogger(__name__)

CONNECT_S: Final = 5.0
ANSWER_S: Final = 5.0
GATHER_S: Final = 0.02
MISSING_KEEP_ALIVES: Final = 3
RESTART_S: Final = 5.0
"""When a reader ends the inventory by itself, it is begun again after this."""
MAX_READ: Final = 256 * 1024
ALL: Final = 0

_REFUSALS: Final = {
    enums.ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists: "another client controls it",
    enums.ConnectionAttemptStatusType.Failed_A_Reader_Initiated_Connection_Already_Exists: "it is connected to another client that it called itself",
}
_WATCHED: Final = (
    enums.NotificationEventType.GPI_Event,
    enums.NotificationEventType.ROSpec_Event,
    enums.NotificationEventType.Report_Buffer_Fill_Warning,
    enums.NotificationEventType.Reader_Exception_Event,
    enums.NotificationEventType.Antenna_Event,
)


class LlrpSession:
    """One connection to a reader, from its greeting to its end."""

    def __init__(self, line: socket.socket, on_bytes: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._on_bytes = on_bytes
        self._codec = llrp.LlrpCodec()
        self._records: list[llrp_session.Record] = []
        self._answers: dict[int, asyncio.Future[LLRPMessage]] = {}
        self._next_id = 0
        self._accepted: asyncio.Future[int | None] = self._loop.create_future()
        self._capabilities: ReaderCapabilities | None = None
        self._channels: dict[int, int] = {}
        self._region: str | None = None
        self._country = 0
        self._clock_us: int | None = None
        self._accepted_at_s = 0.0
        self._wanted: Wanted | None = None
        self._changed = asyncio.Event()
        self._running: Wanted | None = None
        self._restart = False
        self._keep_alive_ms = Wanted().keep_alive_ms
        self._outputs: dict[int, bool] = {}
        self._kept_at_s = self._loop.time()
        self._open = False

    # what comes

    async def read(self) -> None:
        """Take what the reader sends until the connection ends."""
        while data := await self._loop.sock_recv(self._line, MAX_READ):
            self._codec.feed(data)
            while (message := self._codec.next_frame()) is not None:
                if isinstance(message, Reject):
                    raise LinkError(f"what the reader sends is not LLRP: {message.detail or message.reason}")
                await self._take(message)
            self._hand_over()
            await asyncio.sleep(GATHER_S)
        raise LinkError("the reader closed the connection")

    def _hand_over(self) -> None:
        if self._records and self._open:
            records, self._records = self._records, []
            self._on_bytes(llrp_session.pack(records))

    async def _take(self, message: llrp.Message) -> None:
        if message.type == llrp.RO_ACCESS_REPORT:
            for report in llrp.parse_report(message.body, self._channels):
                if isinstance(report, Reject):
                    self._records.append(Refused(report.reason, report.raw, report.detail))
                else:
                    self._records.append(report)
            return
        if message.type == llrp.KEEPALIVE:
            self._kept_at_s = self._loop.time()
            self._records.append(KeptAlive())
            await self._send(messages.KEEPALIVE_ACK(), message.message_id)
            return
        raw = llrp.encode(message)
        try:
            decoded = decode_message(raw)
        except MessageDecodeError as error:
            self._records.append(Refused("syntax", raw[:256], str(error)))
            return
        if isinstance(decoded, messages.READER_EVENT_NOTIFICATION):
            self._take_event(decoded.reader_event_notification_data)
        elif (answer := self._answers.pop(message.message_id, None)) is not None and not answer.done():
            answer.set_result(decoded)
        elif isinstance(decoded, messages.ERROR_MESSAGE):
            self._tell("error", f"the reader refuses a message: {_reason(decoded.llrp_status)}")

    def _take_event(self, event: params.ReaderEventNotificationData) -> None:
        clock_us = event.timestamp.microseconds if isinstance(event.timestamp, params.UTCTimestamp) else None
        if (attempt := event.connection_attempt_event) is not None:
            self._take_attempt(attempt.status, clock_us)
        if (edge := event.gpi_event) is not None:
            self._records.append(InputReport(edge.gpi_port_number, bool(edge.gpi_event), clock_us))
        if (fault := event.reader_exception_event) is not None:
            self._tell("error", f"the reader reports: {fault.message}")
        if event.report_buffer_overflow_error_event is not None:
            self._tell("error", "the reader's report buffer ran over; reads were lost")
        if (antenna := event.antenna_event) is not None:
            if antenna.event_type == enums.AntennaEventType.Antenna_Disconnected:
                self._tell("error", f"antenna {antenna.antenna_id} is disconnected")
            else:
                self._tell("alive", f"antenna {antenna.antenna_id} is connected")
        if event.connection_close_event is not None:
            raise LinkError("the reader closes the connection")
        ended = event.ro_spec_event
        if ended is not None and ended.event_type != enums.ROSpecEventType.Start_Of_ROSpec and self._running:
            self._tell(
                "error", f"the reader ended the inventory by itself; it is begun again in {RESTART_S:.0f} s"
            )
            self._running, self._restart = None, True
            self._changed.set()

    def _take_attempt(self, status: int, clock_us: int | None) -> None:
        if status == enums.ConnectionAttemptStatusType.Another_Connection_Attempted:
            self._tell("alive", "another client tried to connect to the reader")
        elif status != enums.ConnectionAttemptStatusType.Success:
            why = _REFUSALS.get(enums.ConnectionAttemptStatusType(status), "it gives no reason")
            raise LinkError(f"the reader refuses the connection: {why}")
        elif not self._accepted.done():
            self._accepted.set_result(clock_us)
            self._accepted_at_s = self._loop.time()

    def _tell(self, what: str, detail: str) -> None:
        self._records.append(ReaderState(what, detail))

    # what goes

    async def _send(self, message: LLRPMessage, message_id: int) -> None:
        await self._loop.sock_sendall(self._line, message.to_bytes(message_id=message_id))

    async def _ask(self, message: LLRPMessage) -> LLRPMessage:
        """Send a message and return its answer.

        Raises:
            LinkError: none came in time.
            LLRPError: the reader refuses it.
        """
        self._next_id += 1
        answer: asyncio.Future[LLRPMessage] = self._loop.create_future()
        self._answers[self._next_id] = answer
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._send(message, self._next_id)
                return check_status(await answer)
        except TimeoutError as error:
            raise LinkError(
                f"the reader does not answer {type(message).__name__} within {ANSWER_S:.0f} s"
            ) from error

    async def set_up(self) -> str:
        """Wait to be accepted and ask the reader what it is; return its name."""
        try:
            async with asyncio.timeout(CONNECT_S):
                self._clock_us = await self._accepted
        except TimeoutError as error:
            raise LinkError(f"the reader sends no LLRP greeting within {CONNECT_S:.0f} s") from error
        try:
            answer = await self._ask(
                messages.GET_READER_CAPABILITIES(requested_data=enums.GetReaderCapabilitiesRequestedData.All)
            )
            if not isinstance(answer, messages.GET_READER_CAPABILITIES_RESPONSE):
                raise LinkError(f"the reader answers {type(answer).__name__} when asked what it is")
            capabilities = self._learn(answer)
            if capabilities.is_impinj:
                with contextlib.suppress(LLRPError):
                    await self._ask(impinj.IMPINJ_ENABLE_EXTENSIONS())
            await self._ask(self._events(answer))
            await self._set_keep_alive()
            await self._send(messages.ENABLE_EVENTS_AND_REPORTS(), 0)
            inputs = await self._inputs()
        except LLRPError as error:
            raise LinkError(f"the reader refuses its set-up: {error}") from error
        title = f"manufacturer {capabilities.manufacturer}, model {capabilities.model_number}, firmware {capabilities.firmware}"
        clock_us = self._clock_us
        if clock_us is not None:
            clock_us += round((self._loop.time() - self._accepted_at_s) * 1_000_000)
        self._records[:0] = [ReaderHello(clock_us, title, self._region), *inputs]
        return title

    def _learn(self, answer: messages.GET_READER_CAPABILITIES_RESPONSE) -> ReaderCapabilities:
        capabilities = self._capabilities = ReaderCapabilities(answer)
        regulatory = answer.regulatory_capabilities
        frequencies = capabilities.fixed_frequencies
        if regulatory is not None:
            self._country = regulatory.country_code
            band = regulatory.uhf_band_capabilities
            if band is not None and band.frequency_information.frequency_hop_tables:
                frequencies = list(band.frequency_information.frequency_hop_tables[0].frequency)
            standard = int(regulatory.communications_standard)
            self._region = llrp_session.region_of(self._country, standard, frequencies)
        self._channels = dict(enumerate(frequencies, 1))
        return capabilities

    @staticmethod
    def _events(answer: messages.GET_READER_CAPABILITIES_RESPONSE) -> messages.SET_READER_CONFIG:
        device = answer.general_device_capabilities
        inputs = 0 if device is None else device.gpio_capabilities.num_gp_is
        return messages.SET_READER_CONFIG(
            reset_to_factory_default=False,
            reader_event_notification_spec=params.ReaderEventNotificationSpec(
                event_notification_states=[
                    params.EventNotificationState(event_type=kind, notification_state=True)
                    for kind in _WATCHED
                ]
            ),
            gpi_port_current_states=[
                params.GPIPortCurrentState(gpi_port_num=port, config=True, state=0)
                for port in range(1, inputs + 1)
            ],
        )

    async def _set_keep_alive(self) -> None:
        spec = params.KeepaliveSpec(
            keepalive_trigger_type=enums.KeepaliveTriggerType.Periodic,
            periodic_trigger_value=self._keep_alive_ms,
        )
        await self._ask(messages.SET_READER_CONFIG(reset_to_factory_default=False, keepalive_spec=spec))
        self._kept_at_s = self._loop.time()

    async def _inputs(self) -> list[InputReport]:
        answer = await self._ask(
            messages.GET_READER_CONFIG(
                antenna_id=ALL,
                requested_data=enums.GetReaderConfigRequestedData.GPIPortCurrentState,
                gpi_port_num=ALL,
                gpo_port_num=ALL,
            )
        )
        known = (enums.GPIPortState.Low, enums.GPIPortState.High)
        return [
            InputReport(gpi.gpi_port_num, gpi.state == enums.GPIPortState.High)
            for gpi in getattr(answer, "gpi_port_current_states", [])
            if gpi.state in known
        ]

    def greet(self) -> None:
        """The line is open now: hand over what came during set-up."""
        self._open = True
        self._hand_over()

    async def watch(self) -> None:
        """End the connection when keep-alives stay away."""
        while True:
            limit_s = MISSING_KEEP_ALIVES * self._keep_alive_ms / 1_000
            quiet_s = self._loop.time() - self._kept_at_s
            if quiet_s > limit_s + GATHER_S:
                raise LinkError(
                    f"the reader's keep-alives stopped: none for {quiet_s:.1f} s, one was due every {self._keep_alive_ms / 1_000:g} s"
                )
            await asyncio.sleep(max(limit_s + 2 * GATHER_S - quiet_s, GATHER_S))

    def want(self, wanted: Wanted) -> None:
        """Take a new configuration."""
        self._wanted = wanted
        self._changed.set()

    async def obey(self) -> None:
        """Bring the reader to the wanted configuration, whenever it changes."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._restart:
                self._restart = False
                await asyncio.sleep(RESTART_S)
            wanted = self._wanted
            if wanted is None:
                continue
            if wanted.keep_alive_ms != self._keep_alive_ms:
                self._keep_alive_ms = wanted.keep_alive_ms
                await self._trying("keep-alives", self._set_keep_alive())
            await self._switch_outputs(wanted)
            await self._run_inventory(wanted)
            self._hand_over()

    async def _trying(self, what: str, doing: Coroutine[Any, Any, object]) -> bool:
        """Await something; a refusal is told and is not the end of the connection."""
        try:
            await doing
        except LLRPError as error:
            self._tell("error", f"the reader refuses {what}: {error}")
            return False
        return True

    async def _switch_outputs(self, wanted: Wanted) -> None:
        for port, high in wanted.outputs.items():
            if self._outputs.get(port) == high:
                continue
            change = messages.SET_READER_CONFIG(
                reset_to_factory_default=False,
                gpo_write_datas=[params.GPOWriteData(gpo_port_number=port, gpo_data=high)],
            )
            if await self._trying(f"output {port}", self._ask(change)):
                self._outputs[port] = high

    async def _run_inventory(self, wanted: Wanted) -> None:
        radio = Wanted(
            region=wanted.region,
            power_dbm=wanted.power_dbm,
            antennas=wanted.antennas,
            running=wanted.running,
            tags_per_report=wanted.tags_per_report,
        )
        if radio == self._running:
            return
        self._running = None
        try:
            await self._ask(messages.DELETE_ROSPEC(ro_spec_id=ALL))
            if (why := self._no_region(wanted.region)) is not None:
                self._tell("no_region", why)
            elif not wanted.running:
                self._tell("stopped", "the inventory is switched off")
                self._running = radio
            else:
                power_dbm = await self._start(wanted)
                self._running = radio
                antennas = ", ".join(map(str, wanted.antennas)) or "all"
                self._tell("started", f"region {wanted.region}, {power_dbm:g} dBm, antennas {antennas}")
        except LLRPError as error:
            self._tell("stopped", f"the reader refuses the inventory: {error}")

    def _no_region(self, region: str | None) -> str | None:
        """Return why nothing may be transmitted, None when the regions agree."""
        if self._region is None:
            return f"the reader tells no RF region that is known here (country {self._country})"
        built_for = f"the reader is built for region {self._region!r} (country {self._country})"
        if region is None:
            return f"no region is configured; {built_for}"
        return None if region == self._region else f"region {region!r} is configured, but {built_for}"

    async def _start(self, wanted: Wanted) -> float:
        """Begin the inventory; return the power it runs with."""
        capabilities = self._capabilities
        if capabilities is None:
            raise CapabilityError("the reader has not told what it is")
        if wanted.antennas and max(wanted.antennas) > capabilities.max_antennas:
            raise CapabilityError(
                f"antenna {max(wanted.antennas)} is wanted, it has {capabilities.max_antennas}"
            )
        power_index = capabilities.power_index_for_dbm(wanted.power_dbm)
        spec = build_rospec(
            antennas=wanted.antennas,
            transmit_power_index=power_index,
            hop_table_id=1 if capabilities.hopping else 0,
            channel_index=0 if capabilities.hopping else 1,
            report_every_n=wanted.tags_per_report,
            enable_impinj_reports=capabilities.is_impinj,
            include_phase=capabilities.is_impinj,
        )
        report = spec.ro_report_spec
        if report is not None:
            content = report.tag_report_content_selector
            content.enable_last_seen_timestamp = False
            for selector in content.air_protocol_epc_memory_selectors:
                selector.enable_pc_bits = True
        await self._ask(messages.ADD_ROSPEC(ro_spec=spec))
        await self._ask(messages.ENABLE_ROSPEC(ro_spec_id=DEFAULT_ROSPEC_ID))
        await self._ask(messages.START_ROSPEC(ro_spec_id=DEFAULT_ROSPEC_ID))
        return capabilities.transmit_powers[power_index]

    async def farewell(self) -> None:
        """Leave the reader quiet and free for others."""
        self._running = None
        with contextlib.suppress(LLRPError):
            await self._ask(messages.DELETE_ROSPEC(ro_spec_id=ALL))
            await self._ask(messages.CLOSE_CONNECTION())


def _reason(status: params.LLRPStatus) -> str:
    return status.error_description or f"status {int(status.status_code)}"
