"""MT-SICS scales on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, weight
from contract.wire import mt_sics
from contract.wire.base import Reject


def decode_mt_sics(capture: bytes) -> Iterator[Line]:
    """Return what scale lines say."""
    for frame in drain(mt_sics.MtSicsCodec(), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case mt_sics.Weight(command="S" | "SI" | "SIR", weight_g=weight_g, stable=stable):
                yield weight(weight_g, stable=stable)
            case mt_sics.Weight(text=text):
                yield status("tare", text)
            case mt_sics.OutOfRange(above=above):
                yield status("overload" if above else "underload", frame.text)
            case mt_sics.Fault(meaning=meaning):
                yield status("error", meaning)
            case _:
                yield status(type(frame).__name__.lower(), frame.text)


PROTOCOLS: Final = {"mt_sics": decode_mt_sics}
