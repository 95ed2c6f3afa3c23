"""A&D and indicators, Ohaus, Kern, HX711 on the command line."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from cli.decoding.lines import Line, drain_text, reject, status, weight
from cli.decoding.mt_sics import read_mt_sics
from contract.wire import hx711, mt_sics
from contract.wire.and_scale import AndScaleCodec
from contract.wire.base import Codec, Reject
from contract.wire.hx711 import Hx711Codec
from contract.wire.kern import KernCodec
from contract.wire.ohaus import OhausCodec
from contract.wire.weighing import Command, Fault, OutOfRange, Pieces, Said, Weight


def decode_hx711(capture: bytes) -> Iterator[Line]:
    """Return what HX711 firmware and its host say; the answer to ``<f>`` is a factor, not a weight."""
    asked = b""
    for frame in drain_text(Hx711Codec(), capture):
        match frame:
            case hx711.Request(raw=raw):
                asked = raw
                yield status("command", raw.decode("ascii"))
            case Weight(text=text) if asked == hx711.FACTOR:
                asked = b""
                yield status("factor", text)
            case _:
                yield _read(frame)


def _decoder(codec: Callable[[], Codec[Any]]) -> Callable[[bytes], Iterator[Line]]:
    return lambda capture: map(_read, drain_text(codec(), capture))


def _read(frame: Any) -> Line:
    match frame:
        case Reject():
            return reject(frame)
        case Weight(weight_g=weight_g, stable=stable):
            return weight(weight_g, stable=stable)
        case OutOfRange(above=above, text=text):
            return status("overload" if above else "underload", text)
        case Pieces(pieces=pieces):
            return status("pieces", str(pieces))
        case Fault(meaning=meaning):
            return status("error", meaning)
        case Said(what=what, text=text):
            return status(what, text)
        case Command(text=text):
            return status("command", text)
        case mt_sics.Line():
            return read_mt_sics(frame)
        case _:
            raise TypeError(f"no scale says {frame!r}")


PROTOCOLS: Final = {
    "and_scale": _decoder(AndScaleCodec),
    "ohaus": _decoder(OhausCodec),
    "kern": _decoder(KernCodec),
    "hx711": decode_hx711,
}
