"""LLRP messages on the command line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cli.decoding.lines import Line, drain, reject, status, tag
from contract.wire import llrp
from contract.wire.base import Reject

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def decode_llrp(capture: bytes) -> Iterator[Line]:
    """Return the tags of reports, and the name of every other message."""
    for message in drain(llrp.LlrpCodec(), capture):
        if isinstance(message, Reject):
            yield reject(message)
        elif message.type != llrp.RO_ACCESS_REPORT:
            yield status("message", llrp.MESSAGE_NAMES[message.type])
        else:
            for report in llrp.parse_report(message.body):
                yield reject(report) if isinstance(report, Reject) else _tag(report)


def _tag(report: llrp.TagReport) -> Line:
    return tag(
        epc=report.epc,
        rssi_dbm=report.rssi_dbm,
        antenna=report.antenna,
        phase_deg=report.phase_deg,
        frequency_khz=report.frequency_khz,
        reads=report.reads,
        pc=report.pc,
        tid=report.tid,
        time=_time(report.first_seen_us),
    )


def _time(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


PROTOCOLS: Final = {"llrp": decode_llrp}
