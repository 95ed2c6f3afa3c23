"""Scans: endings, symbologies, element strings, links; nothing wrong becomes a code."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.gtin import gtin_check_digit
from contract.wire import barcode, lines
from contract.wire.barcode import GS, BarcodeCodec, Feed, Scan, parse
from contract.wire.base import Reject

GTIN = "12312312312333"
pieces = st.one_of(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"\t", b"]E02112345678900", b"]E02112345678901", b"]C101" + GTIN.encode(), b"TS-1", b"\x1d", b"\xff", b"x" * 239, b"y" * 241]
    ),
    st.binary(max_size=4),
)  # fmt: skip
streams = st.lists(pieces, max_size=14).map(b"".join)
bodies = st.text("0123456789", min_size=12, max_size=12)
serials = st.text("ABCXYZ0123456789-./", min_size=1, max_size=20).filter(lambda text: text.strip("."))


@settings(deadline=None)
@given(data=streams, at=st.lists(st.integers(0, 600), max_size=8))
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, data, at):
    marks = sorted({min(mark, len(data)) for mark in at})
    chunks = [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]
    whole = read_all(BarcodeCodec(), data)
    assert read_all(BarcodeCodec(), *chunks) == whole
    assert read_all(BarcodeCodec(), *[bytes([byte]) for byte in data]) == whole
    assert reassembled(whole, lines.encode) == data


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\r\n", b"\t"])
def test_a_scan_is_there_with_its_ending_and_not_one_scan_late(ending):
    codec = BarcodeCodec()
    codec.feed(b"]E02112345678900" + ending[:1])
    assert codec.next_frame().code == "02112345678900"
    codec.feed(ending[1:] + b"TS-1" + ending)
    codes = []
    while (frame := codec.next_frame()) is not None:
        codes.append(frame)
    assert [frame.code for frame in codes if isinstance(frame, Scan)] == ["TS-1"]
    assert all(isinstance(frame, Scan | Feed) for frame in codes)


def test_an_empty_line_is_a_reject_and_the_lf_of_a_cr_lf_is_none(read_all):
    found = read_all(BarcodeCodec(), b"A\r\nB\n\nC\r\r\n")
    assert [item.raw if isinstance(item, Reject) else lines.encode(item) for item in found] == [
        b"A\r", b"\n", b"B\n", b"\n", b"C\r", b"\r", b"\n",
    ]  # fmt: skip
    assert [type(item) for item in found] == [Scan, Feed, Scan, Reject, Scan, Reject, Feed]


def test_noise_before_a_scan_is_skipped_and_noise_within_spoils_it(read_all):
    assert [item.code for item in read_all(BarcodeCodec(), b"\x00\xffTS-1\r") if isinstance(item, Scan)] == [
        "TS-1"
    ]
    found = read_all(BarcodeCodec(), b"TS-\xff1\rTS-2\r")
    assert [(item.reason, item.raw) for item in found[:2]] == [("noise", b"TS-\xff"), ("syntax", b"1\r")]
    assert found[2].code == "TS-2"


@given(bodies, st.data())
def test_one_wrong_digit_never_becomes_a_code_where_there_is_a_check_digit(read_all, body, data):
    right = body + gtin_check_digit(body)
    assert parse(f"]E0{right}").gtin == "0" + right
    at = data.draw(st.integers(0, 12))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != right[at]]))
    wrong = right[:at] + other + right[at + 1 :]
    (reject,) = read_all(BarcodeCodec(), f"]E0{wrong}\r".encode())
    assert reject.reason == "checksum"


@pytest.mark.parametrize("line", [b"]E02112345678900\r", b"]E402345673\r", b"]I112312312312333\r"])
def test_no_flipped_bit_and_no_lost_byte_makes_another_number(read_all, line):
    """Every single one of them; what is read at all is the number or no number."""
    (right,) = read_all(BarcodeCodec(), line)
    spoiled = [
        line[:at] + bytes([line[at] ^ 1 << bit]) + line[at + 1 :]
        for at in range(len(line))
        for bit in range(8)
    ]
    spoiled += [line[:at] + line[at + 1 :] for at in range(3, len(line) - 1)]
    for bad in spoiled:
        for scan in read_all(BarcodeCodec(), bad):
            if isinstance(scan, Scan) and scan.symbology is not None:
                assert scan.gtin in (None, right.gtin)
                assert not scan.code.isdigit() or scan.code.zfill(14) == right.gtin


@settings(deadline=None)
@given(
    body=st.text("0123456789", min_size=13, max_size=13),
    serial=serials,
    symbology=st.sampled_from(sorted(barcode.ELEMENT_STRINGS)),
    lot_first=st.booleans(),
)
def test_every_carrier_of_an_item_says_the_same(body, serial, symbology, lot_first):
    gtin = body + gtin_check_digit(body)
    lot, item = "10L0T", f"21{serial}"
    elements = f"01{gtin}" + (f"{lot}{GS}{item}" if lot_first else f"{item}{GS}{lot}")
    from urllib.parse import quote

    carriers = [
        f"]{symbology}{elements}",
        elements,
        GS + elements,
        f"]Q1https://id.gs1.org/01/{gtin}/10/L0T/21/{quote(serial, safe='')}?17=261231",
        f"HTTPS://EXAMPLE.COM/shop/01/{gtin}/21/{quote(serial, safe='')}",
    ]
    scans = [parse(carrier) for carrier in carriers]
    assert {(scan.code, scan.gtin, scan.serial) for scan in scans} == {(gtin, gtin, serial)}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("]E02112345678900", "02112345678900"),
        ("]E3978149205374390000", "09781492053743"),
        ("]E3978149205374312", "09781492053743"),
        ("2112345678900", "02112345678900"),
        ("416000336108", "00416000336108"),
        (GTIN, GTIN),
        ("02345673", "02345673"),
        ("2112345678901", "2112345678901"),
        ("]I112345670", "12345670"),
        ("]I012312312312334", "12312312312334"),
        ("]A0TS WHITE L", "TS WHITE L"),
        ("]C0123456", "123456"),
        ("]X9anything", "anything"),
        ("]", "]"),
        ("0123456789012345", "0123456789012345"),
        ("01" + GTIN, GTIN),
        ("01" + GTIN + "x", "01" + GTIN + "x"),
        ("]C100106141411234567897", "(00)106141411234567897"),
        (f"]C110LOT{GS}21SER", "(10)LOT(21)SER"),
        (f"]d2{GS}01{GTIN}{GS}10LOT{GS}", GTIN),
        (f"]C13103000123{GS}01{GTIN}", GTIN),
        ("]Q1https://example.com/01/12345678", "https://example.com/01/12345678"),
        ("]Q3https://example.com/01/" + GTIN, GTIN),
        ("]Q1https://example.com/gtin/" + GTIN, "https://example.com/gtin/" + GTIN),
    ],
)
def test_codes(text, code):
    assert parse(text).code == code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "value"),
        ("]C1", "value"),
        ("]E112", "value"),
        ("]E2" + "12345", "value"),
        ("]E0416000336108", "value"),
        ("]E397814920537431", "value"),
        ("]I112312312312334", "checksum"),
        ("]I112345678", "checksum"),
        ("]I11231231231233", "value"),
        ("]I11231231231233X", "value"),
        ("]C10112312312312334", "checksum"),
        ("]C101" + GTIN[:-1], "syntax"),
        ("]C101ABCDEFGHIJKLMN", "syntax"),
        ("]C1XX", "syntax"),
        ("]C15", "syntax"),
        ("]C105123", "syntax"),
        (f"]C110{GS}21X", "syntax"),
        ("]C110has space", "syntax"),
        (f"]C1{GS}", "value"),
        ("]C101" + GTIN + "21" + "S" * 21, "value"),
        (f"]C0AB{GS}CD", "syntax"),
        (f"AB{GS}CD", "syntax"),
        ("]Q1https://example.com/01/12312312312334", "checksum"),
        ("x" * 201, "value"),
    ],
)
def test_what_is_no_code(text, reason):
    with pytest.raises(FrameError) as refusal:
        parse(text)
    assert refusal.value.reason == reason
    assert refusal.value.detail


@given(
    st.text(st.characters(min_codepoint=0x1D, max_codepoint=0x7E), max_size=60),
    st.sampled_from(["", "]C1", "]E0", "]d2", "]Q1", "http://x/01/"]),
)
def test_nothing_but_a_frame_error_is_raised(text, prefix):
    try:
        scan = parse(prefix + text)
    except FrameError:
        return
    assert 0 < len(scan.code) <= barcode.MAX_CODE
    assert scan.gtin in (None, scan.code)


def test_identifiers_that_have_a_fixed_length_are_the_ones_of_the_standard():
    """GS1 General Specifications, predefined lengths: with these, no separator is needed."""
    assert {lead: size for lead, size in barcode.FIXED.items() if lead < "20"} == {
        "00": 20, "01": 16, "02": 16, "03": 16, "04": 18, "11": 8, "12": 8, "13": 8, "14": 8, "15": 8, "16": 8,
        "17": 8, "18": 8, "19": 8,
    }  # fmt: skip
    assert barcode.parse_elements("112612313103001750" + "370") == [
        ("11", "261231"),
        ("3103", "001750"),
        ("37", "0"),
    ]
