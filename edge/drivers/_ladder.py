"""The conversation that UHF readers on a line share: a ladder of commands, then inventory.

::

    first rung (stop, or version) ─▶ outputs ─▶ region ─▶ power … ─▶ inventory
                                          └─▶ idle: no region, or stopped

Each rung is sent again until its answer comes, and the next one waits for it. So a reader's field is
never switched on before the reader has acknowledged its region, whatever came before on the line. Without
a region, or while stopped, the ladder ends before the region's rung; the reader is then only asked a
harmless question every two seconds, which shows that the line is alive.

The ladder begins again from its foot when nothing valid comes for ``stall_ms`` during inventory (the
reader lost power, and with it its region), when a tag is reported while the reader should be quiet, and
when a command changes what a rung says. Outputs, and questions for inputs, are errands: they are given up
after :data:`ERRAND_TRIES`, so that a reader without them still reads tags.

Readers that take an inventory round by round ask for the next one when the last is over; a round whose
end was lost is asked for again after a pause, without climbing.
"""

from abc import abstractmethod
from collections.abc import Collection
from typing import ClassVar, Final, Protocol, TypeVar

from contract.messages import AnyAction, Region, SetAntennas, SetInventory, SetOutput, SetPower, SetRegion
from edge.driver import StreamDriver
from edge.model import Read, StatusRead

IDLE, INVENTORY = "idle", "inventory"
OUTPUTS, INPUTS, REGION = "outputs", "inputs", "region"
QUIET_QUERY_MS: Final = 2_000
ERRAND_TRIES: Final = 5

FrameT = TypeVar("FrameT")


class LadderSettings(Protocol):
    """What the settings of every such driver have."""

    @property
    def region(self) -> Region | None:
        """RF region; without one the reader does not transmit."""

    @property
    def power_dbm(self) -> float:
        """Transmit power."""

    @property
    def inventory(self) -> bool:
        """Begin to read as soon as the reader is set up."""

    @property
    def reply_timeout_ms(self) -> int:
        """Send a command again when its answer does not come within this time."""

    @property
    def stall_ms(self) -> int:
        """Set the reader up anew when nothing valid comes for this long."""


class LadderDriver(StreamDriver[FrameT]):
    """Host side of one reader; a subclass gives the commands and says what frames mean.

    It calls :meth:`_answered` for the answer to the rung it stands on, :meth:`_round_over` at the end of a
    round, and :meth:`_be_quiet` when a tag comes although it should not.

    Attributes:
        rungs: names from the foot up; ``outputs`` and ``region`` are among them, in this order.
        regions: region names that the family has.
        ports: highest antenna number.
        output_ports: outputs that a host can switch.
        max_power_dbm: highest transmit power.
    """

    rungs: ClassVar[tuple[str, ...]]
    regions: Collection[str] = ()
    ports: int = 1
    output_ports: Collection[int] = ()
    max_power_dbm: float = 33

    def __init__(self, device: str, settings: LadderSettings, antennas: tuple[int, ...] = (1,)) -> None:
        self._ladder = settings
        self._region: Region | None = settings.region
        self._power_dbm = settings.power_dbm
        self._wanted = settings.inventory
        self._antennas = antennas
        self._outputs: dict[int, bool] = {}
        self._climb(0)
        super().__init__(device)

    @abstractmethod
    def _command(self, rung: str) -> bytes | None:
        """Return the bytes of a rung, of ``inventory`` or ``idle``; None when the rung has nothing to do."""

    @abstractmethod
    def _understand(self, frame: FrameT, now: int) -> list[Read]:
        """Return what one frame says."""

    def _begin(self, now: int) -> None:
        """Set the reader up."""
        self._climb(now)

    def _climb(self, now: int) -> None:
        """Begin the ladder at its foot."""
        self._plan = list(self.rungs)
        self._outputs_due = dict(self._outputs)
        self._asked: tuple[int, bool] | None = None
        self._region_stands = False
        self._started = False
        self._heard = now
        self._send_at(now)

    def _send_at(self, when: int) -> None:
        self._tries = 0
        self._next_send = when

    @property
    def _rung(self) -> str:
        if self._plan:
            return self._plan[0]
        return INVENTORY if self._region_stands and self._transmits else IDLE

    @property
    def _transmits(self) -> bool:
        return self._wanted and self._region is not None

    def poll(self, now: int) -> bytes:
        """Return the command that is due."""
        if self._rung == INVENTORY and now - self._heard >= self._stall_ms:
            self._climb(now)
        if now < self._next_send:
            return b""
        while self._tries >= ERRAND_TRIES and self._rung in (OUTPUTS, INPUTS):
            self._finish(now)
        command = self._command(self._rung)
        while command is None:
            self._finish(now)
            command = self._command(self._rung)
        if self._rung == OUTPUTS:
            self._asked = next(iter(self._outputs_due.items()), None)
        self._tries += 1
        self._next_send = now + self._pause_ms()
        return command

    def _pause_ms(self) -> int:
        match self._rung:
            case "idle":
                return QUIET_QUERY_MS
            case "inventory":
                return self._round_ms()
            case _:
                return self._ladder.reply_timeout_ms

    @property
    def _stall_ms(self) -> int:
        """How long an inventory may say nothing before the reader is set up anew."""
        return self._ladder.stall_ms

    def _round_ms(self) -> int:
        """Return how long to wait for a sign of the inventory before it is asked for again."""
        return self._ladder.stall_ms

    def _take(self, frame: FrameT, now: int) -> list[Read]:
        self._heard = now
        if self._rung == INVENTORY:
            self._next_send = now + self._round_ms()
        return self._understand(frame, now)

    def _answered(self, now: int, fault: str = "") -> StatusRead:
        """The answer to the current rung came; climb, or stay on a rung that was refused."""
        rung = self._rung
        if fault:
            if rung in (OUTPUTS, INPUTS):
                self._finish(now)
            return self._status("error", now, f"{rung} {fault}")
        self._finish(now, answered=True)
        if self._plan or self._started:
            return self._status("alive", now)
        if self._rung == IDLE:
            return self._status(self._quiet_word, now)
        self._started = True
        return self._status("started", now, f"region {self._region}, {self._power_dbm:g} dBm")

    def _finish(self, now: int, *, answered: bool = False) -> None:
        """The current rung is done, or given up; an output that was given up is forgotten."""
        self._send_at(now)
        if not self._plan:
            return
        if self._plan[0] == OUTPUTS:
            if self._asked is not None and self._outputs_due.get(self._asked[0]) == self._asked[1]:
                del self._outputs_due[self._asked[0]]
            self._asked = None
            if self._outputs_due:
                return
        if self._plan.pop(0) == REGION:
            self._region_stands = answered
        if self._plan[:1] == [OUTPUTS] and not self._outputs_due:
            del self._plan[0]
        if self._plan[:1] == [REGION] and not self._transmits:
            self._plan.clear()

    @property
    def _quiet_word(self) -> str:
        """What an answer of a reader that is idle is worth."""
        return "no_region" if self._region is None else "stopped"

    def _alive(self, now: int, detail: str = "") -> StatusRead:
        """An answer without other content."""
        return self._status(self._quiet_word if self._rung == IDLE else "alive", now, detail)

    def _round_over(self, now: int, *errands: str) -> None:
        """A round of the inventory has ended: run errands, then ask for the next one."""
        if self._rung == INVENTORY:
            self._plan += errands
        self._send_at(now)

    def _be_quiet(self, now: int) -> None:
        """A tag was reported: when nothing should transmit, stop the reader again."""
        if self._rung == IDLE:
            self._climb(now)

    def _switch(self, now: int) -> None:
        """An output is to be switched. By default between two rounds; a stream must be stopped for it."""
        if OUTPUTS not in self._plan:
            self._plan.append(OUTPUTS)
        if self._rung == OUTPUTS and not self._region_stands:
            self._send_at(now)

    def act(self, action: AnyAction, now: int) -> str:
        """Take a new region, power, inventory state, choice of antennas or output level."""
        match action:
            case SetRegion(region=region):
                if region not in self.regions:
                    return f"this reader has no region {region!r}; it has {', '.join(self.regions)}"
                self._region = region
            case SetPower(power_dbm=power_dbm):
                if power_dbm > self.max_power_dbm:
                    return f"this reader transmits {self.max_power_dbm:g} dBm at most, not {power_dbm:g}"
                self._power_dbm = power_dbm
            case SetInventory(running=running):
                if running and self._region is None:
                    return (
                        "the reader has no RF region and does not transmit without one; set its region first"
                    )
                self._wanted = running
            case SetAntennas(antennas=antennas):
                if max(antennas) > self.ports:
                    has = "antenna 1 only" if self.ports == 1 else f"antennas 1 to {self.ports}"
                    return f"this reader has {has}, not antenna {max(antennas)}"
                self._antennas = tuple(dict.fromkeys(antennas))
            case SetOutput(port=port, on=on):
                if port not in self.output_ports:
                    has = ", ".join(map(str, self.output_ports))
                    return f"this reader has no output {port} that a host can switch; " + (
                        f"it has {has}" if has else "it has none"
                    )
                self._outputs[port] = self._outputs_due[port] = on
                self._switch(now)
                return ""
            case _:
                return super().act(action, now)
        self._climb(now)
        return ""
