"""The outbox keeps what it took, deletes only on a receipt that is about its own rows, and never reuses a number."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError, LinkError
from contract.messages import (
    MAX_ENVELOPE_BYTES,
    DeviceHealth,
    Receipt,
    TagArrived,
    decode_observation,
    digest_line,
    encode_envelope,
)
from edge.model import RejectRead
from edge.outbox import Bounds, Outbox


def arrived(n: int) -> TagArrived:
    return TagArrived(at=1_800_000_000_000 + n, device="r1", epc=f"{n:024X}", zone="shelf-a")


def health(n: int) -> DeviceHealth:
    return DeviceHealth(at=1_800_000_000_000 + n, device="r1", state="ok")


@pytest.fixture
def box(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db", agent="agent-1")
    yield outbox
    outbox.close()


def lines_of(box, after=0, limit=10_000):
    return [line for parcel in box.parcels(after, limit) for line in parcel.lines]


def test_what_was_committed_is_there_after_reopening_with_its_checkpoint(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a")
    assert box.commit([arrived(1), arrived(2)], {"sensing": b"state"}) == 2
    stream = box.stream
    box.close()
    again = Outbox(tmp_path / "o.db", agent="a")
    assert (again.stream, again.next_seq, again.waiting) == (stream, 3, 2)
    assert again.checkpoint("sensing") == b"state"
    assert [decode_observation(line) for line in lines_of(again)] == [arrived(1), arrived(2)]
    again.close()


def test_numbers_are_not_reused_after_everything_was_receipted(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a")
    box.commit([arrived(1)])
    assert box.accept(Receipt(seq=1, digest=digest_line(lines_of(box)[0])))
    assert box.waiting == 0
    box.close()
    again = Outbox(tmp_path / "o.db", agent="a")
    assert again.commit([arrived(2)]) == 2
    again.close()


def test_a_receipt_earned_by_other_content_deletes_nothing(box):
    box.commit([arrived(1), arrived(2)])
    assert not box.accept(Receipt(seq=2, digest=12345))
    assert box.waiting == 2


def test_a_receipt_beyond_our_numbers_is_doubted(box):
    box.commit([arrived(1)])
    assert not box.accept(Receipt(seq=7, digest=1))
    assert box.waiting == 1


def test_an_old_receipt_changes_nothing(box):
    box.commit([arrived(1), arrived(2)])
    digests = [digest_line(line) for line in lines_of(box)]
    assert box.accept(Receipt(seq=2, digest=digests[1]))
    assert box.accept(Receipt(seq=1, digest=digests[0]))
    assert box.receipt_seq == 2


def test_settling_keeps_what_the_hub_does_not_have_in_a_new_stream(box):
    box.commit([arrived(n) for n in range(1, 6)])
    old = box.stream
    assert box.settle(2, 5, now=1_800_000_000_999)
    assert box.stream != old
    first, *rest = [decode_observation(line) for line in lines_of(box)]
    assert first.code == "stream_replaced"
    assert old in first.text
    assert rest == [arrived(3), arrived(4), arrived(5)]
    assert box.next_seq == 5


def test_settling_asks_again_while_every_row_asked_about_was_the_same(box):
    box.commit([arrived(n) for n in range(1, 11)])
    asked = box.rows_in_doubt(limit=4)
    assert not box.settle(4, asked[-1].seq, now=1)
    assert box.rows_in_doubt(limit=4)[0].seq == 5


def test_a_full_outbox_drops_telemetry_first_and_says_so(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a", bounds=Bounds(max_rows=100))
    box.commit([health(n) if n % 2 else arrived(n) for n in range(100)])
    box.commit([arrived(n) for n in range(100, 120)])
    parcels = box.parcels(0, 1000)
    kept = [decode_observation(line) for parcel in parcels for line in parcel.lines]
    assert sum(isinstance(o, TagArrived) for o in kept) == 70
    lost = sum(p.last_seq - p.first_seq + 1 for p in parcels if p.lost)
    assert lost == 21
    assert {p.lost for p in parcels if p.lost} == {"outbox_full"}
    numbers = [seq for p in parcels for seq in range(p.first_seq, p.last_seq + 1)]
    assert numbers == list(range(1, 121))
    box.close()


def test_parcels_never_exceed_the_envelope_and_go_on_after_a_number(box):
    box.commit([arrived(n) for n in range(1, 1301)])
    sizes = [len(p.lines) for p in box.parcels(100, 5000)]
    assert sizes == [500, 500, 200]
    assert box.parcels(100, 5000)[0].first_seq == 101


def test_a_damaged_file_is_set_aside_and_a_new_stream_begins(tmp_path):
    path = tmp_path / "o.db"
    box = Outbox(path, agent="a")
    box.commit([arrived(n) for n in range(500)])
    old = box.stream
    box.close()
    content = bytearray(path.read_bytes())
    content[100:3000] = b"\xff" * 2900
    path.write_bytes(bytes(content))
    again = Outbox(path, agent="a")
    assert again.stream != old
    assert "set aside" in again.recovered
    assert list(tmp_path.glob("*.damaged-*"))
    again.close()


def test_a_newer_file_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "o.db"
    Outbox(path, agent="a").close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="newer Shelfwise"):
        Outbox(path, agent="a")


def test_a_failed_write_stores_neither_rows_nor_checkpoint(box):
    box.commit([arrived(1)], {"sensing": b"one"})
    box._connection.execute("PRAGMA max_page_count = 1")
    pages = box._connection.execute("PRAGMA page_count").fetchone()[0]
    box._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill():
        for n in range(2, 2000):
            box.commit([arrived(n)] * 50, {"sensing": b"two"})

    with pytest.raises(LinkError, match="full"):
        fill()
    stored = len(lines_of(box, limit=10**6))
    assert stored == box.waiting == box.next_seq - 1
    box._connection.execute("PRAGMA max_page_count = 100000")
    assert box.commit([arrived(3)]) == box.next_seq - 1


def test_rejects_are_kept_up_to_the_bound_newest_last(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a", bounds=Bounds(max_dead_letters=10))
    box.park(RejectRead(device="r1", at=n, reason="checksum", raw=bytes([n])) for n in range(25))
    kept = box.dead_letters()
    assert [at for at, *_ in kept] == list(range(15, 25))
    assert kept[0][1:] == ("r1", "checksum", bytes([15]))
    box.close()


def test_a_command_id_is_taken_once(box):
    assert box.remember_command("c1", 10)
    assert not box.remember_command("c1", 20)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(st.integers(1, 7), st.sampled_from(["receipt", "reopen"])), max_size=25))
def test_no_number_is_lost_or_doubled_whatever_the_order_of_commits_receipts_and_restarts(
    tmp_path_factory, steps
):
    path = tmp_path_factory.mktemp("box") / "o.db"
    box = Outbox(path, agent="a")
    hub: dict[int, bytes] = {}
    written = 0
    for step in steps:
        if isinstance(step, int):
            box.commit([arrived(written + i) for i in range(step)])
            written += step
        elif step == "reopen":
            box.close()
            box = Outbox(path, agent="a")
        else:
            for parcel in box.parcels(box.receipt_seq, 4):
                hub.update(zip(range(parcel.first_seq, parcel.last_seq + 1), parcel.lines, strict=True))
            if hub:
                top = max(hub)
                assert box.accept(Receipt(seq=top, digest=digest_line(hub[top])))
    for parcel in box.parcels(box.receipt_seq, 10_000):
        hub.update(zip(range(parcel.first_seq, parcel.last_seq + 1), parcel.lines, strict=True))
    box.close()
    assert [decode_observation(hub[seq]) for seq in sorted(hub)] == [arrived(n) for n in range(written)]
    assert sorted(hub) == list(range(1, written + 1))


def test_parcels_stay_below_the_size_an_envelope_may_have(box):
    wide = DeviceHealth(
        at=1, device="r1", state="ok", zones=tuple(f"zone-{'x' * 58}{n}" for n in range(10)), detail="d" * 200
    )
    box.commit([wide] * 1_500)
    parcels = box.parcels(0, 5_000)
    assert sum(len(p.lines) for p in parcels) == 1_500
    assert (
        max(len(encode_envelope(p.first_seq, list(p.lines), sent_at=1)) for p in parcels)
        <= MAX_ENVELOPE_BYTES
    )


def test_a_hub_that_went_back_into_the_middle_of_a_lost_range_is_told_of_every_number_once(tmp_path):
    box = Outbox(tmp_path / "o.db", agent="a", bounds=Bounds(max_rows=100))
    box.commit([arrived(n) for n in range(110)])
    lost = [p for p in box.parcels(0, 1) if p.lost]
    assert (lost[0].first_seq, lost[0].last_seq) == (1, 11)
    assert box.accept(Receipt(seq=11))
    box.commit([arrived(n) for n in range(110, 120)])
    assert box.accept(Receipt(seq=15, digest=None))
    box.step_back(5)
    ranges = [(p.first_seq, p.last_seq) for p in box.parcels(5, 1_000)]
    numbers = [seq for first, last in ranges for seq in range(first, last + 1)]
    assert numbers == list(range(6, box.next_seq))
    box.close()


def test_a_file_that_is_busy_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    path = tmp_path / "o.db"
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, timeout=0.05))
    holder = connect(path)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigError, match="locked"):
        Outbox(path, agent="a")
    holder.close()
    assert [found.name for found in tmp_path.iterdir() if "damaged" in found.name] == []
