"""What the stages of the edge hand to each other: reads, and the shape of a driver.

A **read** is one raw report as the device said it. Times are integer milliseconds since 1970-01-01
UTC, taken when the bytes arrived, unless the device stamps its reports itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from contract.messages import AnyAction


class TagRead(msgspec.Struct, frozen=True, kw_only=True):
    """One tag report of an RFID reader.

    Attributes:
        device: device id.
        at: when, in ms.
        epc: upper-case hex.
        antenna: 1-based; readers with one antenna say 1.
        rssi_dbm: signal strength.
        reads: how many reads the report stands for.
        pc: protocol-control word as hex, where the device tells it.
    """

    device: str
    at: int
    epc: str
    antenna: int = 1
    rssi_dbm: float | None = None
    phase_deg: float | None = None
    frequency_khz: int | None = None
    reads: int = 1
    pc: str | None = None
    tid: str | None = None


class WeightRead(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a scale, in grams, net."""

    device: str
    at: int
    weight_g: float
    stable: bool


class CountRead(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a people counter.

    Attributes:
        line: counting line; counters with one line say "1".
        entered: people in, since power-on when ``cumulative``, else since the previous report.
        left: people out, likewise.
    """

    device: str
    at: int
    line: str
    entered: int
    left: int
    cumulative: bool


class StatusRead(msgspec.Struct, frozen=True, kw_only=True):
    """The device said something about itself; it is alive, and senses unless NOT_SENSING says otherwise.

    Attributes:
        what: stable word: ``alive`` (an answer without content, such as "no tag"), ``started``,
            ``stopped``, ``error`` (the device reports a fault) …
    """

    device: str
    at: int
    what: str
    detail: str = ""


class RejectRead(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not be understood."""

    device: str
    at: int
    reason: str
    raw: bytes
    detail: str = ""


NOT_SENSING: Final = frozenset({"line_open", "line_closed", "no_region", "stopped"})
"""Statuses of a device that answers but senses nothing: its zones are blind all the same."""

Read: TypeAlias = TagRead | WeightRead | CountRead | StatusRead | RejectRead


class Driver(ABC):
    """Host side of one device: bytes in, reads out, bytes to send. No I/O, no clock.

    The pipeline calls :meth:`connected` when the line opens, :meth:`receive` for what arrives and
    :meth:`poll` every 50 ms or so; what :meth:`poll` returns is written to the line. For MQTT and HTTP
    devices one payload arrives per call and nothing is sent.
    """

    @abstractmethod
    def connected(self, now: int) -> None:
        """The line has opened: forget the old conversation and start a new one."""

    @abstractmethod
    def receive(self, data: bytes, now: int) -> list[Read]:
        """Take received bytes and return the reads in them. Never raises on input."""

    def poll(self, now: int) -> bytes:  # noqa: ARG002 - devices that only talk need no time
        """Return the bytes to send now, empty for none."""
        return b""

    def disconnected(self, now: int) -> list[Read]:  # noqa: ARG002
        """The line has closed: return rejects for what was left half-received."""
        return []

    def act(self, action: AnyAction, now: int) -> str:  # noqa: ARG002
        """Carry out a command's action.

        Returns:
            An empty string when it was taken, else why it cannot be done, in one sentence.
        """
        return f"this device does not know {type(action).__name__}"


SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


class DriverSpec(msgspec.Struct, Generic[SettingsT], frozen=True, kw_only=True):
    """What a driver file declares as its module-level ``DRIVER``.

    Attributes:
        name: how configuration names it, for example ``m100``.
        title: make and model for people.
        kind: what it senses.
        transports: lines it speaks on.
        protocol: the codec under ``contract.wire`` it uses.
        settings: frozen msgspec Struct of its settings (unknown keys refused).
        build: (device id, settings) → driver.
        silent_after_ms: the device is ``silent`` when nothing useful came for this long.
        baud: default line rate of serial devices.
        tier: bronze decodes golden frames; silver survives a bad line; gold has a simulated twin and
            was run on real hardware.
        notes: one line for the device table.
    """

    name: str
    title: str
    kind: Literal["rfid", "scale", "counter"]
    transports: tuple[Literal["serial", "mqtt"], ...]
    protocol: str
    settings: type[SettingsT]
    build: Callable[[str, Any], Driver]
    silent_after_ms: int = 10_000
    baud: int | None = None
    tier: Literal["bronze", "silver", "gold"] = "bronze"
    notes: str = ""


class Parcel(msgspec.Struct, frozen=True):
    """A run of outbox numbers that travels as one envelope.

    Attributes:
        first_seq: number of the first observation.
        last_seq: number of the last.
        lines: the observations as bytes; empty when ``lost``.
        lost: why these numbers have no content, else None.
    """

    first_seq: int
    last_seq: int
    lines: tuple[bytes, ...] = ()
    lost: str | None = None


class Place(msgspec.Struct, frozen=True):
    """What the sensing stages must know of the shop: which device sees what.

    Attributes:
        zones: (device, antenna) → zone.
        trays: device → tray.
        lines: counter device → name of its line, where configuration names it.
        silent_after_ms: device → how long it may say nothing before it counts as silent.
    """

    zones: dict[tuple[str, int], str]
    trays: dict[str, "Tray"]
    lines: dict[str, str]
    silent_after_ms: dict[str, int]

    def zones_of(self, device: str) -> tuple[str, ...]:
        """Return the zones that go blind with this device, in a stable order."""
        seen = {zone for (owner, _), zone in self.zones.items() if owner == device}
        if device in self.trays:
            seen.add(self.trays[device].zone)
        return tuple(sorted(seen))


class Tray(msgspec.Struct, frozen=True):
    """A weighed tray and what lies on it; ``sku`` None for a plate that only weighs."""

    zone: str
    sku: str | None = None
    unit_weight_g: float | None = None
