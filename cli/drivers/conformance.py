"""What every driver keeps, whatever its device: laws that are checked through the declaration's examples.

A law takes a :class:`~edge.driver.DriverSpec` and returns what is wrong, one sentence each; an empty list
is a pass. The same laws run in this project's tests over every driver there is, and as
``shelfwise drivers check NAME`` on a driver that is being written, in this tree or in a package of its
own. Nothing is registered anywhere: a driver is judged because it exists.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from edge.driver import Driver, DriverSpec
from edge.model import BarcodeRead, CountRead, LabelRead, Read, RejectRead, TagRead, WeightRead

Spec: TypeAlias = DriverSpec[Any]
Law: TypeAlias = Callable[[Spec], list[str]]

DEVICE: Final = "dev-1"
NOW: Final = 1_000
NOISE: Final = b"\x01\xff\x80\x00\x03"
"""Bytes that no protocol here begins a frame with, and no text line contains."""

_ENTRY: Final = re.compile(r"^    (\w[\w, ]*): ((?:.*\n?)(?: {8}.*\n?)*)", re.MULTILINE)

SENSED: Final = (TagRead, WeightRead, CountRead, BarcodeRead, LabelRead)


class Unheard(msgspec.Struct):
    """An action that no device has."""


def build(spec: Spec, **settings: object) -> Driver:
    """Return a connected driver with settings as configuration gives them, ready for its examples."""
    driver = spec.build(DEVICE, msgspec.convert(settings, spec.settings))
    driver.connected(NOW)
    if spec.prepare is not None:
        spec.prepare(driver, NOW)
    return driver


def received(driver: Driver, chunks: Iterable[bytes], now: int = NOW) -> list[Read]:
    """Return what a driver reads in chunks that arrive at one moment."""
    return [read for chunk in chunks for read in driver.receive(chunk, now)]


def sensed(reads: Iterable[Read]) -> list[Read]:
    """Keep the reads that say something about the store."""
    return [read for read in reads if isinstance(read, SENSED)]


def explained(settings: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the docstrings of a settings Struct and its bases say of each setting, under ``Attributes``."""
    found: dict[str, str] = {}
    for kind in reversed(settings.__mro__):
        _, _, listed = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
        for names, meaning in _ENTRY.findall(listed):
            text = " ".join(meaning.split()).rstrip(".")
            found |= {name.strip(): text for name in names.split(",")}
    return found


def declaration(spec: Spec) -> list[str]:
    """The declaration is complete."""
    wrong = []
    if spec.name != spec.name.lower().replace("-", "_") or not spec.name.isidentifier():
        wrong.append(f"name {spec.name!r} is not lower case with underscores")
    wrong += [f"{key} is empty" for key in ("title", "notes", "protocol") if not getattr(spec, key)]
    if not spec.transports:
        wrong.append("no transport is named")
    if ("serial" in spec.transports) != (spec.baud is not None):
        wrong.append("baud belongs to drivers with a serial line, and to them only")
    if spec.silent_after_ms < 1_000:
        wrong.append(f"silent_after_ms {spec.silent_after_ms} is below 1000; no device is blind that soon")
    meanings = explained(spec.settings)
    wrong += [
        f"setting {field.name!r} is not explained in the settings' docstring, under Attributes"
        for field in msgspec.structs.fields(spec.settings)
        if not meanings.get(field.name)
    ]
    if not spec.settings.__struct_config__.frozen:
        wrong.append("settings are not frozen")
    if len(spec.examples) < 2:
        wrong.append(f"{len(spec.examples)} examples are declared; expected 2 or more")
    return wrong


def settings(spec: Spec) -> list[str]:
    """Defaults build a driver, survive a round trip, and an unknown setting is refused."""
    wrong = []
    defaults = msgspec.convert({}, spec.settings)
    if msgspec.convert(msgspec.to_builtins(defaults), spec.settings) != defaults:
        wrong.append("settings differ after a round trip through plain values")
    try:
        msgspec.convert({"no_such_setting": 1}, spec.settings)
    except msgspec.ValidationError:
        pass
    else:
        wrong.append("an unknown setting is accepted; the Struct needs forbid_unknown_fields=True")
    return wrong


def examples(spec: Spec) -> list[str]:
    """Each example gives a read of this device, and nothing is refused in it."""
    wrong = []
    for number, example in enumerate(spec.examples, 1):
        reads = received(build(spec), [example])
        if not sensed(reads):
            wrong.append(f"example {number} gives no tag, weight, count, barcode or label")
        if any(isinstance(read, RejectRead) for read in reads):
            wrong.append(f"example {number} is refused in part: {reads}")
        wrong += [
            f"example {number} is read for device {read.device!r}" for read in reads if read.device != DEVICE
        ]
    return wrong


def chunks(spec: Spec) -> list[str]:
    """Whole, glued, byte by byte, in sevens: the same reads."""
    if not spec.streams:
        return []
    wanted = sensed(received(build(spec), spec.examples))
    stream = b"".join(spec.examples)
    cuts = {
        "glued": [stream],
        "byte by byte": [stream[at : at + 1] for at in range(len(stream))],
        "in sevens": [stream[at : at + 7] for at in range(0, len(stream), 7)],
    }
    return [
        f"examples {how} give other reads than whole ones"
        for how, pieces in cuts.items()
        if sensed(received(build(spec), pieces)) != wanted
    ]


def noise(spec: Spec) -> list[str]:
    """Noise between frames changes no read, and is reported."""
    if not spec.streams:
        reads = received(build(spec), [NOISE])
        return [] if any(isinstance(read, RejectRead) for read in reads) else ["noise is not refused"]
    wanted = sensed(received(build(spec), spec.examples))
    reads = received(build(spec), [NOISE + example for example in spec.examples])
    wrong = [] if sensed(reads) == wanted else ["noise before the examples changes what is read in them"]
    refused = sum(isinstance(read, RejectRead) for read in reads)
    if refused < len(spec.examples):
        wrong.append(f"noise came {len(spec.examples)} times and was reported {refused} times")
    return wrong


def truncation(spec: Spec) -> list[str]:
    """A cut frame gives no read and is accounted for when the line closes."""
    wrong = []
    for number, example in enumerate(spec.examples, 1):
        driver = build(spec)
        cut = example[:-1]
        if spec.streams:
            if sensed(received(driver, [cut])):
                wrong.append(f"example {number} without its last byte gives a read")
            left = driver.disconnected(NOW + 1)
            lost = b"".join(read.raw for read in left if isinstance(read, RejectRead))
            if not lost or not cut.endswith(lost):
                wrong.append(f"example {number} without its last byte is not accounted for at the line's end")
            if driver.disconnected(NOW + 1):
                wrong.append("the end of the line is reported twice")
    return wrong


def reconnect(spec: Spec) -> list[str]:
    """After a reconnect half a frame of before is forgotten."""
    if not spec.streams or not spec.examples:
        return []
    wanted = sensed(received(build(spec), spec.examples, NOW + 2))
    driver = build(spec)
    received(driver, [spec.examples[0][:-2]])
    driver.disconnected(NOW + 1)
    driver.connected(NOW + 2)
    got = sensed(received(driver, spec.examples, NOW + 2))
    return [] if got == wanted else ["half a frame from before a reconnect changes what is read after it"]


def unknown(spec: Spec) -> list[str]:
    """A valid frame without a meaning is counted as unknown."""
    if not spec.unknown:
        return []
    reads = received(build(spec), [spec.unknown])
    found = [read for read in reads if isinstance(read, RejectRead) and read.reason == "unknown"]
    return [] if found and all(read.detail for read in found) else [f"the unknown frame gives {reads}"]


def never_raises(spec: Spec) -> list[str]:
    """No bytes, at no time, raise; nor does an action that the device does not have."""
    driver = build(spec)
    try:
        for now in range(NOW, NOW + 3_000, 50):
            driver.poll(now)
            driver.receive(bytes((now * byte) % 251 for byte in range(64)), now)
            driver.receive_on("a/topic", bytes((now + byte) % 256 for byte in range(32)), now)
        driver.disconnected(NOW + 3_000)
        answer = driver.act(Unheard(), NOW)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the finding
        return [f"it raises {error!r}"]
    return [] if answer else ["an action that it does not know is taken silently"]


LAWS: Final[tuple[Law, ...]] = (
    declaration,
    settings,
    examples,
    chunks,
    noise,
    truncation,
    reconnect,
    unknown,
    never_raises,
)


def findings(spec: Spec) -> list[str]:
    """Return what is wrong with a driver, law by law, empty for nothing."""
    return [f"{law.__name__}: {wrong}" for law in LAWS for wrong in law(spec)]
