"""The yardstick of ``shelfwise bench codecs``: for each protocol the least loop that parses and checks.

A bare loop believes its input: frames follow each other, nothing is lost, every field is in range. It
finds the length, checks the checksum and takes the same fields out, into a tuple. No resynchronising, no
account of bytes, no types, no limits. What a codec costs beyond it is the price of a dirty line.
"""

import re
from base64 import b64decode, urlsafe_b64decode
from binascii import crc_hqx
from collections.abc import Callable
from datetime import datetime
from struct import Struct
from typing import Any, Final

import msgspec

from contract.wire.crc import crc8, crc16_genibus, crc16_mcrf4xx, crc16_modbus

Bare = Callable[[bytes], int]
"""Takes a stream of whole frames; returns how many there were."""

_JSON: Final = msgspec.json.Decoder()
_WEIGHT: Final = re.compile(rb"S ([SD]) ([ \d.+-]{10}) (\w+)")
_STANDARD: Final = re.compile(rb"(ST|US),([+-][\d.]+) *(\w+)")
_TWS: Final = re.compile(rb"([ +-][ \d.]{7,8})(?: (g)|(kg)) ([SU])")
_OHAUS: Final = re.compile(rb" *([\d.+-]+) (\w+) *(\?)?")
_DECIMAL: Final = re.compile(rb"[^0-9+-]*([+-]?\d+(?:\.\d+)?)")
_GRAMS: Final = {b"g": 1.0, b"kg": 1000.0}


class BareError(ValueError):
    """A bare loop met input that it does not believe: the benchmark is at fault."""


def m100(stream: bytes) -> int:
    """Head, type, command, length, RSSI, PC, EPC, CRC, sum, end."""
    at, found = 0, []
    while at < len(stream):
        end = at + (stream[at + 3] << 8 | stream[at + 4]) + 7
        if sum(stream[at + 1 : end - 2]) & 0xFF != stream[end - 2]:
            raise BareError
        tag = stream[at + 6 : end - 4]
        if crc_hqx(tag, 0xFFFF) ^ 0xFFFF != stream[end - 4] << 8 | stream[end - 3]:
            raise BareError
        rssi = stream[at + 5]
        found.append((rssi - 256 if rssi > 127 else rssi, tag[0] << 8 | tag[1], tag[2:]))
        at = end
    return len(found)


def m6e(stream: bytes) -> int:
    """Head, length, opcode, status, nine metadata fields, PC, EPC, its CRC, Mercury CRC."""
    at, found = 0, []
    while at < len(stream):
        end = at + stream[at + 1] + 7
        body, tail = stream[at + 1 : end - 4], stream[end - 4 : end - 2]
        if crc_hqx(body, crc_hqx(b"\0\0", 0xFFFF)) ^ int.from_bytes(tail, "big") != int.from_bytes(
            stream[end - 2 : end], "big"
        ):
            raise BareError
        rssi = stream[at + 12]
        embedded = (int.from_bytes(stream[at + 24 : at + 26], "big") + 7) // 8
        place = at + 29 + embedded
        bits = int.from_bytes(stream[place - 2 : place], "big")
        tag = stream[place : place + bits // 8 - 2]
        if crc16_genibus(tag) != int.from_bytes(stream[place + bits // 8 - 2 : place + bits // 8], "big"):
            raise BareError
        found.append(
            (
                stream[at + 11],
                rssi - 256 if rssi > 127 else rssi,
                stream[at + 13],
                int.from_bytes(stream[at + 14 : at + 17], "big"),
                int.from_bytes(stream[at + 17 : at + 21], "big"),
                int.from_bytes(stream[at + 21 : at + 23], "big"),
                stream[at + 23],
                stream[at + 26 : at + 26 + embedded],
                stream[place - 3],
                int.from_bytes(tag[:2], "big"),
                tag[2:],
            )
        )
        at = end
    return len(found)


def r2000(stream: bytes) -> int:
    """Head, length, address, command, channel and antenna, PC, EPC, RSSI, sum."""
    at, found = 0, []
    while at < len(stream):
        end = at + stream[at + 1] + 2
        if sum(stream[at:end]) & 0xFF:
            raise BareError
        pc = stream[at + 5] << 8 | stream[at + 6]
        size = (pc >> 11) * 2
        mixed = stream[at + 4]
        found.append(
            (mixed >> 2, (mixed & 3) + 1, pc, stream[at + 7 : at + 7 + size], stream[at + 7 + size] - 129)
        )
        at = end
    return len(found)


def _chafon(stream: bytes, head: int, behind: int) -> int:
    at, found = 0, []
    while at < len(stream):
        end = at + stream[at] + 1
        if crc16_mcrf4xx(stream[at : end - 2]) != stream[end - 2] | stream[end - 1] << 8:
            raise BareError
        tags, place = [], at + head
        for _ in range(stream[place - 1]):
            size = stream[place]
            tags.append((stream[place + 1 : place + 1 + size], stream[place + 1 + size] if behind else None))
            place += 1 + size + behind
        found.append((stream[at + 3], tags))
        at = end
    return len(found)


def chafon18(stream: bytes) -> int:
    """Length, address, command, status, tag list, CRC."""
    return _chafon(stream, 5, 0)


def chafon288(stream: bytes) -> int:
    """Length, address, command, status, antenna, tag list with RSSI, CRC."""
    return _chafon(stream, 6, 1)


def terabee(stream: bytes) -> int:
    """Mark, counter, in, out, CRC."""
    found = []
    for at in range(0, len(stream), 11):
        if crc8(stream[at : at + 10]) != stream[at + 10]:
            raise BareError
        fields = (stream[at + 6 : at + 8], stream[at + 8 : at + 10], stream[at + 2 : at + 6])
        found.append(tuple(int.from_bytes(field, "big") for field in fields))
    return len(found)


def modbus(stream: bytes) -> int:
    """Unit, function, byte count, registers, CRC."""
    at, found = 0, []
    while at < len(stream):
        end = at + stream[at + 2] + 5
        if crc16_modbus(stream[at : end - 2]) != stream[end - 2] | stream[end - 1] << 8:
            raise BareError
        registers = [int.from_bytes(stream[place : place + 2], "big") for place in range(at + 3, end - 2, 2)]
        found.append((stream[at], stream[at + 1], registers))
        at = end
    return len(found)


def _lines(stream: bytes, pattern: re.Pattern[bytes], status: int, value: int, unit: int) -> int:
    found = []
    for line in stream.split(b"\r\n"):
        if not line:
            continue
        match = pattern.match(line)
        if match is None:
            raise BareError
        factor = _GRAMS[match[unit]] if unit else 1.0
        found.append((float(match[value]) * factor, match[status] if status else None, line.decode("ascii")))
    return len(found)


def mt_sics(stream: bytes) -> int:
    """Status, weight, unit."""
    return _lines(stream, _WEIGHT, 1, 2, 3)


def and_scale(stream: bytes) -> int:
    """Header, weight, unit."""
    return _lines(stream, _STANDARD, 1, 2, 3)


def kern(stream: bytes) -> int:
    """Weight, unit, status."""
    found = []
    for line in stream.split(b"\r\n"):
        if line:
            match = _TWS.match(line)
            if match is None:
                raise BareError
            factor = _GRAMS[match[2] or match[3]]
            found.append((float(match[1]) * factor, match[4], line.decode("ascii")))
    return len(found)


def barcode(stream: bytes) -> int:
    """Symbology, digits, their check digit."""
    found = []
    for line in stream.split(b"\r"):
        if line:
            digits = line[3:]
            total = sum(digits[0:12:2]) + 3 * sum(digits[1:12:2]) - 24 * ord("0")
            if -total % 10 != digits[12] - ord("0"):
                raise BareError
            text = line.decode("ascii")
            found.append((text[1:3], "0" + text[3:], text))
    return len(found)


def ohaus(stream: bytes) -> int:
    """Weight, unit, stability."""
    return _lines(stream, _OHAUS, 3, 1, 2)


def hx711(stream: bytes) -> int:
    """A decimal."""
    return _lines(stream, _DECIMAL, 0, 1, 0)


def _objects(stream: bytes, read: Callable[[Any], Any]) -> int:
    return len([read(_JSON.decode(line)) for line in stream.split(b"\n") if line])


def impinj(stream: bytes) -> int:
    """JSON, EPC from base64, RSSI, time."""

    def read(event: Any) -> Any:
        tag = event["tagInventoryEvent"]
        epc = tag["epc"]
        return (
            urlsafe_b64decode(epc + "=" * (-len(epc) % 4)).hex().upper(),
            tag["antennaPort"],
            tag["peakRssiCdbm"] / 100,
            datetime.fromisoformat(event["timestamp"]).timestamp(),
        )

    return _objects(stream, read)


def zebra(stream: bytes) -> int:
    """JSON, EPC, RSSI, number, reads, mode, time."""

    def read(event: Any) -> Any:
        tag = event["data"]
        moment = datetime.fromisoformat(event["timestamp"]).timestamp()
        head = event["type"], event["timestamp"], moment
        return tag["idHex"].upper(), tag["antenna"], tag["peakRssi"], tag["eventNum"], tag["reads"], head

    return _objects(stream, read)


def xovis(stream: bytes) -> int:
    """JSON, version and number of the package, interval and every count of every record."""

    def read(envelope: Any) -> Any:
        data = envelope["logics_data"]
        package = data["package_info"]
        if not package["version"].startswith("5"):
            raise BareError
        return (
            package["id"],
            package["agent_id"],
            [
                (
                    logic["name"],
                    record["from"],
                    record["to"],
                    datetime.fromisoformat(record["to"]).timestamp(),
                    {count["name"]: count["value"] for count in record["counts"]},
                )
                for logic in data["logics"]
                for record in logic["records"]
            ],
        )

    return _objects(stream, read)


def milesight(stream: bytes) -> int:
    """JSON, totals of every line."""

    def read(report: Any) -> Any:
        return [
            (line["line"], line["total"]["in"], line["total"]["out"]) for line in report["line_trigger_data"]
        ]

    return _objects(stream, read)


def openepaperlink(stream: bytes) -> int:
    """JSON, every field of every label."""

    def read(page: Any) -> Any:
        return [tuple(tag.values()) for tag in page["tags"]], page.get("continu")

    return _objects(stream, read)


def milesight_lora(stream: bytes) -> int:
    """JSON of a network server, device and frame counter, base64, channel, type and value of two totals."""

    def read(message: Any) -> Any:
        content, totals = b64decode(message["data"]), {}
        for place in (0, 6):
            if content[place + 1] != 0xD2:
                raise BareError
            totals[content[place]] = int.from_bytes(content[place + 2 : place + 6], "little")
        return message["deviceInfo"]["devEui"], message["fCnt"], totals

    return _objects(stream, read)


def roode(stream: bytes) -> int:
    """Levels of the topic, direction."""
    found = []
    for line in stream.split(b"\n"):
        if line:
            topic, _, payload = line.partition(b" ")
            _, component, entity, _ = topic.decode("utf-8").split("/")
            text = payload.decode("utf-8")
            if component != "text_sensor" or not entity.endswith("last_direction"):
                raise BareError
            found.append((int(text == "Entry"), int(text == "Exit")))
    return len(found)


def llrp(stream: bytes) -> int:
    """Header, one tag report, its EPC, antenna, RSSI, channel, time, count and PC."""
    at, found = 0, []
    while at < len(stream):
        kind, size, number = _LLRP_HEAD.unpack_from(stream, at)
        if kind & 0x3FF != 61 or stream[at + 10 : at + 12] != b"\x00\xf0":
            raise BareError
        place, end = at + 14, at + size
        fields: dict[int, Any] = {}
        while place < end:
            mark = stream[place] & 0x7F
            width = _LLRP_WIDTHS[mark]
            content = stream[place + 1 : place + 1 + width]
            fields[mark] = content.hex().upper() if mark == 13 else int.from_bytes(content, "big")
            place += 1 + width
        rssi = fields[6]
        found.append((kind >> 10, number, fields, rssi - 256 if rssi > 127 else rssi, f"{fields[12]:04X}"))
        at = end
    return len(found)


_LLRP_HEAD: Final = Struct(">HII")
_LLRP_WIDTHS: Final = {1: 2, 2: 8, 6: 1, 7: 2, 8: 2, 12: 2, 13: 12}
"""Antenna, first seen, RSSI, channel, times seen, PC, EPC of 96 bits."""
