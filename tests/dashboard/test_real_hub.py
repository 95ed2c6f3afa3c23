"""What the set-up page asks and tells, against a real hub: its answers have the fields the screen reads."""

import pytest

from cli.store import STRAY_CODE, LocalStore
from cli.till import stray_sale
from dashboard.client import HubRefusedError
from dashboard.set_up import AGENTS, CODES, DUPLICATES, LABELS, LOG, STATIONS, TO_FETCH

EPC = "E28011606000020A6681F23F"
MAC = "0000021EE3B01234"


@pytest.fixture
def store(tmp_path):
    opened = LocalStore(tmp_path / "store", "popup")
    with opened.family:
        opened.start_broker()
        opened.start_hub()
        opened.family.wait_for("the hub", opened.client.is_ready, 30)
        yield opened
    opened.client.close()


@pytest.mark.flow
def test_a_code_a_tag_and_a_label_get_their_product(store):
    client, name = store.client, store.store
    for source in (AGENTS, CODES, DUPLICATES, LABELS, STATIONS, TO_FETCH):
        assert source.read(client, name) == (), source.name
    assert {entry.way for entry in LOG.read(client, name)} == {"file"}

    sale = stray_sale(name, STRAY_CODE, 1_780_000_000_123)
    line = {"sale_id": sale.sale_id, "store": name, "sku": sale.sku, "sold_at": "2026-05-29T00:00:00Z"}
    client.post("/v1/sales", {"lines": [line]})
    (code,) = CODES.read(client, name)
    assert (code.code, code.units, code.lines) == (STRAY_CODE, 1, 1)
    first, second = [one["sku"] for one in client.stock(name)["lines"] if one["sku"] and one["mapped"]][:2]
    client.map_code(STRAY_CODE, first, by="test")
    assert CODES.read(client, name) == ()
    with pytest.raises(HubRefusedError) as refused:
        client.map_code(STRAY_CODE, second, by="test")
    assert refused.value.is_conflict

    client.bind(name, {"epc": EPC}, first, by="test", replace=False)
    with pytest.raises(HubRefusedError) as refused:
        client.bind(name, {"epc": EPC}, second, by="test", replace=False)
    assert refused.value.is_conflict
    client.bind(name, {"epc": EPC}, second, by="test", replace=True)
    assert [(one.epc, one.sku, one.way, one.by) for one in LOG.read(client, name)[:2]] == [
        (EPC, second, "api", "test"),
        (EPC, first, "api", "test"),
    ]
    (twice,) = DUPLICATES.read(client, name)
    assert (twice.kind, twice.epc) == ("bound_twice", EPC)
    assert [one["sku"] for one in twice.found] == [first, second]

    wanted = {"sku": first, "agent": "pi-1", "device": "labels-1", "language": "en", "by": "test"}
    client.assign_label(name, MAC, wanted)
    (label,) = LABELS.read(client, name)
    assert (label.mac, label.sku, label.confirmed_price) == (MAC, first, None)
    with pytest.raises(HubRefusedError, match="12 or 16 hex digits") as refused:
        client.assign_label(name, "no label", wanted)
    assert not refused.value.is_conflict
