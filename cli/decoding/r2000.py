"""R2000 readers with ``A0`` frames on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, tag
from contract.wire import r2000
from contract.wire.base import Reject


def decode_r2000(capture: bytes) -> Iterator[Line]:
    """Return what commands, answers and tag reports say."""
    for frame in drain(r2000.R2000Codec(), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case r2000.TagReport():
                yield tag(
                    epc=frame.epc.hex().upper(),
                    rssi_dbm=float(frame.rssi_dbm),
                    antenna=frame.antenna,
                    frequency_khz=frame.frequency_khz,
                    pc=f"{frame.pc:04X}",
                )
            case r2000.RoundEnd(antenna=antenna, reads_per_s=rate, reads=reads):
                yield status("round_end", f"antenna {antenna}, {reads} reads, {rate}/s")
            case r2000.SwitchEnd(reads=reads, duration_ms=duration_ms):
                yield status("round_end", f"{reads} reads in {duration_ms} ms")
            case r2000.Reply(result=r2000.SUCCEEDED, code=code):
                yield status("response", f"{code:02X} succeeded")
            case r2000.Reply(result=int(result), code=code):
                yield status("error", f"{r2000.ERROR_NAMES[result]} (code {result:02X}) at {code:02X}")
            case r2000.Reply(code=code, data=data):
                yield status("response", f"{code:02X} {data.hex().upper()}")
            case r2000.Command(code=code, data=data):
                yield status("command", f"{code:02X} {data.hex().upper()}".strip())


PROTOCOLS: Final = {"r2000": decode_r2000}
