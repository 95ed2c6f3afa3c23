"""Laws that the codecs of the M6E, R2000 and Chafon readers keep, whatever bytes come."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire import chafon, m6e, m6e_tags, r2000
from contract.wire.base import MAX_REJECT_BYTES, Reject

epcs = st.integers(1, 31).flatmap(lambda words: st.binary(min_size=2 * words, max_size=2 * words))


def pc_of(epc, low_bits=0):
    return len(epc) // 2 << 11 | low_bits


@st.composite
def m6e_reports(draw):
    flags = draw(st.integers(0, m6e_tags.ALL_FLAGS))
    epc = draw(epcs)
    fields = {}
    for flag, name, width in m6e_tags.WIDTHS:
        if not flags & flag:
            continue
        if flag == m6e_tags.EMBEDDED:
            fields[name] = draw(st.binary(max_size=32))
            fields["embedded_bits"] = max(0, len(fields[name]) * 8 - draw(st.integers(0, 7)))
        elif flag == m6e_tags.PROTOCOL:
            fields[name] = m6e_tags.GEN2
        elif flag == m6e_tags.RSSI:
            fields[name] = draw(st.integers(-128, 127))
        else:
            fields[name] = draw(st.integers(0, 256**width - 1))
    bits = 8 * (len(epc) + 4) - draw(st.integers(0, 7))
    record = m6e_tags.TagRecord(**fields, pc=draw(st.integers(0, 0xFFFF)), epc=epc, epc_bits=bits)
    return m6e_tags.TagReport(flags, (record,))


m6e_plain = st.builds(
    m6e.Reply,
    st.sampled_from(sorted(m6e.KNOWN_OPCODES)),
    st.sampled_from([0, 0x0400, 0x0504, 0x0505, 0x0105]),
    st.binary(max_size=5),
)
r2000_tags = st.builds(
    lambda code, channel, antenna, low_bits, epc, rssi_dbm, phase: r2000.TagReport(
        code, channel, antenna, pc_of(epc, low_bits), epc, rssi_dbm, phase
    ),
    st.sampled_from(sorted(r2000.INVENTORIES)),
    st.integers(0, r2000.CHANNELS - 1),
    st.integers(1, 8),
    st.integers(0, 0x7FF),
    epcs,
    st.integers(-129, -2),
    st.just(b"") | st.binary(min_size=2, max_size=2),
)
r2000_plain = st.one_of(
    st.builds(
        r2000.RoundEnd,
        st.sampled_from([r2000.REAL_TIME, r2000.SESSION]),
        st.integers(1, 8),
        st.integers(0, 0xFFFF),
        st.integers(0, 2**32 - 1),
    ),
    st.builds(r2000.SwitchEnd, st.integers(0, 2**24 - 1), st.integers(0, 2**32 - 1)),
    st.builds(
        lambda code, result: r2000.Reply(code, bytes([result])),
        st.sampled_from(sorted(r2000.INVENTORIES | r2000.ACKNOWLEDGED)),
        st.sampled_from(sorted(r2000.ERROR_NAMES)),
    ),
)


def chafon_lists(model):
    rssi = st.integers(0, 255) if model == "288" else st.none()
    tags = st.lists(
        st.builds(chafon.Tag, epcs, rssi, st.none() | st.binary(min_size=12, max_size=12)),
        min_size=1,
        max_size=3,
    )
    antenna = st.integers(1, 8) if model == "288" else st.none()
    status = st.sampled_from(sorted(chafon.TAG_LIST_STATUSES))
    lists = st.builds(
        lambda status, tags, antenna: chafon.TagList(status, tuple(tags), antenna), status, tags, antenna
    )
    return lists.filter(lambda frame: sum(len(tag.epc) + 14 for tag in frame.tags) < 240)


chafon_plain = st.one_of(
    st.builds(
        chafon.Reply,
        st.sampled_from(sorted(chafon.KNOWN_COMMANDS)),
        st.sampled_from(sorted(set(chafon.FAULT_NAMES) - {0xFC})),
    ),
    st.builds(
        lambda data: chafon.Reply(chafon.READER_INFORMATION, 0, data), st.binary(min_size=8, max_size=8)
    ),
)


class Family(msgspec.Struct, frozen=True):
    codec: object
    encode: object
    tags: object
    plain: object
    heads: bytes


FAMILIES = {
    "m6e": Family(lambda: m6e.M6eCodec("module"), m6e.encode, m6e_reports(), m6e_plain, b"\xff"),
    "m6e, both ways": Family(m6e.M6eCodec, m6e.encode, m6e_reports(), m6e_plain, b"\xff"),
    "r2000": Family(lambda: r2000.R2000Codec("reader"), r2000.encode, r2000_tags, r2000_plain, b"\xa0"),
    "r2000, both ways": Family(r2000.R2000Codec, r2000.encode, r2000_tags, r2000_plain, b"\xa0"),
    "chafon18": Family(
        lambda: chafon.ChafonCodec("18", "reader"),
        chafon.encode,
        chafon_lists("18"),
        chafon_plain,
        bytes(range(4, 256)),
    ),
    "chafon288": Family(
        lambda: chafon.ChafonCodec("288", "reader"),
        chafon.encode,
        chafon_lists("288"),
        chafon_plain,
        bytes(range(4, 256)),
    ),
}
each_family = pytest.mark.parametrize("name", FAMILIES)
COMMON = bytes.fromhex("FFA00522012F3089000100000003020C1300FB")


def streams(family):
    frame = st.one_of(family.tags, family.plain).map(family.encode)
    dirt = st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(COMMON), max_size=40).map(bytes))
    return st.lists(st.one_of(frame, dirt, frame.map(lambda raw: raw[:-3])), max_size=8).map(b"".join)


def cut(data, at):
    marks = sorted({min(mark, len(data)) for mark in at})
    return [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]


@each_family
@settings(deadline=None)
@given(choice=st.data())
def test_a_tag_survives_encode_and_decode(read_all, name, choice):
    family = FAMILIES[name]
    frame = choice.draw(family.tags)
    assert read_all(family.codec(), family.encode(frame)) == [frame]


@each_family
@settings(deadline=None)
@given(choice=st.data())
def test_other_frames_survive(read_all, name, choice):
    family = FAMILIES[name]
    frame = choice.draw(family.plain)
    found = read_all(family.codec(), family.encode(frame))
    assert found == [frame]


@each_family
@settings(deadline=None)
@given(choice=st.data())
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, name, choice):
    family = FAMILIES[name]
    data = choice.draw(streams(family))
    at = choice.draw(st.lists(st.integers(0, 600), max_size=12))
    whole = read_all(family.codec(), data)
    assert read_all(family.codec(), *cut(data, at)) == whole
    assert read_all(family.codec(), *cut(data, range(len(data)))) == whole
    assert reassembled(whole, family.encode) == data
    assert all(0 < len(item.raw) <= MAX_REJECT_BYTES for item in whole if isinstance(item, Reject))


@each_family
@settings(deadline=None)
@given(choice=st.data())
def test_tags_are_found_between_noise_that_holds_no_head(read_all, frames_of, name, choice):
    family = FAMILIES[name]
    wanted = choice.draw(st.lists(family.tags, min_size=1, max_size=5))
    noises = choice.draw(st.lists(st.binary(max_size=30), min_size=6, max_size=6))
    clean = [noise.translate(None, family.heads) for noise in noises]
    data = b"".join(noise + family.encode(tag) for noise, tag in zip(clean, wanted, strict=False))
    assert frames_of(read_all(family.codec(), data)) == wanted


@each_family
@settings(deadline=None)
@given(choice=st.data())
def test_the_next_frame_is_found_within_one_frame_of_any_dirt(name, choice):
    family = FAMILIES[name]
    dirt = choice.draw(st.one_of(st.binary(max_size=300), streams(family)))
    frame = choice.draw(family.tags)
    raw = family.encode(frame)
    codec = family.codec()
    codec.feed(dirt)
    while codec.next_frame() is not None:
        pass
    found, fed = [], 0
    while frame not in found:
        assert fed <= codec.max_frame
        codec.feed(raw)
        fed += len(raw)
        found += iter(codec.next_frame, None)


def random_tag(name, random):
    epc = random.randbytes(12)
    if name.startswith("m6e"):
        record = m6e_tags.TagRecord(
            reads=1, rssi_dbm=random.randint(-90, -30), ports=0x11, frequency_khz=865_700,
            since_keep_alive_ms=5, phase_deg=90, protocol=m6e_tags.GEN2, embedded=b"", gpio=0,
            pc=pc_of(epc), epc=epc, epc_bits=128,
        )  # fmt: skip
        return m6e_tags.streamed_tag(record)
    if name.startswith("r2000"):
        return r2000.TagReport(r2000.REAL_TIME, 30, 2, pc_of(epc), epc, random.randint(-90, -30))
    if name == "chafon18":
        return chafon.TagList(chafon.MORE_FOLLOW, (chafon.Tag(epc),))
    return chafon.TagList(chafon.MORE_FOLLOW, (chafon.Tag(epc, 0x6B),), antenna=2)


@each_family
def test_all_tags_are_found_in_100_000_random_bytes(read_all, frames_of, reassembled, name):
    family, random = FAMILIES[name], Random(20_262)
    data, wanted = bytearray(), []
    for _ in range(500):
        data += random.randbytes(200)
        wanted.append(random_tag(name, random))
        data += family.encode(wanted[-1])
    found = read_all(family.codec(), bytes(data))
    assert frames_of(found) == wanted
    assert reassembled(found, family.encode) == data


@each_family
def test_no_changed_byte_makes_another_frame(read_all, frames_of, name):
    family = FAMILIES[name]
    raw = family.encode(random_tag(name, Random(7)))
    for at in range(len(raw)):
        for value in set(range(256)) - {raw[at]}:
            broken = raw[:at] + bytes([value]) + raw[at + 1 :]
            assert frames_of(read_all(family.codec(), broken)) == []


@each_family
def test_a_lost_byte_costs_one_frame_at_most(read_all, frames_of, name):
    family, random = FAMILIES[name], Random(8)
    tags = [random_tag(name, random) for _ in range(4)]
    raws = [family.encode(tag) for tag in tags]
    for at in range(len(raws[1])):
        data = raws[0] + raws[1][:at] + raws[1][at + 1 :] + raws[2] + raws[3]
        assert frames_of(read_all(family.codec(), data)) == [tags[0], tags[2], tags[3]]


def tag_around_a_frame(name, random):
    """Return a tag whose EPC is a whole frame of its own protocol, and that frame."""
    inner = {
        "m": bytes.fromhex("FF0022040084E0"),
        "r": bytes.fromhex("A004018922B0"),
        "c": bytes.fromhex("050001FBF23D"),
    }[name[0]]
    epc = inner + bytes(14 - len(inner))
    tag = random_tag(name, random)
    if name[0] == "m":
        record = msgspec.structs.replace(tag.tags[0], epc=epc, pc=pc_of(epc), epc_bits=8 * (len(epc) + 4))
        return m6e_tags.streamed_tag(msgspec.structs.replace(record, embedded=inner, embedded_bits=56))
    if name[0] == "r":
        return msgspec.structs.replace(tag, epc=epc, pc=pc_of(epc))
    return msgspec.structs.replace(tag, tags=(msgspec.structs.replace(tag.tags[0], epc=epc),))


@each_family
def test_an_epc_may_be_a_whole_frame(read_all, name):
    tag = tag_around_a_frame(name, Random(1))
    raw = FAMILIES[name].encode(tag)
    assert read_all(FAMILIES[name].codec(), *[bytes([byte]) for byte in raw]) == [tag]


@each_family
def test_a_spoiled_tag_does_not_set_the_frame_in_its_epc_free(read_all, frames_of, name):
    family, random = FAMILIES[name], Random(2)
    raw = family.encode(tag_around_a_frame(name, random))
    behind = random_tag(name, random)
    spoiled = bytearray(raw)
    spoiled[-1] ^= 0x5A
    found = read_all(family.codec(), bytes(spoiled) + family.encode(behind))
    assert [(item.reason, item.raw) for item in found[:1]] == [("checksum", bytes(spoiled))]
    assert found[1:] == [behind]
    (reject,) = read_all(family.codec(), bytes(spoiled))
    assert (reject.reason, reject.raw) == ("checksum", bytes(spoiled))


@each_family
def test_a_tag_cut_short_gives_the_next_one_free(read_all, frames_of, name):
    family, random = FAMILIES[name], Random(3)
    first, second, third = (random_tag(name, random) for _ in range(3))
    raw = family.encode(first)
    for size in range(1, len(raw)):
        data = raw[:size] + family.encode(second) + family.encode(third)
        assert frames_of(read_all(family.codec(), data)) == [second, third]
