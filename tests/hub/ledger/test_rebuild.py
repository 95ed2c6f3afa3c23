"""The read tables are folds: any interleaving, cut and repeat gives the same, and so does a rebuild."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import (
    BarcodeScanned,
    Blind,
    DeviceHealth,
    Disagreement,
    GateBatch,
    GatePassage,
    InputChanged,
    ItemStep,
    LabelShown,
    PeopleCounted,
    Rejected,
    TagArrived,
    TagMoved,
    TagPickedUp,
    TagPresented,
    TagPutBack,
    TryOnEnded,
    TryOnStarted,
    WeightChanged,
    encode_envelope,
    encode_observation,
)
from hub.app import LocalHub
from hub.ledger.rebuild import rebuild, snapshot, verify

T0 = 1_790_000_000_000
at = st.integers(T0, T0 + 40_000)
epc = st.sampled_from([f"E2{number:022X}" for number in range(4)])
zone = st.sampled_from(["shelf-a", "shelf-b"])
device = st.sampled_from(["r-1", "s-1"])
observation = st.one_of(
    st.builds(TagArrived, at=at, device=device, epc=epc, zone=zone),
    st.builds(TagMoved, at=at, device=device, epc=epc, zone=zone, from_zone=zone),
    st.builds(TagPickedUp, at=at, device=device, epc=epc, zone=zone),
    st.builds(TagPutBack, at=at, device=device, epc=epc, zone=zone, from_zone=zone, picked_at=at),
    st.builds(
        WeightChanged,
        at=at,
        device=device,
        zone=zone,
        sku=st.just("beads"),
        weight_g=st.just(84.0),
        delta_g=st.just(0.0),
        units=st.none() | st.integers(0, 20),
    ),
    st.builds(
        PeopleCounted,
        at=at,
        device=device,
        line=st.just("1"),
        entered=st.integers(0, 3),
        left=st.integers(0, 3),
        estimated_entered=st.none() | st.floats(0, 9),
        estimated_left=st.none() | st.floats(0, 9),
        turned=st.integers(0, 2),
        staff=st.integers(0, 2),
    ),
    st.builds(
        TryOnStarted,
        at=at,
        device=device,
        session=st.sampled_from(["c-1", "c-2"]),
        room=zone,
        epc=epc,
        probability=st.sampled_from([0.9, 0.99]),
    ),
    st.builds(
        TryOnEnded,
        at=at,
        device=device,
        session=st.sampled_from(["c-1", "c-2"]),
        room=zone,
        epc=epc,
        started_at=at,
        worn=st.none() | st.booleans(),
    ),
    st.builds(
        DeviceHealth,
        at=at,
        device=device,
        state=st.sampled_from(["ok", "silent", "offline"]),
        zones=st.just(("shelf-a",)),
    ),
    st.builds(Blind, at=at, device=device, since=at, reason=st.just("agent_down")),
    st.builds(TagPresented, at=at, device=device, epc=epc, tid=st.none() | st.just("E2801160")),
    st.builds(BarcodeScanned, at=at, device=device, code=st.sampled_from(["a", "b"])),
    st.builds(InputChanged, at=at, device=device, port=st.just(1), high=st.booleans()),
    st.builds(
        LabelShown,
        at=at,
        device=device,
        mac=st.just("0000021EE3B0"),
        sku=st.just("ring"),
        price=st.sampled_from(["1.00", "2.00"]),
    ),
    st.builds(
        GateBatch,
        at=at,
        device=device,
        batch_id=st.sampled_from(["b-1", "b-2"]),
        gate=st.just("gate-1"),
        started_at=st.just(T0),
        passages=st.lists(
            st.builds(
                GatePassage, epc=epc, direction=st.sampled_from(["in", "out"]), probability=st.just(0.9)
            ),
            max_size=3,
        ).map(tuple),
        undecided=st.lists(epc, max_size=2).map(tuple),
        part=st.integers(1, 2),
        parts=st.just(2),
    ),
    st.builds(
        WeightChanged,
        at=at,
        device=device,
        zone=zone,
        sku=st.none(),
        weight_g=st.just(84.0),
        delta_g=st.just(-8.0),
        items=st.lists(
            st.builds(
                ItemStep, st.sampled_from(["beads", "ring"]), st.just(-1), st.none() | st.integers(0, 9)
            ),
            max_size=2,
            unique_by=lambda item: item.sku,
        ).map(tuple),
    ),
    st.builds(
        Disagreement,
        at=at,
        device=device,
        zone=st.just("shelf-a"),
        why=st.sampled_from(["weight_only", "rfid_only", "count_differs"]),
        since=at,
        rfid_units=st.integers(-2, 2),
        weight_units=st.none() | st.integers(-2, 2),
        epcs=st.just(()) | st.just(("E2" + "0" * 22,)),
        skus=st.just(()) | st.just(("a ring",)),
    ),
    st.builds(Rejected, at=at, device=device, reason=st.sampled_from(["noise", "checksum"])),
)
streams = st.dictionaries(
    st.sampled_from(["x1", "x2", "x3"]), st.lists(observation, min_size=1, max_size=8), min_size=1
)


def deliveries(lines, stream, cuts):
    """Cut a stream into envelopes."""
    first = 0
    for end in [*sorted(cuts), len(lines)]:
        if first < end <= len(lines):
            yield (
                f"shelfwise/v1/popup-1/pi-1/{stream}/observations",
                encode_envelope(first + 1, lines[first:end], sent_at=T0),
            )
            first = end


def tables(hub):
    return hub.writer.run(lambda transaction: snapshot(transaction))


@settings(max_examples=40, deadline=None)
@given(streams=streams, choice=st.data())
def test_any_interleaving_gives_the_same_tables(streams, choice):
    encoded = {name: [encode_observation(one) for one in own] for name, own in streams.items()}
    with TemporaryDirectory() as folder:
        plain, shuffled = (LocalHub(Path(folder) / name, lambda: T0) for name in ("plain.db", "shuffled.db"))
        try:
            for name, lines in encoded.items():
                plain.deliver_batch(list(deliveries(lines, name, [])))
            waiting = [
                list(deliveries(lines, name, choice.draw(st.sets(st.integers(1, 8)))))
                for name, lines in encoded.items()
            ]
            while any(waiting):
                own = choice.draw(st.sampled_from([own for own in waiting if own]))
                batch = [own[0]] * choice.draw(st.integers(1, 2))
                own.pop(0)
                shuffled.deliver_batch(batch)
            assert tables(shuffled) == tables(plain)
            assert verify(shuffled.writer) == []
        finally:
            plain.close()
            shuffled.close()


def test_rebuild_repairs_a_damaged_table(hub, edge, arrived):
    edge.send(*(arrived(n) for n in range(5)), b"unreadable")
    live = tables(hub)
    hub.writer.run(
        lambda transaction: transaction.connection.exec_driver_sql("UPDATE items SET zone = 'elsewhere'")
    )
    differences = verify(hub.writer)
    assert len(differences) == 1
    assert differences[0].startswith("items: 5 rows the events do not give, 5 rows missing")
    assert hub.writer.run(rebuild) == 6
    assert tables(hub) == live
    assert verify(hub.writer) == []
