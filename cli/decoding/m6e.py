"""ThingMagic M6E, M6E Nano, M7E on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, tag
from contract.wire import m6e, m6e_tags
from contract.wire.base import Reject

REPORTS: Final = {
    m6e.NO_TAGS: "keep_alive",
    m6e.TEMPERATURE_LIMIT: "temperature_throttle",
    m6e.HIGH_RETURN_LOSS: "high_return_loss",
}


def decode_m6e(capture: bytes) -> Iterator[Line]:
    """Return what commands, replies and tag reports say."""
    for frame in drain(m6e.M6eCodec(), capture):
        match frame:
            case Reject():
                yield reject(frame)
            case m6e_tags.TagReport(tags=tags):
                for record in tags:
                    yield tag(
                        epc=record.epc.hex().upper(),
                        rssi_dbm=None if record.rssi_dbm is None else float(record.rssi_dbm),
                        antenna=record.antenna,
                        phase_deg=None if record.phase_deg is None else float(record.phase_deg),
                        frequency_khz=record.frequency_khz,
                        reads=record.reads or 1,
                        pc=f"{record.pc:04X}",
                    )
            case m6e.Reply(opcode=m6e.READ_MULTIPLE, status=code) if code in REPORTS:
                yield status(REPORTS[code])
            case m6e.Reply(status=m6e.SUCCESS) if frame.temperature_c is not None:
                yield status("temperature", f"{frame.temperature_c} °C")
            case m6e.Reply(status=m6e.SUCCESS, opcode=opcode, data=data):
                yield status("response", f"{opcode:02X} {data.hex().upper()}".strip())
            case m6e.Reply(status=code, opcode=opcode):
                name = m6e.STATUS_NAMES.get(code, "unknown error")
                yield status("error", f"{name} (status {code:04X}) at {opcode:02X}")
            case m6e.Command(opcode=opcode, data=data):
                yield status("command", f"{opcode:02X} {data.hex().upper()}".strip())


PROTOCOLS: Final = {"m6e": decode_m6e}
