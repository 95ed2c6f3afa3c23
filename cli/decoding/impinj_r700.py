"""Impinj R700 events on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, reject, status, tag
from contract.wire import impinj_json
from contract.wire.base import Reject


def decode_impinj_r700(capture: bytes) -> Iterator[Line]:
    """Return what R700 events say, in any of their three forms."""
    for event in impinj_json.parse_payload(capture):
        match event:
            case Reject():
                yield reject(event)
            case impinj_json.OtherEvent(event_type=event_type):
                yield status("event", event_type)
            case impinj_json.TagEvent():
                yield tag(
                    epc=event.epc,
                    rssi_dbm=event.rssi_dbm,
                    antenna=event.antenna,
                    phase_deg=event.phase_deg,
                    frequency_khz=event.frequency_khz,
                    pc=event.pc,
                    tid=event.tid,
                    time=event.timestamp,
                )


PROTOCOLS: Final = {"impinj_r700": decode_impinj_r700, "r700": decode_impinj_r700}
