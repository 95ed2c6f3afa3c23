"""``shelfwise decode``: what captured device bytes say, one JSON object per line.

The same codecs run as in the agent, without a driver's conversation: a capture is read as it is, in
either direction. Every byte is accounted for; bytes that make no frame become ``reject`` lines. Values
the device did not tell are null.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cli.decoding import EPC, decode_lines
from cli.decoding.lines import Line
from contract.epc import decode_epc
from contract.errors import ConfigError, MessageError

STANDARD_INPUT: Final = "-"

_HEX_TEXT: Final = re.compile(rb"[0-9A-Fa-f\s]*")
_SEPARATORS: Final = re.compile(r"0[xX]|[\s:,_-]")


def decode_epc_line(text: str) -> Line:
    """Return the GS1 identity of one EPC, or a reject line."""
    try:
        identity = decode_epc(text)
    except MessageError as error:
        return {"kind": "reject", "reason": error.reason, "bytes": text}
    return {"kind": "epc", "uri": identity.uri, "gtin": identity.gtin, "serial": identity.serial}


def decode(
    protocol: Annotated[
        str,
        typer.Argument(
            help="For example m100, mt-sics, xovis, or epc for EPCs; a wrong name lists them all."
        ),
    ],
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
