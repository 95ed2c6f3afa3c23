"""M100, QM100, YRM100 and R200 modules: UHF RFID on a serial line.

The host conversation is the ladder of :mod:`edge.drivers._ladder`: stop, region, power, multi-poll. While
idle the module is asked for its version.

While polling, tags and "no tag" replies arrive many times a second; silence means that the module ended
its 65535 rounds or lost power, and with it the region.
"""

from typing import Annotated, Literal

import msgspec

from contract.wire import m100
from contract.wire.base import Reject
from edge.driver import DriverSpec
from edge.drivers._ladder import OUTPUTS, LadderDriver
from edge.model import Read, TagRead

M100Region = Literal["cn900", "cn800", "us", "eu", "kr"]
AWAITED = {"stop": m100.STOP, "region": m100.SET_REGION, "power": m100.SET_POWER}


class M100Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an M100-family module.

    Attributes:
        region: RF region; without one the reader does not transmit.
        power_dbm: transmit power.
        dialect: frame marks; ``auto`` tries both and keeps the one that is answered.
        inventory: begin to read as soon as the module is set up.
        reply_timeout_ms: send a command again when its answer does not come within this time.
        stall_ms: set the module up anew when nothing at all comes for this long.
    """

    region: M100Region | None = None
    power_dbm: Annotated[float, msgspec.Meta(ge=0, le=33)] = 20.0
    dialect: Literal["auto", "bb", "aa"] = "auto"
    inventory: bool = True
    reply_timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 500
    stall_ms: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 3_000


class M100Driver(LadderDriver[m100.Frame]):
    """Host side of one module."""

    rungs = ("stop", OUTPUTS, "region", "power")
    regions = tuple(m100.REGION_CODES)

    def __init__(self, device: str, settings: M100Settings) -> None:
        self._dialect: m100.Dialect = "aa" if settings.dialect == "aa" else "bb"
        self._dialect_known = settings.dialect != "auto"
        super().__init__(device, settings)

    def _codec_for_line(self) -> m100.M100Codec:
        return m100.M100Codec()

    def _command(self, rung: str) -> bytes | None:
        match rung:
            case "stop":
                if self._tries and not self._dialect_known:
                    self._dialect = "aa" if self._dialect == "bb" else "bb"
                command = m100.Command(m100.STOP, dialect=self._dialect)
            case "region" if self._region is not None:
                command = m100.set_region(self._region, self._dialect)
            case "power":
                command = m100.set_power(self._power_dbm, self._dialect)
            case "inventory":
                command = m100.multi_poll(dialect=self._dialect)
            case "idle":
                command = m100.Command(m100.MODULE_INFORMATION, b"\x00", self._dialect)
            case _:
                return None
        return m100.encode(command)

    def _understand(self, frame: m100.Frame, now: int) -> list[Read]:
        if not self._dialect_known:
            self._dialect, self._dialect_known = frame.dialect, True
        return [self._read(frame, now)]

    def _read(self, frame: m100.Frame, now: int) -> Read:
        match frame:
            case m100.TagNotification():
                return self._take_tag(frame, now)
            case m100.ErrorReply(error=m100.NO_TAG):
                return self._status("alive", now)
            case m100.ErrorReply(error=error):
                name = m100.ERROR_NAMES.get(error, "unknown error")
                return self._status("error", now, f"{name} (code {error:02X}) at {self._rung}")
            case m100.Response():
                return self._take_response(frame, now)
            case _:
                return self._unknown(
                    m100.encode(frame), now, "a frame that no known firmware sends to a host"
                )

    def _take_tag(self, tag: m100.TagNotification, now: int) -> Read:
        self._be_quiet(now)
        if not tag.epc:
            return self._reject(
                Reject("value", m100.encode(tag), "the tag's PC says that it has no EPC"), now
            )
        return TagRead(
            device=self._device,
            at=now,
            epc=tag.epc.hex().upper(),
            antenna=1,
            rssi_dbm=float(tag.rssi_dbm),
            pc=f"{tag.pc:04X}",
        )

    def _take_response(self, frame: m100.Response, now: int) -> Read:
        if frame.code == AWAITED.get(self._rung):
            fault = "" if frame.succeeded else f"was answered with {frame.parameter.hex() or 'nothing'}"
            return self._answered(now, fault)
        if frame.code == m100.MODULE_INFORMATION:
            text = frame.parameter[1:].decode("ascii", "replace").rstrip("\x00")
            return self._alive(now, text[:100])
        if frame.code in m100.KNOWN_COMMANDS:
            return self._status("alive", now)
        return self._unknown(m100.encode(frame), now, f"an answer to the unknown command {frame.code:02X}")


DRIVER = DriverSpec(
    name="m100",
    title="M100, QM100, YRM100, R200 UHF modules",
    kind="rfid",
    transports=("serial",),
    protocol="m100",
    settings=M100Settings,
    build=M100Driver,
    silent_after_ms=6_000,
    baud=115_200,
    tier="silver",
    notes="One antenna; both frame dialects; does not transmit before its region is set.",
    examples=(
        bytes.fromhex("BB02220011C9340030751FEB705C5904E3D50D703A76EF7E"),
        bytes.fromhex("AA02220011C73000E28068900000500E88C6A4A7119B29DD"),
    ),
    unknown=m100.encode(m100.Response(0x99, b"\x00")),
)
