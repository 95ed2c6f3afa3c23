"""Barcode scanners on a serial line: one line of text per scan, reduced to the code that names a product.

A scan ends with CR, LF, CR LF or TAB, as the scanner is set. It is complete at its CR, because most
scanners send nothing more; an LF right behind a CR is a frame of its own without meaning. A line may
begin with an AIM symbology identifier (``]E0``), which says how to read it:

- EAN-13 and UPC (``]E0``, 13 digits), with add-on (``]E3``), EAN-8 (``]E4``) and ITF (``]I1``, GTIN when it has 14) have a
  check digit; a wrong one is a reject, never a code;
- GS1-128, DataBar, GS1 DataMatrix, GS1 QR and GS1 DotCode carry element strings: Application
  Identifiers with their values, variable ones ended by GS (0x1D). A GTIN (01) is the code, its serial
  number (21) is kept; without one the code is the element string in brackets;
- any other symbology is text. A GS1 Digital Link (``…/01/GTIN/21/SERIAL``) is reduced to its GTIN.

Without an identifier 12, 13 or 14 digits with a right check digit are a GTIN, and an element string is
taken for one when it begins with a valid GTIN; everything else is text, such as a SKU. A GTIN is given
as 14 digits, whatever symbol carried it. Text without an identifier shows no loss on the line: have the
scanner send identifiers. Only ASCII is read.

Sources: symbology identifiers and element strings of the GS1 General Specifications, as exercised by
the tests of GS1's own Barcode Syntax Engine, see ``tests/golden/wire/barcode.txt``.
"""

import re
from typing import ClassVar, Final, TypeAlias
from urllib.parse import unquote

from contract.errors import FrameError
from contract.gtin import gtin_14, gtin_check_digit
from contract.wire import lines
from contract.wire.base import Reject, RejectReason
from contract.wire.lines import Ending, LineCodec

GS: Final = "\x1d"
MAX_CODE: Final = 200
MAX_SERIAL: Final = 20

ELEMENT_STRINGS: Final = frozenset({"C1", "e0", "d2", "Q3", "J1"})
"""Symbologies whose content is element strings."""

FIXED: Final = {
    "00": 20, "01": 16, "02": 16, "03": 16, "04": 18,
    "11": 8, "12": 8, "13": 8, "14": 8, "15": 8, "16": 8, "17": 8, "18": 8, "19": 8, "20": 4,
    "31": 10, "32": 10, "33": 10, "34": 10, "35": 10, "36": 10, "41": 16,
}  # fmt: skip
"""Length of an element with its identifier, by the first two digits; needs no separator."""

IDENTIFIER_DIGITS: Final = {
    **dict.fromkeys(("23", "24", "25", "40", "41", "42", "71"), 3),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36", "39", "43", "70", "72", "80", "81", "82"), 4),
    **dict.fromkeys(
        ("00", "01", "02", "03", "10", "11", "12", "13", "15", "16", "17", "20", "21", "22", "30", "37"), 2
    ),
    **{str(number): 2 for number in range(90, 100)},
}
"""Digits of an Application Identifier by its first two."""

_AIM: Final = re.compile(r"\]([A-Za-z][0-9A-Za-z])(.*)", re.DOTALL)
_LINK: Final = re.compile(r"https?://[^/?#]+(?:/[^?#]*?)?/01/(\d{14})(?=[/?#]|$)([^?#]*)", re.IGNORECASE)
_LINK_SERIAL: Final = re.compile(r"/21/([^/]+)")
_VALUE: Final = re.compile(r"[\x21-\x7E]{1,90}")


class Scan(lines.Line, frozen=True, kw_only=True):
    """One scanned symbol.

    Attributes:
        code: what names the product: a GTIN of 14 digits, or the symbol's text.
        symbology: the two characters of its AIM identifier, None when the scanner sends none.
        gtin: the code when it is a GTIN whose check digit is right.
        serial: serial number of the item, where the symbol has one.
    """

    code: str
    symbology: str | None = None
    gtin: str | None = None
    serial: str | None = None


class Feed(lines.Line, frozen=True, kw_only=True):
    """The LF of a CR LF, when the scan ended at its CR."""


Frame: TypeAlias = Scan | Feed


def scan_line(text: str, *, symbology: str = "", ending: Ending = "\r") -> bytes:
    """Return the line with which a scanner reports a symbol."""
    prefix = f"]{symbology}" if symbology else ""
    return f"{prefix}{text}{ending}".encode("ascii")


def parse(text: str, ending: Ending = "\r") -> Scan:
    """Read one line without its ending.

    Raises:
        FrameError: ``checksum`` for a wrong check digit, ``syntax`` for a symbol whose content its
            symbology does not allow, ``value`` for a code that is empty or too long.
    """
    found = _AIM.fullmatch(text)
    symbology, content = (found[1], found[2]) if found else (None, text)
    if not content.strip():
        raise FrameError("value", "a symbol without content")
    if symbology is None:
        gtin, serial, code = _read_bare(content)
    elif symbology[0] == "E":
        gtin, serial, code = _read_retail(symbology, content)
    elif symbology == "I1":
        gtin, serial, code = _read_interleaved(content)
    elif symbology in ELEMENT_STRINGS and not content.lower().startswith("http"):
        gtin, serial, code = _read_elements(content)
    else:
        gtin, serial, code = _read_text(content)
    if len(gtin or code) > MAX_CODE:
        raise FrameError("value", f"a code has at most {MAX_CODE} characters, not {len(code)}")
    return Scan(text=text, ending=ending, code=gtin or code, symbology=symbology, gtin=gtin, serial=serial)


_Read: TypeAlias = tuple[str | None, str | None, str]
"""GTIN, serial number and the code where there is no GTIN."""


def _read_bare(content: str) -> _Read:
    if len(content) in (12, 13, 14) and (gtin := gtin_14(content)) is not None:
        return gtin, None, ""
    if GS in content:
        return _read_elements(content)
    if content.startswith("01") and gtin_14(content[2:16]) is not None:
        try:
            return _read_elements(content)
        except FrameError:
            return None, None, content
    return _read_text(content)


def _read_retail(symbology: str, content: str) -> _Read:
    digits = content.partition("|]e0")[0]
    match symbology[1]:
        case "0" if len(digits) == 13:
            return _checked(digits), None, ""
        case "3" if len(digits) in (15, 18) and digits.isdigit():
            return _checked(digits[:13]), None, ""
        case "4" if len(digits) == 8:
            return _checked(digits), None, ""
        case "1" | "2":
            raise FrameError("value", "an add-on symbol without the symbol that it belongs to")
        case _:
            raise FrameError("value", f"]{symbology} does not have {len(digits)} characters")


def _read_interleaved(content: str) -> _Read:
    if not content.isdigit() or len(content) % 2:
        raise FrameError("value", f"an ITF symbol has an even number of digits, not {content!r}")
    if content[-1] != gtin_check_digit(content[:-1]):
        raise FrameError("checksum", f"the check digit of {content} is wrong")
    return gtin_14(content) if len(content) == 14 else None, None, content


def _checked(digits: str) -> str:
    if not digits.isdigit():
        raise FrameError("value", f"{digits!r} are not digits")
    gtin = gtin_14(digits)
    if gtin is None:
        raise FrameError("checksum", f"the check digit of {digits} is wrong")
    return gtin


def _read_text(content: str) -> _Read:
    link = _LINK.match(content)
    if link is None:
        if GS in content:
            raise FrameError("syntax", "a separator in a symbol without element strings")
        return None, None, content
    serial = _LINK_SERIAL.search(link[2])
    return _checked(link[1]), _serial(unquote(serial[1])) if serial else None, ""


def _read_elements(content: str) -> _Read:
    elements = parse_elements(content)
    by_identifier = dict(elements)
    serial = by_identifier.get("21")
    if "01" in by_identifier:
        return _checked(by_identifier["01"]), _serial(serial) if serial else None, ""
    return None, serial, "".join(f"({identifier}){value}" for identifier, value in elements)


def _serial(text: str) -> str:
    if len(text) > MAX_SERIAL or not text.isprintable():
        raise FrameError("value", f"a serial number has at most {MAX_SERIAL} characters")
    return text


def parse_elements(text: str) -> list[tuple[str, str]]:
    """Return the Application Identifiers of an element string with their values, in order.

    Raises:
        FrameError: ``syntax``.
    """
    found: list[tuple[str, str]] = []
    rest = text.removeprefix(GS)
    while rest:
        lead = rest[:2]
        identifier = rest[: IDENTIFIER_DIGITS.get(lead, 0)]
        if not identifier.isdigit():
            raise FrameError("syntax", f"{rest[:4]!r} begins no known Application Identifier")
        size = FIXED.get(lead)
        value, _, rest_after = rest.partition(GS) if size is None else (rest[:size], "", rest[size:])
        value = value[len(identifier) :]
        if not _VALUE.fullmatch(value):
            raise FrameError("syntax", f"({identifier}) has no value")
        if size is not None and not (len(value) == size - len(identifier) and value.isdigit()):
            raise FrameError("syntax", f"({identifier}) has {size - len(identifier)} digits, not {value!r}")
        found.append((identifier, value))
        rest = rest_after.removeprefix(GS) if size is not None else rest_after
    if not found:
        raise FrameError("syntax", "an element string without an element")
    return found


_COMMON: Final = re.compile(rb"(\]E0([0-9]{13}))\r")
_CHECK_OFFSET: Final = (7 + 3 * 6) * ord("0")
"""What the characters of thirteen digits weigh beyond the digits."""


class BarcodeCodec(LineCodec[Frame]):
    """Lines from a scanner."""

    max_line: ClassVar[int] = 240
    max_frame = 241
    unprintable: ClassVar[re.Pattern[bytes]] = re.compile(rb"[^\x1D\x20-\x7E]")

    def __init__(self) -> None:
        super().__init__()
        self._returned = False
        self._lost = False

    def _quick(self) -> tuple[Frame, int] | None:
        """Know an EAN-13 or UPC with its identifier, ended by CR."""
        match = _COMMON.match(self._buffer)
        if match is None:
            return None
        text, digits = match.groups()
        if (sum(digits[::2]) + 3 * sum(digits[1::2]) - _CHECK_OFFSET) % 10:
            return None
        read = text.decode()
        gtin = "0" + read[3:]
        return Scan(text=read, ending="\r", code=gtin, symbology="E0", gtin=gtin), match.end()

    def next_frame(self) -> Frame | Reject | None:
        """Return the next frame or reject, or NEED_DATA."""
        if not self._overlong and not self._torn and (quick := self._quick()) is not None:
            frame, size = quick
            del self._buffer[:size]
            self._returned = True
            return frame
        return super().next_frame()

    def close(self) -> Reject | None:
        """The line closed: account for what is left in the buffer, and start anew."""
        self._returned = self._lost = False
        return super().close()

    def _take(self) -> Frame | Reject | None:
        if self._returned and self._buffer[0] == 0x0A:
            self._returned = False
            self._cut(1)
            return Feed(text="", ending="\n")
        item = super()._take()
        if item is not None:
            raw = item.raw if isinstance(item, Reject) else lines.encode(item)
            self._returned = raw.endswith(b"\r")
            self._lost = self._torn and (self._lost or bool(self.unprintable.sub(b"", raw)))
        return item

    def _parse(self, text: str, ending: Ending) -> Scan:
        if self._lost:
            raise FrameError("syntax", "the end of a line whose beginning is noise")
        return parse(text, ending)

    def _reason(self, error: FrameError) -> RejectReason:
        return "checksum" if error.reason == "checksum" else super()._reason(error)

    def _find_end(self) -> tuple[int, Ending | None]:
        ends: list[tuple[int, Ending]] = []
        for mark in ("\r", "\n", "\t"):
            at = self._buffer.find(mark.encode("ascii"), 0, self.max_line)
            if at >= 0:
                ends.append((at, mark))
        return min(ends) if ends else (-1, "\r")
