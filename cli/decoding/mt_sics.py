"""MT-SICS scales on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain_text, reject, status, weight
from contract.wire import mt_sics
from contract.wire.base import Reject


def decode_mt_sics(capture: bytes) -> Iterator[Line]:
    """Return what scale lines say."""
    for frame in drain_text(mt_sics.MtSicsCodec(), capture):
        yield reject(frame) if isinstance(frame, Reject) else read_mt_sics(frame)


def read_mt_sics(frame: mt_sics.Line) -> Line:
    """Return what one line says."""
    match frame:
        case mt_sics.Weight(command="S" | "SI" | "SIR", weight_g=weight_g, stable=stable):
            return weight(weight_g, stable=stable)
        case mt_sics.Weight(text=text):
            return status("tare", text)
        case mt_sics.OutOfRange(above=above):
            return status("overload" if above else "underload", frame.text)
        case mt_sics.Fault(meaning=meaning):
            return status("error", meaning)
        case _:
            return status(type(frame).__name__.lower(), frame.text)


PROTOCOLS: Final = {"mt_sics": decode_mt_sics}
