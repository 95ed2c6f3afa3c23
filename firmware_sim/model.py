"""What the world tells a simulated device, and the shape of such a device (a twin).

A twin plays the device role of a protocol through ``contract.wire``: the world tells it what its
antennas, plates or beams sense; the link hands it bytes from the host and takes the bytes that are due.
Times are integer milliseconds, passed in; a twin has no clock and does no I/O.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec


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


class MqttReaderTwin(ABC):
    """An RFID reader that publishes by itself."""

    @abstractmethod
    def see(self, sightings: Sequence[Sighting], now: int) -> None:
        """What the antennas singulated since the last call."""

    @abstractmethod
    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return the (topic, payload) pairs that are due."""


class PublishingCounterTwin(ABC):
    """A people counter that publishes over MQTT, or pushes over HTTP where the topic is a path."""

    @abstractmethod
    def cross(self, *, entered: int, left: int, now: int) -> None:
        """People crossed the line."""

    @abstractmethod
    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return the (topic, payload) pairs that are due."""

    @abstractmethod
    def power_cycle(self, now: int) -> None:
        """Lose everything that real power loss loses."""
