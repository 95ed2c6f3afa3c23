"""The lines that ``shelfwise decode`` prints, in one shape for every protocol. Unknown values are null."""

from collections.abc import Iterator
from typing import Any, TypeAlias, TypeVar

from contract.wire.base import Codec, Reject

Line: TypeAlias = dict[str, Any]
FrameT = TypeVar("FrameT")


def drain(codec: Codec[FrameT], capture: bytes) -> Iterator[FrameT | Reject]:
    """Return every frame and reject of a capture; its end is the end of the line."""
    codec.feed(capture)
    while (frame := codec.next_frame()) is not None:
        yield frame
    if (left := codec.close()) is not None:
        yield left


def drain_text(codec: Codec[FrameT], capture: bytes) -> Iterator[FrameT | Reject]:
    """Return every frame and reject of a capture of text lines.

    A capture is whole: one that ends in a lone CR is not kept waiting for the LF that might follow.
    """
    return drain(codec, capture + b"\n" if capture.endswith(b"\r") else capture)


def tag(
    *,
    epc: str,
    rssi_dbm: float | None,
    antenna: int | None,
    phase_deg: float | None = None,
    frequency_khz: int | None = None,
    reads: int = 1,
    pc: str | None = None,
    tid: str | None = None,
    time: str | None = None,
) -> Line:
    """One tag report."""
    return {
        "kind": "tag",
        "epc": epc,
        "rssi_dbm": rssi_dbm,
        "antenna": antenna,
        "phase_deg": phase_deg,
        "frequency_khz": frequency_khz,
        "reads": reads,
        "pc": pc,
        "tid": tid,
        "time": time,
    }


def weight(weight_g: float, *, stable: bool | None) -> Line:
    """One reading of a scale."""
    return {"kind": "weight", "weight_g": weight_g, "stable": stable}


def count(
    *,
    line: str,
    entered: int | None,
    left: int | None,
    cumulative: bool,
    since: str | None = None,
    until: str | None = None,
) -> Line:
    """One report of a people counter; ``since`` and ``until`` as the device wrote them."""
    return {
        "kind": "count",
        "line": line,
        "in": entered,
        "out": left,
        "cumulative": cumulative,
        "from": since,
        "to": until,
    }


def status(what: str, detail: str | None = None) -> Line:
    """Anything else that a device says."""
    return {"kind": "status", "what": what, "detail": detail}


def reject(reject: Reject) -> Line:
    """Bytes that made no frame."""
    return {"kind": "reject", "reason": reject.reason, "bytes": reject.raw.hex().upper()}
