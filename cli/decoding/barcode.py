"""Barcode scanners on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain, reject, status
from contract.wire import barcode
from contract.wire.base import Reject


def decode_barcode(capture: bytes) -> Iterator[Line]:
    """Return the code of each scan, and the serial number where there is one."""
    for frame in drain(barcode.BarcodeCodec(), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case barcode.Scan(code=code, serial=serial):
                yield status("barcode", code)
                if serial is not None:
                    yield status("serial", serial)
            case barcode.Feed():
                pass


PROTOCOLS: Final = {"barcode": decode_barcode}
