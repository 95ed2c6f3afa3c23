"""Terabee people counters on the command line."""

from collections.abc import Iterator
from typing import Any, Final

from cli.decoding.lines import Line, count, drain, reject, status
from contract.wire import terabee
from contract.wire.base import Reject


def decode_terabee(capture: bytes) -> Iterator[Line]:
    """Read with and without sensor id, and keep the reading that refuses fewer bytes."""
    codecs = (terabee.TerabeeCodec(with_sensor_id=False), terabee.TerabeeCodec(with_sensor_id=True))
    readings = [[*drain(codec, capture)] for codec in codecs]
    for frame in min(readings, key=_refused_bytes):
        match frame:
            case Reject():
                yield reject(frame)
            case terabee.Count(entered=entered, left=left):
                yield count(line="1", entered=entered, left=left, cumulative=True)
            case terabee.Distance(first_mm=first_mm, second_mm=second_mm):
                yield status("distance", f"{first_mm} mm, {second_mm} mm")
            case terabee.Command(body=body):
                yield status("command", body.hex().upper())


def _refused_bytes(reading: list[Any]) -> int:
    return sum(len(item.raw) for item in reading if isinstance(item, Reject))


PROTOCOLS: Final = {"terabee": decode_terabee}
