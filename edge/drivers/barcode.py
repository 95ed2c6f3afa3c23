"""Barcode scanners: one code per scan, on a serial line or behind a serial-to-network adapter.

The scanner must be set to serial output (USB scanners: "USB COM port" or "CDC", not keyboard) and ends a
scan with CR, LF, CR LF or TAB. It says nothing between scans, so for a day nobody can tell a quiet one
from a dead one. Have it send AIM symbology identifiers: they protect a code against loss on the line.
Not confirmed on hardware.
"""

import msgspec

from contract.wire import barcode, lines
from edge.driver import DriverSpec, StreamDriver
from edge.model import BarcodeRead, Read


class BarcodeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a scanner.

    Attributes:
        require_identifier: refuse scans without an AIM symbology identifier, such as ``]E0``.
    """

    require_identifier: bool = False


class BarcodeDriver(StreamDriver[barcode.Frame]):
    """Host side of one scanner; it sends nothing."""

    def __init__(self, device: str, settings: BarcodeSettings) -> None:
        super().__init__(device)
        self._settings = settings

    def _codec_for_line(self) -> barcode.BarcodeCodec:
        return barcode.BarcodeCodec()

    def _take(self, frame: barcode.Frame, now: int) -> list[Read]:
        match frame:
            case barcode.Scan(symbology=None) if self._settings.require_identifier:
                return [self._unknown(lines.encode(frame), now, "a scan without a symbology identifier")]
            case barcode.Scan(code=code):
                return [BarcodeRead(device=self._device, at=now, code=code)]
            case barcode.Feed():
                return []


DRIVER = DriverSpec(
    name="barcode",
    title="Barcode scanner with serial output",
    kind="scanner",
    transports=("serial", "tcp"),
    protocol="barcode",
    settings=BarcodeSettings,
    build=BarcodeDriver,
    silent_after_ms=86_400_000,
    baud=9_600,
    tier="silver",
    notes="EAN, UPC, ITF-14, GS1 element strings and Digital Links give the GTIN; other text is a SKU.",
    examples=(
        barcode.scan_line("2112345678900", symbology="E0"),
        barcode.scan_line("011231231231233310ABC123\x1d99TESTING", symbology="d2"),
        barcode.scan_line("TS-WHITE-L"),
    ),
)
