"""One pass through the edge without I/O of its own: bytes → reads → observations → outbox.

The pipeline owns the drivers and the sensing states; whoever calls it owns the lines and the clock, so
that a simulated hour runs through the same code as a shop. :meth:`Pipeline.sense` folds what was read;
:meth:`Pipeline.save` stores the observations together with the states that led to them.
"""

import logging
from collections import Counter
from typing import Final

import msgspec

from contract.errors import LinkError
from contract.messages import AnchorTags, AnyAction, AnyObservation, SetOutput
from edge.config import Device, Edge, gate_coefficients
from edge.diagnosis import LineWatch
from edge.driver import Driver
from edge.model import Read, RejectRead, StatusRead, TagRead
from edge.outbox import TELEMETRY, Outbox
from edge.sensing.agreement import AgreementState, expect, restart_agreement, sense_agreement
from edge.sensing.arrays import pack_array, unpack_array
from edge.sensing.doorway import DoorwayState, restart_doorways, sense_doorways
from edge.sensing.footfall import FootfallState, sense_footfall
from edge.sensing.gate import GateState, release_lights, restart_gates, sense_gates
from edge.sensing.gate_batches import Wish
from edge.sensing.health import HealthState, restart_health, sense_health
from edge.sensing.presence import sense_presence
from edge.sensing.presence_state import (
    PresenceState,
    anchor_presence,
    fit,
    restart_presence,
    stored_presence,
)
from edge.sensing.signals import SignalState, sense_signals
from edge.sensing.try_on import sense_try_ons
from edge.sensing.try_on_state import TryOnState, reads_outside, restart_try_ons
from edge.sensing.weight import WeightState, sense_weight, unsettled

log = logging.getLogger(__name__)

CHECKPOINT_MS: Final = 5_000
"""A quiet shop is checkpointed this often, so that a crash is dated to within five seconds."""

MAX_STEP_BACK_MS: Final = 2_000
MAX_REJECTS_PER_PASS: Final = 2_000
MAX_UNSAVED: Final = 50_000


class SensingState(msgspec.Struct, frozen=True):
    """The states of all stages; what a checkpoint holds."""

    presence: PresenceState = PresenceState()
    weight: WeightState = WeightState()
    footfall: FootfallState = FootfallState()
    health: HealthState = HealthState()
    signals: SignalState = SignalState()
    doorways: DoorwayState = DoorwayState()
    gate: GateState = GateState()
    try_ons: TryOnState = TryOnState()
    agreement: AgreementState = AgreementState()


class Batch(msgspec.Struct, frozen=True):
    """What one pass wants stored."""

    observations: tuple[AnyObservation, ...]
    rejects: tuple[RejectRead, ...]
    state: bytes | None


class Pipeline:
    """Drivers and sensing of one agent.

    Args:
        edge: checked configuration.
        outbox: where the last checkpoint is; written only by :meth:`save`.

    Attributes:
        filtered: device → tag reports that the EPC filter dropped since the agent started.
        told: what the last pass of the stages told.
    """

    def __init__(self, edge: Edge, outbox: Outbox) -> None:
        self._edge = edge
        self._outbox = outbox
        self._shelves = edge.place.without(edge.config.try_on.rooms)
        self._drivers: dict[str, Driver] = {
            device.settings.id: device.spec.build(device.settings.id, device.driver_settings)
            for device in edge.devices
        }
        self._watches = {
            device.settings.id: LineWatch(device.settings.id, device.spec, _rate(device))
            for device in edge.devices
            if device.settings.transport in ("serial", "tcp")
        }
        self._reads: list[Read] = []
        self._broken: set[str] = set()
        self._unfulfilled: set[tuple[str, int]] = set()
        self.filtered: Counter[str] = Counter()
        self._unsaved: list[AnyObservation] = []
        self.told: tuple[AnyObservation, ...] = ()
        self._saved_at = 0
        self._encoder = msgspec.msgpack.Encoder(enc_hook=pack_array)
        self._state = self._restore()

    def _restore(self) -> SensingState:
        stored = self._outbox.checkpoint("sensing")
        if stored is None:
            return SensingState()
        try:
            return msgspec.msgpack.decode(stored, type=SensingState, dec_hook=unpack_array)
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            log.error("event=checkpoint_unreadable error=%s effect=sensing_starts_anew", error)
            return SensingState()

    @property
    def state(self) -> SensingState:
        """The sensing states as they are now."""
        return self._state

    def start(self, now: int) -> None:
        """The agent starts: the time since the last checkpoint was blind."""
        health, blind = restart_health(self._state.health, now, place=self._edge.place)
        self._state = msgspec.structs.replace(
            self._state,
            health=health,
            presence=restart_presence(self._state.presence),
            try_ons=restart_try_ons(self._state.try_ons),
            agreement=restart_agreement(self._state.agreement),
        )
        self._unsaved.extend(blind)

    def line_opened(self, device: str, now: int) -> None:
        """A device's line is open."""
        self._drivers[device].connected(now)
        if device in self._watches:
            self._watches[device].opened(now)
        self._reads.append(StatusRead(device=device, at=now, what="line_open"))

    def line_closed(self, device: str, now: int, why: str) -> None:
        """A device's line went away."""
        self._reads.extend(self._drivers[device].disconnected(now))
        if device in self._watches:
            self._watches[device].closed()
        self._reads.append(StatusRead(device=device, at=now, what="line_closed", detail=why[:200]))

    def receive(self, device: str, data: bytes, now: int, topic: str = "") -> None:
        """Bytes or one payload from a device; a driver that raises on them stops no other device.

        Args:
            device: device id.
            data: bytes, or the payload of one message.
            now: when they arrived, in ms.
            topic: MQTT topic or HTTP path of a payload.
        """
        try:
            reads = self._drivers[device].receive_on(topic, data, now)
        except Exception as error:  # drivers come from other packages too
            if device not in self._broken:
                log.error("event=driver_failed device=%s error=%r", device, error, exc_info=error)
            self._broken.add(device)
            reads = [
                RejectRead(device=device, at=now, reason="driver_error", raw=data, detail=repr(error)[:200])
            ]
        else:
            self._broken.discard(device)
        if device in self._watches:
            self._watches[device].received(data, reads, now)
        self._reads.extend(reads)

    def outgoing(self, device: str, now: int) -> bytes:
        """Return what to write to a device now."""
        return self._drivers[device].poll(now)

    def act(self, device: str, action: AnyAction, now: int) -> str | None:
        """Carry out a command; None when there is no such device, else the driver's answer."""
        driver = self._drivers.get(device)
        if driver is None:
            return None
        if isinstance(action, AnchorTags):
            self._anchor(action)
            return ""
        if isinstance(action, SetOutput):
            gate = release_lights(self._state.gate, device, gates=self._edge.config.gates)
            self._state = msgspec.structs.replace(self._state, gate=gate)
        return driver.act(action, now)

    def _fulfil(self, wishes: list[Wish], now: int) -> None:
        """Switch what the gates wish; a reader that cannot is told of once."""
        for device, action in wishes:
            refused = self._drivers[device].act(action, now)
            if refused and (device, action.port) not in self._unfulfilled:
                log.warning("event=gate_light_refused device=%s port=%d why=%s", device, action.port, refused)
                self._unfulfilled.add((device, action.port))

    def _anchor(self, action: AnchorTags) -> None:
        presence = fit(self._state.presence, self._shelves)
        presence = anchor_presence(presence, action.zones, action.taken_at)
        self._state = msgspec.structs.replace(self._state, presence=presence)
        # The command will not come again, so the next pass stores the state whether or not anything happens.
        self._saved_at = 0

    def report(self, observation: AnyObservation) -> None:
        """Add an observation of the agent about itself."""
        self._unsaved.append(observation)

    def sense(self, now: int, *, suspect: bool = False, last: bool = False) -> Batch | None:
        """Fold everything read so far; return what must be stored, None for nothing.

        Args:
            now: ms.
            suspect: the clock is not trusted; observations say so.
            last: the agent stops; the state is stored in any case.
        """
        if now < self._state.health.now - MAX_STEP_BACK_MS:
            self._clock_set_back(now)
        self._reads += [
            verdict for watch in self._watches.values() if (verdict := watch.verdict(now)) is not None
        ]
        reads = [read if read.at <= now else msgspec.structs.replace(read, at=now) for read in self._reads]
        self._reads = []
        if not self._edge.config.epc.keeps_all:
            reads = [self._passed(read) for read in reads]
        place, config, state = self._edge.place, self._edge.config, self._state
        doorways, crossed = sense_doorways(
            state.doorways, reads, now, doorways=config.doorways, settings=config.footfall
        )
        if config.footfall.staff_epcs:
            reads = [self._without_badge(read) for read in reads]
        try_ons, tried = sense_try_ons(state.try_ons, reads, now, place=place, settings=config.try_on)
        weight, steps = sense_weight(state.weight, reads, now, place=place, settings=config.weight)
        footfall, people = sense_footfall(state.footfall, reads, now, place=place)
        agreement, hints = expect(
            state.agreement,
            reads,
            steps,
            people,
            unsettled(weight),
            now,
            place=place,
            settings=config.agreement,
        )
        presence, tags = sense_presence(
            state.presence,
            reads_outside(reads, try_ons),
            now,
            place=self._shelves,
            settings=config.presence,
            hints=hints,
        )
        agreement, doubts = sense_agreement(
            agreement, tags, steps, now, place=place, settings=config.agreement
        )
        health, news = sense_health(state.health, reads, now, place=place)
        signals, said = sense_signals(state.signals, reads, now, place=place, settings=config.enrolment)
        gate, batches, wishes = sense_gates(
            state.gate, reads, now, gates=config.gates, coefficients=gate_coefficients()
        )
        self._fulfil(wishes, now)
        self._state = SensingState(
            presence, weight, footfall, health, signals, doorways, gate, try_ons, agreement
        )
        fresh: list[AnyObservation] = [
            *tags,
            *tried,
            *steps,
            *doubts,
            *people,
            *crossed,
            *batches,
            *said,
            *news,
        ]
        if suspect:
            fresh = [msgspec.structs.replace(observation, suspect=True) for observation in fresh]
        self.told = tuple(fresh)
        self._unsaved.extend(fresh)
        self._bound_memory()
        rejects = tuple(read for read in reads if isinstance(read, RejectRead))[:MAX_REJECTS_PER_PASS]
        if not (last or self._unsaved or rejects or now - self._saved_at >= CHECKPOINT_MS):
            return None
        kept = msgspec.structs.replace(self._state, presence=stored_presence(self._state.presence))
        return Batch(tuple(self._unsaved), rejects, self._encoder.encode(kept))

    def _passed(self, read: Read) -> Read:
        """Return the read, or a mere sign of life for a tag that does not count here."""
        if not isinstance(read, TagRead) or self._edge.config.epc.keeps(read.epc):
            return read
        if read.epc in self._edge.config.footfall.staff_epcs:
            return read
        if not self.filtered[read.device]:
            log.info("event=epc_filtered device=%s first=%s effect=counted_only", read.device, read.epc)
        self.filtered[read.device] += read.reads
        return StatusRead(device=read.device, at=read.at, what="alive")

    def _without_badge(self, read: Read) -> Read:
        """Return the read, or a mere sign of life for a tag that staff wear: its EPC stays here."""
        if not isinstance(read, TagRead) or read.epc not in self._edge.config.footfall.staff_epcs:
            return read
        return StatusRead(device=read.device, at=read.at, what="alive")

    def _clock_set_back(self, now: int) -> None:
        """Every span that is being measured would last until the clock is where it was: begin anew."""
        log.warning(
            "event=clock_set_back by_ms=%d effect=sensing_spans_begin_anew", self._state.health.now - now
        )
        health, _ = restart_health(self._state.health, now, place=self._edge.place)
        presence = restart_presence(self._state.presence)
        doorways = restart_doorways(self._state.doorways, now)
        gate = restart_gates(self._state.gate, now)
        try_ons = restart_try_ons(self._state.try_ons)
        self._state = msgspec.structs.replace(
            self._state,
            health=health,
            presence=presence,
            doorways=doorways,
            gate=gate,
            try_ons=try_ons,
            agreement=AgreementState(),
        )
        self._saved_at = now
        for driver in self._drivers.values():
            driver.connected(now)

    def _bound_memory(self) -> None:
        """While the disk refuses, facts wait in memory; telemetry makes room for them first."""
        if len(self._unsaved) > MAX_UNSAVED:
            facts: list[AnyObservation] = [item for item in self._unsaved if type(item) not in TELEMETRY][
                -MAX_UNSAVED:
            ]
            log.error("event=memory_full dropped=%d", len(self._unsaved) - len(facts))
            self._unsaved = facts

    def save(self, batch: Batch, now: int) -> int:
        """Store a batch durably; returns how many observations were stored.

        On a full or failing disk nothing is stored, the observations wait for the next call, and
        LinkError says why.
        """
        checkpoints = {} if batch.state is None else {"sensing": batch.state}
        self._outbox.commit(batch.observations, checkpoints)
        del self._unsaved[: len(batch.observations)]
        self._saved_at = now
        self._outbox.park(batch.rejects)
        return len(batch.observations)

    def tick(self, now: int, *, suspect: bool = False) -> int:
        """Sense and save in one go; returns how many observations were stored."""
        batch = self.sense(now, suspect=suspect)
        if batch is None:
            return 0
        try:
            return self.save(batch, now)
        except LinkError as error:
            log.error("event=outbox_write_failed waiting=%d error=%s", len(self._unsaved), error)
            return 0


def _rate(device: Device) -> str:
    """Return line rate and framing as people write them; a network line has none."""
    settings, spec = device.settings, device.spec
    if settings.transport != "serial":
        return ""
    return f"{settings.baud or spec.baud} {settings.framing or spec.framing}"
