"""Zebra IoT Connector events on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, tag
from contract.wire import zebra_json
from contract.wire.base import Reject


def decode_zebra(capture: bytes) -> Iterator[Line]:
    """Return what IoT Connector events say, however they are joined."""
    for event in drain(zebra_json.ZebraCodec(), capture):
        match event:
            case Reject():
                yield reject(event)
            case zebra_json.OtherEvent(event_type=event_type):
                yield status("event", event_type)
            case zebra_json.TagEvent():
                yield tag(
                    epc=event.epc,
                    rssi_dbm=event.rssi_dbm,
                    antenna=event.antenna,
                    phase_deg=event.phase_deg,
                    frequency_khz=event.frequency_khz,
                    reads=event.reads,
                    pc=event.pc,
                    tid=event.tid,
                    time=event.timestamp,
                )


PROTOCOLS: Final = {"zebra": decode_zebra}
