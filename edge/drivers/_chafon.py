"""What the drivers of Chafon UHFReader18 and UHFReader288 share: everything but antennas and pins.

The host conversation is the ladder of :mod:`edge.drivers._ladder`: reader information, outputs, region,
power, then inventories, each one request with an answer of one or more frames. A reader that is not asked
does not transmit. Region and power are kept in its EEPROM; they are set when a ladder is climbed and not
otherwise. RSSI has no documented scale and is None in every read. Not run on hardware.

Frames have no mark, so before something is asked again, half an answer is given up: a false length would
otherwise hold back what follows.
"""

from abc import abstractmethod
from typing import ClassVar

import msgspec

from contract.wire import chafon
from contract.wire.base import Reject
from edge.drivers._ladder import INVENTORY, OUTPUTS, LadderDriver, LadderSettings
from edge.model import Read, TagRead

AWAITED = {
    "version": chafon.READER_INFORMATION,
    "outputs": chafon.SET_OUTPUT,
    "inputs": chafon.GET_INPUTS,
    "region": chafon.SET_REGION,
    "power": chafon.SET_POWER,
}
SENT = frozenset(AWAITED.values()) | {chafon.INVENTORY, 0x00}
AFTER_FAULT_MS = 200
"""Pause after a round that failed, so that a reader with no antenna at all is not asked without end."""


class ChafonDriver(LadderDriver[chafon.Frame]):
    """Host side of one reader.

    Attributes:
        model: layout of its inventories.
        others: reader type → driver of readers with another layout, which are not set up.
        scan_time_ms: the longest inventory.
    """

    rungs = ("version", OUTPUTS, "region", "power")
    max_power_dbm = 30
    model: ClassVar[chafon.Model]
    others: ClassVar[dict[int, str]]
    scan_time_ms: int

    def __init__(
        self, device: str, settings: LadderSettings, antennas: tuple[int, ...] = (1,), address: int = 0xFF
    ) -> None:
        self._address = address
        self._owed: list[Read] = []
        super().__init__(device, settings, antennas)

    @abstractmethod
    def _inventory(self) -> chafon.Request:
        """Return the request of the next round."""

    def _codec_for_line(self) -> chafon.ChafonCodec:
        return chafon.ChafonCodec(self.model, "reader")

    def _begin(self, now: int) -> None:
        self._owed = []
        super()._begin(now)

    @property
    def _stall_ms(self) -> int:
        return self.scan_time_ms + super()._stall_ms

    def _round_ms(self) -> int:
        return self.scan_time_ms + self._ladder.reply_timeout_ms

    def poll(self, now: int) -> bytes:
        """Return the request that is due."""
        request = super().poll(now)
        if request and self._tries > 1 and (left := self._codec.close()) is not None:
            self._owed.append(self._reject(left, now))
        return request

    def receive(self, data: bytes, now: int) -> list[Read]:
        """Decode the frames that came, after what was given up."""
        owed, self._owed = self._owed, []
        return owed + super().receive(data, now)

    def _command(self, rung: str) -> bytes | None:
        match rung:
            case "region" if self._region is not None:
                request = chafon.set_region(chafon.BANDS[self.model][self._region])
            case "power":
                request = chafon.set_power(self._power_dbm)
            case "inventory":
                request = self._inventory()
            case "version" | "idle":
                request = chafon.Request(chafon.READER_INFORMATION)
            case _:
                return None
        return self._encode(request)

    def _encode(self, request: chafon.Request) -> bytes:
        return chafon.encode(msgspec.structs.replace(request, address=self._address))

    def _understand(self, frame: chafon.Frame, now: int) -> list[Read]:
        if self._address not in (chafon.ANY_ADDRESS, frame.address):
            return []
        match frame:
            case chafon.TagList(tags=tags, status=status):
                reads = [self._take_tag(tag, frame, now) for tag in tags]
                if status != chafon.MORE_FOLLOW:
                    self._next_round(now)
                return reads or [self._alive(now)]
            case chafon.Reply(command=chafon.INVENTORY, status=chafon.NO_TAG | chafon.STATISTICS):
                self._next_round(now)
                return [self._alive(now)]
            case chafon.Reply(command=chafon.INVENTORY, status=status):
                self._next_round(now)
                self._send_at(now + AFTER_FAULT_MS)
                return [self._status("error", now, f"inventory: {_fault(status)}")]
            case chafon.Reply(command=command) if command in SENT:
                return self._take_answer(frame, now)
            case _:
                return [self._unknown(chafon.encode(frame), now, "an answer to a request that is never sent")]

    def _take_tag(self, tag: chafon.Tag, frame: chafon.TagList, now: int) -> Read:
        if not tag.epc:
            return self._reject(Reject("value", chafon.encode(frame), "a tag has no EPC"), now)
        return TagRead(
            device=self._device,
            at=now,
            epc=tag.epc.hex().upper(),
            antenna=frame.antenna or 1,
            tid=None if tag.tid is None else tag.tid.hex().upper(),
        )

    def _errands(self) -> tuple[str, ...]:
        """Return what to ask between two rounds."""
        return ()

    def _next_round(self, now: int) -> None:
        self._round_over(now, *(self._errands() if self._rung == INVENTORY else ()))

    def _take_answer(self, reply: chafon.Reply, now: int) -> list[Read]:
        awaited = reply.command == AWAITED.get(self._rung)
        if reply.status != chafon.SUCCEEDED:
            if awaited:
                return [self._answered(now, f"was refused: {_fault(reply.status)}")]
            return [self._status("error", now, f"{self._rung}: {_fault(reply.status)}")]
        about = chafon.information(reply)
        if about is not None and about.type_code in self.others:
            detail = f"the reader is a {about.text}; its driver is {self.others[about.type_code]}"
            return [self._unknown(chafon.encode(reply), now, detail)]
        if awaited:
            return [*self._inputs(reply, now), self._answered(now)]
        return [*self._inputs(reply, now), self._alive(now, "" if about is None else about.text)]

    def _inputs(self, reply: chafon.Reply, now: int) -> list[Read]:  # noqa: ARG002 - readers without pins
        return []


def _fault(status: int) -> str:
    return f"{chafon.FAULT_NAMES.get(status, 'unknown status')} (status {status:02X})"
