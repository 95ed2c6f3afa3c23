"""EPC decoding against vectors from outside, against epcpy, and the filter that builds on it."""

import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.epc import EpcFilter, decode_epc, identify, slice_sgtin_96
from contract.errors import MessageError
from contract.gtin import gtin_check_digit

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from epcpy.utils.parsers import hex_to_tag_encodable

# (EPC hex, pure identity URN, GTIN-14). The first two are worked examples of GS1 TDS 1.x, annex E.3; the
# third was captured from a retail tag by an M100 reader (see tests/golden/wire/m100.txt).
SGTIN = [
    ("3074257BF7194E4000001A85", "urn:epc:id:sgtin:0614141.812345.6789", "80614141123458"),
    (
        "3674257BF6B7A659B2C2BF100000000000000000000000000000",
        "urn:epc:id:sgtin:0614141.712345.32a%2Fb",
        "70614141123451",
    ),
    ("30751FEB705C5904E3D50D70", "urn:epc:id:sgtin:4717276.094564.21002259824", "04717276945640"),
]

# GS1 TDS 1.x annex E.3, "summary of EPC encodings": the other schemes. Bits are padded to whole words.
OTHERS = [
    ("3174257BF4499602D2000000", "urn:epc:id:sscc:0614141.1234567890", "0614141"),
    ("3274257BF46072000000162E", "urn:epc:id:sgln:0614141.12345.5678", "0614141"),
    ("3974257BF46072CD9615F8800000000000000000000000000000", "urn:epc:id:sgln:0614141.12345.32a%2Fb", "0614141"),
    ("3374257BF40C0E400000162E", "urn:epc:id:grai:0614141.12345.5678", "0614141"),
    ("3774257BF40C0E59B2C2BF1000000000000000000000", "urn:epc:id:grai:0614141.12345.32a%2Fb", "0614141"),
    ("3474257BF40000000000162E", "urn:epc:id:giai:0614141.5678", "0614141"),
    ("3874257BF59B2C2BF10000000000000000000000000000000000", "urn:epc:id:giai:0614141.32a%2Fb", "0614141"),
    ("2D74257BF4499602D2000000", "urn:epc:id:gsrn:0614141.1234567890", "0614141"),
    ("2E74257BF4499602D2000000", "urn:epc:id:gsrnp:0614141.1234567890", "0614141"),
    ("2C74257BF46072000000162E", "urn:epc:id:gdti:0614141.12345.5678", "0614141"),
    ("3E74F4E4E7039B061438997367D0C18B266D1AB66EE0", "urn:epc:id:gdti:4012345.98765.ABCDefgh012345678", "4012345"),
    ("3C74257BF400C0E680003039", "urn:epc:id:cpi:0614141.98765.12345", "0614141"),
    ("3F74F4E4E612640000019907", "urn:epc:id:sgcn:4012345.67890.04711", "4012345"),
    ("350007AB70425D4000000586", "urn:epc:id:gid:31415.271828.1414", None),
    ("2F320434147455900000162E", "urn:epc:id:usdod:CAGEY.5678", None),
    ("4074F4E4E40C0E40820000000F6C", "urn:epc:id:itip:4012345.012345.01.02.987", "4012345"),
]  # fmt: skip


def refusal(epc):
    with pytest.raises(MessageError) as caught:
        decode_epc(epc)
    return caught.value.reason


@pytest.mark.parametrize(("epc", "uri", "gtin"), SGTIN)
def test_sgtin(epc, uri, gtin):
    identity = decode_epc(epc)
    assert (identity.uri, identity.gtin, identity.scheme) == (uri, gtin, "sgtin")
    assert identity.serial == uri.rsplit(".", 1)[1]
    assert identity.company_prefix == uri.split(":")[4].split(".")[0]


@pytest.mark.parametrize(("epc", "uri", "company_prefix"), OTHERS)
def test_the_other_schemes(epc, uri, company_prefix):
    identity = decode_epc(epc)
    assert (identity.uri, identity.company_prefix) == (uri, company_prefix)
    assert (identity.gtin, identity.serial) == (None, None)
    assert identity.scheme == uri.split(":")[3]


def test_lower_case_and_spaces_are_the_same_tag():
    assert decode_epc("3074 257b f719 4e40 0000 1a85") == decode_epc("3074257BF7194E4000001A85")


@pytest.mark.parametrize(
    "epc",
    [
        "E2004074850A0103163070E1",  # a vendor's own numbering
        "0000",
        "3074257BF7194E40",  # cut off
        "307C257BF7194E4000001A85",  # partition 7
        "F7000000000000000000000000000000",  # SGTIN+ of TDS 2.x
        "F0000000000000000000000000000000",
        "3074257BF7194E4000001A850001",  # content behind the scheme's 96 bits
        "3674257BF6B7A659B2C2BF100000000000000000000000000001",
    ],
)
def test_what_is_not_gs1_says_so_however_often_it_is_asked(epc):
    assert [refusal(epc), refusal(epc), identify(epc)] == ["not_gs1", "not_gs1", None]


@pytest.mark.parametrize("epc", ["", "30", "3074257BF7194E4000001A8", "nothing", "30" * 63])
def test_what_is_no_epc_says_so(epc):
    assert refusal(epc) == "bad_epc"
    assert identify(epc) is None


def test_zeros_behind_the_scheme_are_padding():
    assert decode_epc("3074257BF7194E4000001A8500000000") == decode_epc("3074257BF7194E4000001A85")


def test_leading_zeros_matter_in_the_company_prefix_and_not_in_the_serial():
    assert decode_epc("301800000000004000000000").uri == "urn:epc:id:sgtin:000000.0000001.0"


@pytest.mark.parametrize(("gtin"), ["00614141999996", "04006381333931", "00036000291452"])
def test_check_digits_of_known_gtins(gtin):
    assert gtin_check_digit(gtin[:13]) == gtin[13]


def sgtin_96(filter_value, partition, company, item, serial):
    item_bits = (4, 7, 10, 14, 17, 20, 24, 24)[partition]
    reference = (company << item_bits | item) & (1 << 44) - 1
    return f"{0x30 << 88 | filter_value << 85 | partition << 82 | reference << 38 | serial:024X}"


any_96_bits = st.integers(0, 2**88 - 1).map(lambda rest: f"{0x30 << 88 | rest:024X}")
near_the_bounds = st.builds(
    sgtin_96,
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(5, 12).flatmap(lambda digits: st.integers(10**digits - 2, 10**digits + 1))
    | st.integers(0, 9),
    st.integers(0, 7).flatmap(lambda digits: st.integers(10**digits - 1, 10**digits + 1)),
    st.sampled_from([0, 1, 2**37, 2**38 - 1]) | st.integers(0, 2**38 - 1),
)


@given(any_96_bits | near_the_bounds)
@example(sgtin_96(3, 0, 999_999_999_999, 9, 0))
@example(sgtin_96(3, 0, 10**12, 9, 0))
@example(sgtin_96(3, 0, 999_999_999_999, 10, 0))
@example(sgtin_96(0, 6, 999_999, 9_999_999, 2**38 - 1))
@example(sgtin_96(0, 6, 999_999, 10**7, 2**38 - 1))
@example(sgtin_96(0, 6, 10**6, 1, 1))
@example(sgtin_96(7, 7, 1, 1, 1))
def test_slicing_accepts_and_says_what_an_independent_decoder_does(epc):
    try:
        independent = hex_to_tag_encodable(epc)
    except Exception:
        with pytest.raises(MessageError) as caught:
            slice_sgtin_96(epc)
        assert caught.value.reason == "not_gs1"
        return
    identity = slice_sgtin_96(epc)
    assert identity.uri == independent.epc_uri
    assert identity.gtin == independent.gs1_key()
    assert (identity.company_prefix, identity.serial) == (independent._company_pref, independent._serial)
    assert decode_epc(epc) == identity


@given(st.binary(min_size=2, max_size=62).filter(lambda raw: len(raw) % 2 == 0))
def test_no_epc_raises_anything_else(raw):
    epc = raw.hex()
    identity = identify(epc)
    if identity is None:
        assert refusal(epc) == "not_gs1"
    else:
        assert identity == decode_epc(epc)


OURS, THEIRS = "3074257BF7194E4000001A85", "30751FEB705C5904E3D50D70"
VENDOR, GID = "E2004074850A0103163070E1", "350007AB70425D4000000586"


@pytest.mark.parametrize(
    ("company_prefixes", "keep_undecodable", "kept"),
    [
        ((), True, [OURS, THEIRS, VENDOR, GID]),
        ((), False, [OURS, THEIRS]),
        (("0614141",), True, [OURS, VENDOR, GID]),
        (("0614141",), False, [OURS]),
        (("0614141", "4717276"), False, [OURS, THEIRS]),
        (("614141",), False, []),
    ],
)
def test_a_filter_keeps_tags_of_its_company_prefixes(company_prefixes, keep_undecodable, kept):
    wanted = EpcFilter(company_prefixes, keep_undecodable)
    assert [epc for epc in (OURS, THEIRS, VENDOR, GID) if wanted.keeps(epc)] == kept
    assert wanted.keeps_all == (len(kept) == 4)
    assert [wanted.keeps(epc.lower()) for epc in kept] == [True] * len(kept)
