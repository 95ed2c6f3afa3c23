"""M100, QM100, YRM100 and R200 modules: UHF RFID on a serial line.

The host conversation is a ladder: stop, region, power, multi-poll. Each rung is sent again until its
answer comes, and the next one waits for it. So the field is never switched on before the module has
acknowledged region and power. Without a configured region the ladder ends after stop; the module is
asked for its version every two seconds, which shows that the line is alive, and nothing else.

While polling, tags and "no tag" replies arrive many times a second. When nothing at all comes for
``stall_ms`` (the module ended its 65535 rounds, or lost power and with it the region), the ladder
begins again from its foot. A tag report while the module should be quiet sends stop again.
"""

from typing import Annotated, Literal

import msgspec

from contract.messages import AnyAction, Region, SetInventory, SetPower, SetRegion
from contract.wire import m100
from contract.wire.base import Reject
from edge.driver import DriverSpec, StreamDriver
from edge.model import Read, TagRead

M100Region = Literal["cn900", "cn800", "us", "eu", "kr"]
Rung = Literal["stop", "region", "power", "poll", "idle"]

QUIET_QUERY_MS = 2_000
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


class M100Driver(StreamDriver[m100.Frame]):
    """Host side of one module."""

    def __init__(self, device: str, settings: M100Settings) -> None:
        super().__init__(device)
        self._settings = settings
        self._region: Region | None = settings.region
        self._power_dbm = settings.power_dbm
        self._inventory = settings.inventory
        self._dialect: m100.Dialect = "aa" if settings.dialect == "aa" else "bb"
        self._dialect_known = settings.dialect != "auto"
        self._climb(0)

    def _codec_for_line(self) -> m100.M100Codec:
        return m100.M100Codec()

    def _begin(self, now: int) -> None:
        """Set the module up."""
        self._climb(now)

    def _climb(self, now: int) -> None:
        """Begin the ladder at its foot."""
        self._rung: Rung = "stop"
        self._next_send = now
        self._tries = 0
        self._heard = now

    def poll(self, now: int) -> bytes:
        """Return the command that is due."""
        if self._rung == "poll" and now - self._heard >= self._settings.stall_ms:
            self._climb(now)
        if now < self._next_send:
            return b""
        match self._rung:
            case "stop":
                if self._tries and not self._dialect_known:
                    self._dialect = "aa" if self._dialect == "bb" else "bb"
                command = m100.Command(m100.STOP, dialect=self._dialect)
            case "region" if self._region is not None:
                command = m100.set_region(self._region, self._dialect)
            case "power":
                command = m100.set_power(self._power_dbm, self._dialect)
            case "poll":
                command = m100.multi_poll(dialect=self._dialect)
            case _:
                command = m100.Command(m100.MODULE_INFORMATION, b"\x00", self._dialect)
        self._tries += 1
        self._next_send = now + self._pause_ms()
        return m100.encode(command)

    def _pause_ms(self) -> int:
        if self._rung == "idle":
            return QUIET_QUERY_MS
        return self._settings.stall_ms if self._rung == "poll" else self._settings.reply_timeout_ms

    def _take(self, frame: m100.Frame, now: int) -> list[Read]:
        """Climb the ladder with the answers."""
        self._heard = now
        if not self._dialect_known:
            self._dialect, self._dialect_known = frame.dialect, True
        if self._rung == "poll":
            self._next_send = now + self._settings.stall_ms
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
        if self._rung == "idle":
            self._climb(now)
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
            if not frame.succeeded:
                return self._status(
                    "error", now, f"{self._rung} was answered with {frame.parameter.hex() or 'nothing'}"
                )
            return self._step_up(now)
        if frame.code == m100.MODULE_INFORMATION:
            text = frame.parameter[1:].decode("ascii", "replace").rstrip("\x00")
            return self._status("no_region" if self._region is None else "alive", now, text[:100])
        if frame.code in m100.KNOWN_COMMANDS:
            return self._status("alive", now)
        return self._unknown(m100.encode(frame), now, f"an answer to the unknown command {frame.code:02X}")

    def _step_up(self, now: int) -> Read:
        """The awaited rung was answered: go to the next one."""
        done = self._rung
        self._tries, self._next_send = 0, now
        if done == "power":
            self._rung = "poll"
            return self._status("started", now, f"region {self._region}, {self._power_dbm:g} dBm")
        if done == "region":
            self._rung = "power"
        elif self._region is None or not self._inventory:
            self._rung = "idle"
            return self._status("no_region" if self._region is None else "stopped", now)
        else:
            self._rung = "region"
        return self._status("alive", now)

    def act(self, action: AnyAction, now: int) -> str:
        """Take a new region, power or inventory state; the module is stopped and set up with it."""
        match action:
            case SetRegion(region=region):
                if region not in m100.REGION_CODES:
                    return f"this reader has no region {region!r}; it has {', '.join(m100.REGION_CODES)}"
                self._region = region
            case SetPower(power_dbm=power_dbm):
                self._power_dbm = power_dbm
            case SetInventory(running=running):
                if running and self._region is None:
                    return (
                        "the reader has no RF region and does not transmit without one; set its region first"
                    )
                self._inventory = running
            case _:
                return super().act(action, now)
        self._climb(now)
        return ""


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
