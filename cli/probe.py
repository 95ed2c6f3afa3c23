"""Who is on a serial port: the port is opened as each family would, and what answers is told.

Rates are tried from the commonest; at each rate the line is heard first, for devices that talk by
themselves, and then every driver of that rate says what it says first. Drivers are built without an RF
region, so nothing that is sent makes a reader transmit. What no driver understands is shown to all.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import serial

from contract.errors import LinkError
from edge.diagnosis import fits
from edge.driver import Driver, DriverSpec
from edge.drivers import drivers
from edge.model import RejectRead

HEAR_S: Final = 0.6
ANSWER_S: Final = 0.4
READ_BYTES: Final = 4_096

Note = Callable[[str], None]


class Answer(NamedTuple):
    """What a port said.

    Attributes:
        driver: the driver that understands it best.
        rate: line rate and framing at which it did.
        others: further drivers that understand some of it.
        heard: bytes that came.
    """

    driver: str | None
    rate: str
    others: tuple[str, ...]
    heard: int


def without_region(spec: DriverSpec[Any], settings: Any = None) -> Any:
    """Return a driver's settings (its defaults when none are given) with which no reader transmits."""
    settings = msgspec.convert({}, spec.settings) if settings is None else settings
    if hasattr(settings, "region"):
        settings = msgspec.structs.replace(settings, region=None)
    return settings


def open_port(name: str, baud: int, framing: str) -> serial.Serial:
    """Open a port for a look.

    Raises:
        LinkError: it cannot be opened; says why.
    """
    try:
        return serial.Serial(
            name,
            baud,
            bytesize=int(framing[0]),
            parity=framing[1],
            stopbits=int(framing[2]),
            timeout=0.05,
            write_timeout=1.0,
            exclusive=True,
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise LinkError(
            f"{name} cannot be opened: {error}; does the agent run, is this user in group 'dialout'?"
        ) from error


@contextmanager
def _translated(name: str) -> Any:
    try:
        yield
    except (serial.SerialException, OSError) as error:
        raise LinkError(f"{name} went away: {error}") from error


def converse(port: serial.Serial, driver: Driver, seconds: float) -> tuple[int, int]:
    """Let a driver talk on an open port; return how many bytes came and how many reads they made.

    Ends with the first bytes that make a read.

    Raises:
        LinkError: the port went away.
    """
    heard = understood = 0
    with _translated(str(port.port)):
        driver.connected(_now_ms())
        until = time.monotonic() + seconds
        while not understood and time.monotonic() < until:
            if sending := driver.poll(_now_ms()):
                port.write(sending)
            received = port.read(512)
            heard += len(received)
            reads = driver.receive(received, _now_ms()) if received else []
            understood += sum(not isinstance(read, RejectRead) for read in reads)
    return heard, understood


def probe(name: str, note: Note = lambda _: None) -> Answer:
    """Find out who is on a port.

    Args:
        name: the port.
        note: told what is tried, for a progress display.

    Raises:
        LinkError: the port cannot be opened or went away.
    """
    heard = 0
    for (baud, framing), family in _rates(drivers().values()):
        rate = f"{baud} {framing}"
        note(f"{name} at {rate}")
        with open_port(name, baud, framing) as port:
            sample = _hear(port, HEAR_S)
            heard += len(sample)
            found = fits(sample)
            if found and found[0].refused <= len(sample) / 4:
                return Answer(found[0].name, rate, tuple(fit.name for fit in found[1:]), heard)
            answered: list[tuple[bool, int, str]] = []
            for spec in family:
                note(f"{name} at {rate}, as {spec.name}")
                driver = spec.build("candidate", without_region(spec))
                came, understood = converse(port, driver, ANSWER_S)
                heard += came
                if understood:
                    answered.append((spec.kind == "scanner", -understood, spec.name))
            if answered:
                best, *others = [name for _, _, name in sorted(answered)]
                return Answer(best, rate, tuple(others), heard)
    return Answer(None, "", (), heard)


def _rates(specs: Iterable[DriverSpec[Any]]) -> list[tuple[tuple[int, str], list[DriverSpec[Any]]]]:
    """Return (baud, framing) with its drivers, the rate of most drivers first."""
    by_rate: dict[tuple[int, str], list[DriverSpec[Any]]] = {}
    for spec in sorted(specs, key=lambda spec: bool(spec.reads_also)):
        if spec.baud is not None:
            by_rate.setdefault((spec.baud, spec.framing), []).append(spec)
    return sorted(by_rate.items(), key=lambda item: (-len(item[1]), item[0]))


def _hear(port: serial.Serial, seconds: float) -> bytes:
    with _translated(str(port.port)):
        sample = bytearray()
        until = time.monotonic() + seconds
        while time.monotonic() < until and len(sample) < READ_BYTES:
            sample += port.read(512)
        return bytes(sample)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
