"""``shelfwise decode``: what captured device bytes say, one JSON object per line.

The same codecs run as in the agent, without a driver's conversation: a capture is read as it is, in
either direction. Every byte is accounted for; bytes that make no frame become ``reject`` lines. Values
the device did not tell are null.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
import typer

from contract.epc import decode_epc
from contract.errors import ConfigError, MessageError
from contract.wire import impinj_json, m100, mt_sics, terabee
from contract.wire.base import Codec, Reject

Line: TypeAlias = dict[str, Any]
FrameT = TypeVar("FrameT")

EPC: Final = "epc"
STANDARD_INPUT: Final = "-"

_HEX_TEXT: Final = re.compile(rb"[0-9A-Fa-f\s]*")
_SEPARATORS: Final = re.compile(r"0[xX]|[\s:,_-]")


def decode_lines(protocol: str, capture: bytes) -> Iterator[Line]:
    """Return one line per frame or reject in ``capture``, in order; its end is the end of the line.

    Raises:
        ConfigError: for a protocol that is not known.
    """
    name = protocol.strip().lower().replace("-", "_")
    if name not in PROTOCOLS:
        raise ConfigError(f"there is no protocol {protocol!r}; known are {', '.join([*PROTOCOLS, EPC])}")
    return PROTOCOLS[name](capture)


def decode_epc_line(text: str) -> Line:
    """Return the GS1 identity of one EPC, or a reject line."""
    try:
        identity = decode_epc(text)
    except MessageError as error:
        return {"kind": "reject", "reason": error.reason, "bytes": text}
    return {"kind": "epc", "uri": identity.uri, "gtin": identity.gtin, "serial": identity.serial}


def _m100(capture: bytes) -> Iterator[Line]:
    for frame in _drain(m100.M100Codec(), capture):
        match frame:
            case Reject():
                yield _reject(frame)
            case m100.TagNotification(rssi_dbm=rssi_dbm, pc=pc, epc=epc):
                yield _tag(epc=epc.hex().upper(), rssi_dbm=float(rssi_dbm), antenna=1, pc=f"{pc:04X}")
            case m100.ErrorReply(error=m100.NO_TAG):
                yield _status("no_tag")
            case m100.ErrorReply(error=error):
                yield _status("error", f"{m100.ERROR_NAMES.get(error, 'unknown error')} (code {error:02X})")
            case m100.Response(code=m100.MODULE_INFORMATION, parameter=parameter) if parameter:
                yield _status("module_information", parameter[1:].decode("ascii", "replace"))
            case _:
                yield _status(
                    type(frame).__name__.lower(), f"{frame.code:02X} {frame.parameter.hex().upper()}".strip()
                )


def _mt_sics(capture: bytes) -> Iterator[Line]:
    for frame in _drain(mt_sics.MtSicsCodec(), capture):
        match frame:
            case Reject():
                yield _reject(frame)
            case mt_sics.Weight(command="S" | "SI" | "SIR", weight_g=weight_g, stable=stable):
                yield {"kind": "weight", "weight_g": weight_g, "stable": stable}
            case mt_sics.Weight(text=text):
                yield _status("tare", text)
            case mt_sics.OutOfRange(above=above):
                yield _status("overload" if above else "underload", frame.text)
            case mt_sics.Fault(meaning=meaning):
                yield _status("error", meaning)
            case _:
                yield _status(type(frame).__name__.lower(), frame.text)


def _terabee(capture: bytes) -> Iterator[Line]:
    """Read with and without sensor id, and keep the reading that refuses fewer bytes."""
    codecs = (terabee.TerabeeCodec(with_sensor_id=False), terabee.TerabeeCodec(with_sensor_id=True))
    readings = [[*_drain(codec, capture)] for codec in codecs]
    for frame in min(readings, key=_refused_bytes):
        match frame:
            case Reject():
                yield _reject(frame)
            case terabee.Count(entered=entered, left=left):
                counts = {"in": entered, "out": left, "cumulative": True}
                yield {"kind": "count", "line": "1", **counts, "from": None, "to": None}
            case terabee.Distance(first_mm=first_mm, second_mm=second_mm):
                yield _status("distance", f"{first_mm} mm, {second_mm} mm")
            case terabee.Command(body=body):
                yield _status("command", body.hex().upper())


def _impinj_r700(capture: bytes) -> Iterator[Line]:
    for event in impinj_json.parse_payload(capture):
        match event:
            case Reject():
                yield _reject(event)
            case impinj_json.OtherEvent(event_type=event_type):
                yield _status("event", event_type)
            case impinj_json.TagEvent():
                yield _tag(
                    epc=event.epc,
                    rssi_dbm=event.rssi_dbm,
                    antenna=event.antenna,
                    phase_deg=event.phase_deg,
                    frequency_khz=event.frequency_khz,
                    pc=event.pc,
                    tid=event.tid,
                    time=event.timestamp,
                )


PROTOCOLS: Final[dict[str, Callable[[bytes], Iterator[Line]]]] = {
    "m100": _m100,
    "mt_sics": _mt_sics,
    "terabee": _terabee,
    "impinj_r700": _impinj_r700,
}


def _drain(codec: Codec[FrameT], capture: bytes) -> Iterator[FrameT | Reject]:
    codec.feed(capture)
    while (frame := codec.next_frame()) is not None:
        yield frame
    if (left := codec.close()) is not None:
        yield left


def _refused_bytes(reading: list[Any]) -> int:
    return sum(len(item.raw) for item in reading if isinstance(item, Reject))


def _tag(
    *,
    epc: str,
    rssi_dbm: float | None,
    antenna: int | None,
    phase_deg: float | None = None,
    frequency_khz: int | None = None,
    pc: str | None = None,
    tid: str | None = None,
    time: str | None = None,
) -> Line:
    return {
        "kind": "tag",
        "epc": epc,
        "rssi_dbm": rssi_dbm,
        "antenna": antenna,
        "phase_deg": phase_deg,
        "frequency_khz": frequency_khz,
        "reads": 1,
        "pc": pc,
        "tid": tid,
        "time": time,
    }


def _status(what: str, detail: str | None = None) -> Line:
    return {"kind": "status", "what": what, "detail": detail}


def _reject(reject: Reject) -> Line:
    return {"kind": "reject", "reason": reject.reason, "bytes": reject.raw.hex().upper()}


def decode(
    protocol: Annotated[str, typer.Argument(help="m100, mt-sics, terabee, impinj-r700, or epc for EPCs.")],
    hex_text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HEX]...", help="Bytes as hex, joined; - reads standard input."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read this capture: binary, or text that is all hex.")
    ] = None,
) -> None:
    """Decode captured device bytes, or EPCs, to one JSON object per line.

    Example: shelfwise decode m100 BB02220011C9340030751FEB705C5904E3D50D703A76EF7E
    """
    try:
        lines = _lines(protocol, hex_text or [], file)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    for line in lines:
        typer.echo(msgspec.json.encode(line).decode())


def _lines(protocol: str, hex_text: list[str], file: Path | None) -> Iterator[Line]:
    if bool(hex_text) == (file is not None):
        raise ConfigError("give either bytes as hex, --file FILE, or - for standard input")
    if protocol.strip().lower() == EPC:
        epcs = (
            hex_text
            if file is None and hex_text != [STANDARD_INPUT]
            else _read(file).decode("ascii", "replace").split()
        )
        return (decode_epc_line(text) for text in epcs)
    if file is None and hex_text != [STANDARD_INPUT]:
        return decode_lines(protocol, _from_hex("".join(hex_text)))
    captured = _read(file)
    is_hex = captured.strip() and _HEX_TEXT.fullmatch(captured)
    return decode_lines(protocol, _from_hex(captured.decode("ascii")) if is_hex else captured)


def _read(file: Path | None) -> bytes:
    try:
        return sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {file or 'standard input'}: {error.strerror}") from error


def _from_hex(text: str) -> bytes:
    digits = _SEPARATORS.sub("", text)
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        sample = text if len(text) <= 40 else f"{text[:40]}…"
        raise ConfigError(f"{sample!r} is not hex: expected pairs of the digits 0-9 and A-F") from error
