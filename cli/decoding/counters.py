"""Counters that send payloads on the command line: Xovis, Milesight, Roode.

Roode's topics say more than its payloads, so a capture of it is lines of ``TOPIC PAYLOAD``.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cli.decoding.lines import Line, count, reject, status
from contract.wire import milesight_json, milesight_lora, roode, xovis_json
from contract.wire.base import Reject
from contract.wire.counting import Frame, LineCount, Package, Word


def _decoder(parse: Callable[[bytes], Iterable[Frame | Reject]]) -> Callable[[bytes], Iterator[Line]]:
    def decode(capture: bytes) -> Iterator[Line]:
        for frame in parse(capture):
            match frame:
                case Reject():
                    yield reject(frame)
                case LineCount():
                    yield count(
                        line=frame.line,
                        entered=frame.entered,
                        left=frame.left,
                        cumulative=frame.cumulative,
                        since=frame.since,
                        until=frame.until,
                    )
                case Word(what=what, detail=detail):
                    yield status(what, detail or None)
                case Package():
                    pass

    return decode


PROTOCOLS: Final = {
    "xovis": _decoder(xovis_json.parse_payload),
    "milesight": _decoder(milesight_json.parse_payload),
    "milesight_lora": _decoder(milesight_lora.parse_payload),
    "roode": _decoder(roode.parse_capture),
}
