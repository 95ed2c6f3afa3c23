"""Chafon UHFReader18 and UHFReader288 on the command line.

RSSI is null: the byte has a scale that its vendors do not document.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, tag
from contract.wire import chafon
from contract.wire.base import Reject

ENDS: Final = {
    chafon.COMPLETE: "inventory_complete",
    chafon.TIME_OVER: "inventory_time_over",
    chafon.MORE_FOLLOW: "more_follow",
    chafon.MEMORY_FULL: "memory_full",
}


def decode_chafon(model: chafon.Model, capture: bytes) -> Iterator[Line]:
    """Return what requests and answers of one model say; a frame of tags gives their lines only."""
    for frame in drain(chafon.ChafonCodec(model), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case chafon.TagList(tags=(), status=code):
                yield status(ENDS[code])
            case chafon.TagList(tags=tags, antenna=antenna):
                for read in tags:
                    yield tag(
                        epc=read.epc.hex().upper(),
                        rssi_dbm=None,
                        antenna=1 if antenna is None else antenna,
                        tid=None if read.tid is None else read.tid.hex().upper(),
                    )
            case chafon.Reply(status=chafon.NO_TAG):
                yield status("no_tag")
            case chafon.Reply(status=code, command=command) if code in chafon.FAULT_NAMES:
                yield status("error", f"{chafon.FAULT_NAMES[code]} (status {code:02X}) at {command:02X}")
            case chafon.Reply(command=command, data=data):
                about = chafon.information(frame)
                if about is not None:
                    yield status("reader_information", about.text)
                else:
                    yield status("response", f"{command:02X} {data.hex().upper()}".strip())
            case chafon.Request(command=command, data=data):
                yield status("command", f"{command:02X} {data.hex().upper()}".strip())


PROTOCOLS: Final = {
    "chafon18": partial(decode_chafon, "18"),
    "chafon288": partial(decode_chafon, "288"),
}
