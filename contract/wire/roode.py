"""Roode, a people counter of two VL53L1X zones on ESPHome: one MQTT topic per entity.

::

    PREFIX/text_sensor/…last_direction/state    Entry or Exit, at each crossing
    PREFIX/number/…people_counter/state         people inside, as a decimal; users may set it
    PREFIX/binary_sensor/…presence/state        ON or OFF
    PREFIX/sensor/…/state                       distances and other figures
    PREFIX/status                               online or offline (birth and last will)

There is no topic with totals: each Entry and Exit counts one. ESPHome retains states, and says them again
when it has connected, so not every message is a crossing; a driver must know which is not. Sources: topic
pattern of the ESPHome MQTT client documentation, entity names of Roode's example configuration, which itself
uses the native API, so MQTT must be added to it. Nothing here was run against a device.
"""

from typing import Final

from contract.errors import FrameError
from contract.wire.base import Reject
from contract.wire.counting import Frame, LineCount, Word, refuse

ENTRY, EXIT = "Entry", "Exit"
ONLINE, OFFLINE = "online", "offline"
MAX_TEXT: Final = 256


def parse_message(topic: str, payload: bytes) -> list[Frame | Reject]:
    """Return what one message says; empty for a topic that is not one of the device's states."""
    try:
        return _parse(topic.split("/"), payload)
    except FrameError as error:
        return [refuse(payload, error)]


def _parse(levels: list[str], payload: bytes) -> list[Frame | Reject]:
    if levels[-1] == "status" and len(levels) > 1:
        text = _text(payload)
        if text not in (ONLINE, OFFLINE):
            raise FrameError("value", f"a status is online or offline, not {text!r}")
        return [Word(text)]
    if len(levels) < 4 or levels[-1] != "state":
        return []
    component, entity, text = levels[-3], levels[-2], _text(payload)
    if component == "text_sensor" and entity.endswith("last_direction"):
        if text not in (ENTRY, EXIT):
            raise FrameError("value", f"a direction is Entry or Exit, not {text!r}")
        entered = 1 if text == ENTRY else 0
        return [LineCount("1", entered, 1 - entered, cumulative=False)]
    if component == "number" and entity.endswith("people_counter"):
        return [Word("occupancy", text)]
    if component == "binary_sensor" and entity.endswith("presence"):
        return [Word("presence", text)]
    return [Word("state", f"{component}/{entity} {text}"[:MAX_TEXT])]


def _text(payload: bytes) -> str:
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise FrameError("syntax", "a state is UTF-8 text") from error
    if len(text) > MAX_TEXT:
        raise FrameError("length", f"a state has at most {MAX_TEXT} characters, not {len(text)}")
    return text


def parse_capture(capture: bytes) -> list[Frame | Reject]:
    """Return what lines of ``TOPIC PAYLOAD`` say, as ``mosquitto_sub -v`` prints messages."""
    found: list[Frame | Reject] = []
    for line in capture.split(b"\n"):
        message = line.strip(b"\r")
        if not message.strip():
            continue
        topic, blank, payload = message.partition(b" ")
        try:
            name = topic.decode("utf-8")
        except UnicodeDecodeError:
            found.append(refuse(line, FrameError("syntax", "a topic is UTF-8 text")))
            continue
        said = parse_message(name, payload) if blank else []
        found += said or [
            refuse(line, FrameError("syntax", "a line is a state's topic, a blank and its payload"))
        ]
    return found
