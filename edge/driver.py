"""The shape of a driver: host side of one device, bytes in, reads out, bytes to send. No I/O, no clock.

::

    Driver              what the pipeline calls
    └── StreamDriver    a device behind a codec: the receive loop, its accounts and its words, once

A device that is asked over HTTP has the same line of bytes as every other: what :meth:`Driver.poll`
returns is one :class:`HttpRequest` as JSON, what arrives is one :class:`HttpReply` as JSON.

A driver file declares a :class:`DriverSpec` as its module-level ``DRIVER``. Everything that is asked of
every driver (chunks, noise, truncation, reconnects, unknown frames, settings) is asked through the
examples in that declaration, see :mod:`cli.drivers.conformance`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from contract.messages import AnyAction
from contract.wire.base import Codec, Reject
from edge.model import Read, RejectRead, StatusRead

Transport: TypeAlias = Literal["serial", "tcp", "mqtt", "http", "llrp", "http_client"]
Framing: TypeAlias = Literal["8N1", "8E1", "8O1", "7E1", "7O1", "7N2", "8N2"]
Kind: TypeAlias = Literal["rfid", "scale", "counter", "scanner", "label"]
Tier: TypeAlias = Literal["bronze", "silver", "gold"]

FrameT = TypeVar("FrameT")
SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a device.

    Attributes:
        number: the reply carries it.
        path: with its query, from the first slash on.
        form: fields of a POST, sent URL-encoded.
    """

    number: int
    method: Literal["GET", "POST"]
    path: str
    form: dict[str, str] = {}


class HttpReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a device answered.

    Attributes:
        number: that of the request.
        status: as the device gave it; redirects are not followed.
        body: bytes, in JSON as base64.
    """

    number: int
    status: int
    body: bytes = b""


class Driver(ABC):
    """Host side of one device.

    The pipeline calls :meth:`connected` when the line opens, :meth:`receive_on` for what arrives and
    :meth:`poll` every 50 ms or so; what :meth:`poll` returns is written to the line. For MQTT and HTTP
    devices one payload arrives per call and nothing is sent.

    Args:
        device: the device's id; every read carries it.
    """

    def __init__(self, device: str) -> None:
        self._device = device

    @abstractmethod
    def connected(self, now: int) -> None:
        """The line has opened: forget the old conversation and start a new one."""

    @abstractmethod
    def receive(self, data: bytes, now: int) -> list[Read]:
        """Take received bytes and return the reads in them. Never raises on input."""

    def receive_on(self, topic: str, data: bytes, now: int) -> list[Read]:  # noqa: ARG002 - most payloads say it all
        """Take what arrived under an MQTT topic or HTTP path (empty on other lines)."""
        return self.receive(data, now)

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

    def _status(self, what: str, now: int, detail: str = "") -> StatusRead:
        return StatusRead(device=self._device, at=now, what=what, detail=detail)

    def _reject(self, reject: Reject, now: int) -> RejectRead:
        return RejectRead(
            device=self._device, at=now, reason=reject.reason, raw=reject.raw, detail=reject.detail
        )

    def _unknown(self, raw: bytes, now: int, detail: str) -> RejectRead:
        """A valid frame that this driver has no meaning for."""
        return RejectRead(device=self._device, at=now, reason="unknown", raw=raw, detail=detail)


class StreamDriver(Driver, Generic[FrameT]):
    """A driver over a codec: cuts the bytes into frames and accounts for what is none.

    A subclass names its codec and says what a frame means. What it remembers of a conversation it resets
    in :meth:`_begin`.
    """

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._codec = self._codec_for_line()

    @abstractmethod
    def _codec_for_line(self) -> Codec[FrameT]:
        """Return a fresh codec; called for each opened line."""

    @abstractmethod
    def _take(self, frame: FrameT, now: int) -> list[Read]:
        """Return what one frame says."""

    def fresh_codec(self) -> Codec[FrameT]:
        """Return a codec as an opened line gets one."""
        return self._codec_for_line()

    def cut(self, data: bytes) -> list[bytes]:
        """Return ``data`` in pieces: one per frame or reject, and what is left at the end."""
        codec = self.fresh_codec()
        codec.feed(data)
        pieces, at = [], 0
        while codec.next_frame() is not None:
            end = len(data) - codec.waiting
            pieces.append(data[at:end])
            at = end
        return [*pieces, data[at:]] if data[at:] else pieces

    def _begin(self, now: int) -> None:
        """A line has opened: start the conversation anew."""

    def connected(self, now: int) -> None:
        """Forget half a frame, and begin."""
        self._codec = self._codec_for_line()
        self._begin(now)

    def disconnected(self, now: int) -> list[Read]:
        """Account for half a frame."""
        left = self._codec.close()
        return [] if left is None else [self._reject(left, now)]

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Decode the frames that came."""
        self._codec.feed(data)
        reads: list[Read] = []
        while (frame := self._codec.next_frame()) is not None:
            if isinstance(frame, Reject):
                reads.append(self._reject(frame, now))
            else:
                reads += self._take(frame, now)
        return reads


class DriverSpec(msgspec.Struct, Generic[SettingsT], frozen=True, kw_only=True):
    """What a driver file declares as its module-level ``DRIVER``.

    Attributes:
        name: how configuration names it, for example ``m100``.
        title: make and model for people.
        kind: what it senses or shows.
        transports: lines it speaks on.
        protocol: the codec under ``contract.wire`` it uses.
        settings: frozen msgspec Struct of its settings (unknown keys refused).
        build: (device id, settings) → driver.
        silent_after_ms: the device is ``silent`` when nothing useful came for this long.
        baud: default line rate of serial devices.
        framing: data bits, parity and stop bits of serial devices.
        tier: bronze decodes its examples; silver keeps every law of :mod:`cli.drivers.conformance` and
            talks with a simulated twin through a bad line; gold was also run on real hardware.
        notes: one line for the device table.
        examples: whole frames or payloads, each of which gives at least one read of what it senses.
        unknown: a valid frame that the driver reports as unknown; empty where the protocol has none.
        reads_also: a driver whose whole protocol this one reads too; where both understand a line, that
            one is named.
        prepare: brings a connected driver to the point where its examples are what comes next, for
            devices that only answer; None where they speak by themselves.
    """

    name: str
    title: str
    kind: Kind
    transports: tuple[Transport, ...]
    protocol: str
    settings: type[SettingsT]
    build: Callable[[str, Any], Driver]
    silent_after_ms: int = 10_000
    baud: int | None = None
    framing: Framing = "8N1"
    tier: Tier = "bronze"
    notes: str = ""
    examples: tuple[bytes, ...] = ()
    unknown: bytes = b""
    reads_also: str = ""
    prepare: Callable[[Any, int], None] | None = None

    @property
    def streams(self) -> bool:
        """True when its line carries bytes that may be cut anywhere, False for whole payloads."""
        return "serial" in self.transports or "tcp" in self.transports
