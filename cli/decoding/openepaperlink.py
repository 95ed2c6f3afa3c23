"""Label lists of an OpenEPaperLink access point on the command line."""

from collections.abc import Iterator
from typing import Final

from cli.decoding.lines import Line, reject, status
from contract.wire import openepaperlink
from contract.wire.base import Reject


def decode_openepaperlink(capture: bytes) -> Iterator[Line]:
    """Return one line per label in an answer to ``GET /get_db``."""
    page = openepaperlink.parse_page(capture)
    if isinstance(page, Reject):
        yield reject(page)
        return
    for label in page.labels:
        battery = "unknown" if label.battery_mv is None else f"{label.battery_mv} mV"
        yield status(
            "label",
            f"{label.mac} type {label.hw_type} content {label.content_mode} pending {label.pending}"
            f" updates {label.update_count} last {label.update_last} battery {battery}",
        )
    for refused in page.rejects:
        yield reject(refused)
    if page.next_pos is not None:
        yield status("next_page", str(page.next_pos))


PROTOCOLS: Final = {"openepaperlink": decode_openepaperlink}
