"""M100, QM100, YRM100, R200 on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, tag
from contract.wire import m100
from contract.wire.base import Reject


def decode_m100(capture: bytes) -> Iterator[Line]:
    """Return what frames of either dialect say."""
    for frame in drain(m100.M100Codec(), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case m100.TagNotification(rssi_dbm=rssi_dbm, pc=pc, epc=epc):
                yield tag(epc=epc.hex().upper(), rssi_dbm=float(rssi_dbm), antenna=1, pc=f"{pc:04X}")
            case m100.ErrorReply(error=m100.NO_TAG):
                yield status("no_tag")
            case m100.ErrorReply(error=error):
                yield status("error", f"{m100.ERROR_NAMES.get(error, 'unknown error')} (code {error:02X})")
            case m100.Response(code=m100.MODULE_INFORMATION, parameter=parameter) if parameter:
                yield status("module_information", parameter[1:].decode("ascii", "replace"))
            case _:
                yield status(
                    type(frame).__name__.lower(), f"{frame.code:02X} {frame.parameter.hex().upper()}".strip()
                )


PROTOCOLS: Final = {"m100": decode_m100}
