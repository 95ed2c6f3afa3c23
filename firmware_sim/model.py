"""What the world tells a simulated device, and the shape of such a device (a twin).

A twin plays the device role of a protocol through ``contract.wire``: the world tells it what its
antennas, plates or beams sense; the link hands it bytes from the host and takes the bytes that are due.
Times are integer milliseconds, passed in; a twin has no clock and does no I/O.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from contract.wire.llrp import TagReport


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One successful singulation of a tag by one antenna.

    Attributes:
        epc: upper-case hex.
        antenna: 1-based.
        rssi_dbm: as the reader measures it.
        phase_deg: 0 to 360.
        frequency_khz: channel.
    """

    epc: str
    antenna: int
    rssi_dbm: float
    phase_deg: float = 0.0
    frequency_khz: int = 922_375


class SerialTwin(ABC):
    """A device on a serial line. The link paces :meth:`transmit`'s bytes at the line's baud rate."""

    baud: int = 115_200

    @abstractmethod
    def receive(self, data: bytes, now: int) -> None:
        """Bytes from the host."""

    @abstractmethod
    def transmit(self, now: int) -> bytes:
        """Return the bytes this device wants to send up to ``now``; called often."""

    @abstractmethod
    def power_cycle(self, now: int) -> None:
        """Lose everything that real power loss loses (counters, running inventory, region)."""


class ReaderTwin(SerialTwin):
    """An RFID reader on a serial line."""

    @abstractmethod
    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """What the antennas singulated since the last call; nothing is sent while not transmitting."""

    @property
    @abstractmethod
    def transmitting(self) -> bool:
        """True while the RF field is on."""

    def has_turn(self, antenna: int) -> bool:  # noqa: ARG002 - most readers switch faster than the world ticks
        """Return False while this antenna waits for the next round of its own, in which it sees its tags."""
        return True


class ScaleTwin(SerialTwin):
    """A scale on a serial line."""

    @abstractmethod
    def load(self, weight_g: float, *, stable: bool, now: int) -> None:
        """What lies on the plate now."""


class CounterTwin(SerialTwin):
    """A people counter on a serial line."""

    @abstractmethod
    def cross(self, *, entered: int, left: int, now: int) -> None:
        """People crossed the line."""


class PublishingTwin(ABC):
    """A device that publishes over MQTT by itself, or pushes over HTTP where the topic is a path."""

    @abstractmethod
    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return the (topic, payload) pairs that are due."""


class PublishingReaderTwin(PublishingTwin):
    """An RFID reader that publishes."""

    @abstractmethod
    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """What the antennas singulated since the last call."""


class PublishingCounterTwin(PublishingTwin):
    """A people counter that publishes."""

    @abstractmethod
    def cross(self, *, entered: int, left: int, now: int) -> None:
        """People crossed the line."""

    @abstractmethod
    def power_cycle(self, now: int) -> None:
        """Lose everything that real power loss loses."""


class LlrpFaults(msgspec.Struct):
    """What is wrong with the reader at the moment.

    Attributes:
        keep_alives_lost: it sends none, whatever it was told.
        greets_late_s: it takes this long to say whether it accepts a connection.
        buffers: it goes on reading while nobody is connected, and sends that first to the next client.
    """

    keep_alives_lost: bool = False
    greets_late_s: float = 0.0
    buffers: bool = False


class LlrpReaderTwin(ABC):
    """An RFID reader whose link holds LLRP's conversation.

    Attributes:
        country: ISO 3166-1 numeric code that its firmware is locked to.
        standard: LLRP's CommunicationsStandard, likewise.
        frequencies_khz: its channels, in order.
        antennas: how many it has.
        fine: it is one of Impinj's, with finer RSSI and phase in its reports.
        clock_ahead_ms: its clock minus true time.
        faults: change it at any time.
        inputs: port → level.
        outputs: port → level, set by the host.
    """

    country: int
    standard: int
    frequencies_khz: tuple[int, ...]
    antennas: int
    fine: bool
    clock_ahead_ms: int
    faults: LlrpFaults
    inputs: dict[int, bool]
    outputs: dict[int, bool]

    @abstractmethod
    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """What the antennas singulated since the last call; nothing is seen while not transmitting."""

    @abstractmethod
    def transmit(self, antennas: Sequence[int]) -> None:
        """Inventory on these antennas, none to stop; 0 means all."""

    @abstractmethod
    def take(self, tags_per_report: int) -> list[list[TagReport]]:
        """Return the reports that are due, as groups of so many tags."""

    @abstractmethod
    def forget(self) -> None:
        """Drop the reports that wait."""

    @abstractmethod
    def power_cycle(self) -> None:
        """Lose what power loss loses: inventory, reports, outputs."""
