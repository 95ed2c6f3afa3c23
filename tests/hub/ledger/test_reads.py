"""Items by SKU, counted by the database, are what resolving them one by one gives."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.epc import decode_epc
from contract.errors import MessageError
from contract.gtin import gtin_check_digit
from hub.ledger import catalogue, reads
from hub.model import Product
from hub.services.visits import ItemFilter, find_items

T0 = 1_790_000_000_000
# SGTIN-96, filter 1, seven-digit company 0614141, six-digit item 812345 (GS1 Tag Data Standard's example).
CLASS = "3034257BF7194E4"
SERIALS = [f"{CLASS}{n:09X}" for n in (0, 1, 5, 0xFFFFFFFFF)] + [f"3034257BF7194E5{n:09X}" for n in (7, 8)]
PLAIN = [f"E2{n:022X}" for n in range(4)]
OTHER = ["3034257BF7194E4", "30" + "F" * 22, "36" + "0" * 50, "3000"]


@pytest.fixture
def named(hub):
    gtins = {decode_epc(epc).gtin for epc in SERIALS}
    (gtin,) = gtins
    assert gtin[-1] == gtin_check_digit(gtin[:13])
    products = [Product(sku="ring", name="Ring", gtin=gtin), Product(sku="bead", name="珠")]
    bound = {PLAIN[0]: "bead", SERIALS[0]: "bead", PLAIN[1]: "gone"}
    hub.writer.run(lambda transaction: transaction.put_catalogue([], products, bound))
    return hub, gtin, bound


def expected_sku(epc, gtin, bound):
    if epc in bound:
        return bound[epc]
    try:
        return "ring" if decode_epc(epc).gtin == gtin else None
    except MessageError:
        return None


def test_items_resolve_by_binding_then_by_gtin(named, edge_of, arrived):
    hub, gtin, bound = named
    epcs = [*SERIALS, *PLAIN, *(epc for epc in OTHER if len(epc) % 4 == 0)]
    edge_of(hub).send(
        *(type(arrived(1))(at=T0, device="r-1", epc=epc, zone="ab"[n % 2]) for n, epc in enumerate(epcs))
    )
    wanted = {epc: expected_sku(epc, gtin, bound) for epc in epcs}
    assert {item.epc: item.sku for item in hub.items("popup-1")} == wanted
    counted = {}
    for units in hub.reader.read(lambda c: reads.item_units(c, "popup-1", catalogue.naming(c))):
        counted[units.sku] = counted.get(units.sku, 0) + units.units
    assert counted == {sku: list(wanted.values()).count(sku) for sku in wanted.values()}
    totals = {line.sku: line.total for line in hub.stock("popup-1").lines}
    assert totals == {"ring": 5, "bead": 2, "gone": 1, None: len(epcs) - 8}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 7),
    wanted=st.builds(
        ItemFilter,
        q=st.sampled_from(["", "ring", "珠", "e2"]),
        status=st.sampled_from([None, "present", "picked", "sold"]),
        zone=st.sampled_from([None, "a", "b"]),
        sku=st.sampled_from([None, "ring", "none"]),
    ),
)
def test_pages_together_are_every_item_that_matches(sqlite_hub, edge_of, arrived, limit, wanted):
    if not sqlite_hub.reader.read(catalogue.store_names):
        products = [Product(sku="ring", name="Ring"), Product(sku="bead", name="珠")]
        bound = {f"E2{n:022X}": ("ring", "bead")[n % 2] for n in range(10)}
        sqlite_hub.writer.run(lambda transaction: transaction.put_catalogue([], products, bound))
        edge_of(sqlite_hub).send(*(arrived(n, zone="ab"[n % 3 % 2]) for n in range(14)))
    every = [
        item
        for item in sqlite_hub.items("popup-1")
        if wanted.matches(item) and wanted.status in (None, item.status) and wanted.zone in (None, item.zone)
    ]
    found, after, pages = [], "", 0
    while after is not None:
        page = sqlite_hub.reader.read(
            lambda c, after=after: find_items(c, "popup-1", wanted, after=after, limit=limit)
        )
        assert page.total == len(every)
        assert len(page.items) <= limit
        found += page.items
        after = page.next_after
        pages += 1
        assert pages <= 20
    assert found == every
