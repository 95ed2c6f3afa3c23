"""Till payloads: what counts as sold and as brought back, names that stay, and hostile bodies."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.wire import generic_till, shopify, square
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.till import MAX_BODY, Notice, SaleLine, TillReport

GOLDEN = Path(__file__).parents[2] / "golden" / "payloads"
PARSERS = [shopify.parse_webhook, square.parse_webhook, generic_till.parse_lines]


def dumped(value):
    return json.dumps(value).encode()


def order(**more):
    item = {"id": 1, "variant_id": 5, "sku": "ring", "quantity": 2, "price": "10.50"}
    return {
        "id": 77,
        "created_at": "2026-05-01T18:05:00+08:00",
        "financial_status": "paid",
        "cancelled_at": None,
        "test": False,
        "line_items": [item],
        **more,
    }


def refund(**more):
    line = {"quantity": 1, "restock_type": "return", "line_item": {"id": 1, "sku": "ring", "price": "10.50"}}
    return {
        "id": 9,
        "order_id": 77,
        "created_at": "2026-05-02T10:00:00Z",
        "refund_line_items": [{**line, **more}],
    }


def quantities(report):
    return [(line.sale_id, line.line, line.quantity) for line in report.lines]


def test_a_paid_order_is_sold():
    report = shopify.parse_webhook(dumped(order(location_id=12)))
    assert (report.state, report.order_id) == ("sold", "77")
    assert report.lines == [
        SaleLine(
            sale_id="77",
            line=1,
            code="ring",
            quantity=2,
            price=10.5,
            sold_at="2026-05-01T18:05:00+08:00",
            at=1_777_629_900_000,
            store="12",
        )
    ]


@pytest.mark.parametrize(
    ("more", "state", "what"),
    [
        ({"cancelled_at": "2026-05-01T19:00:00Z"}, "cancelled", "cancelled"),
        ({"test": True}, "test", "test_order"),
        ({"financial_status": "pending"}, "open", "not_paid"),
        ({"financial_status": "voided"}, "open", "not_paid"),
        ({"line_items": None}, "ignored", "no_line_items"),
        ({"order_id": 5}, "ignored", "not_an_order"),
    ],
)
def test_an_order_that_is_no_sale_has_no_lines(more, state, what):
    report = shopify.parse_webhook(dumped(order(**more)))
    assert (report.state, report.lines, report.entries[0].what) == (state, [], what)


@pytest.mark.parametrize("status", ["paid", "refunded", "partially_refunded", None])
def test_goods_of_a_refunded_order_were_sold_all_the_same(status):
    assert quantities(shopify.parse_webhook(dumped(order(financial_status=status)))) == [("77", 1, 2)]


@pytest.mark.parametrize(
    "topic", ["products/update", "fulfillments/create", "orders/delete", "checkouts/create"]
)
def test_topics_that_tell_of_no_goods_are_ignored_unread(topic):
    assert shopify.parse_webhook(b"not JSON", topic) == TillReport(
        state="ignored", entries=(Notice("topic", topic),)
    )


def test_creating_and_paying_an_order_name_its_lines_alike():
    items = [{"id": n, "sku": f"s{n}", "quantity": 1, "price": "1"} for n in (30, 10, 20)]
    first = shopify.parse_webhook(dumped(order(line_items=items)), "orders/create")
    assert first == shopify.parse_webhook(dumped(order(line_items=items)), "orders/paid")
    assert [(line.line, line.code) for line in first.lines] == [(1, "s30"), (2, "s10"), (3, "s20")]


@pytest.mark.parametrize(
    ("restock_type", "entry", "only_if_sold"),
    [
        ("return", -1, False),
        ("legacy_restock", -1, False),
        (None, -1, False),
        ("cancel", -1, True),
        ("no_restock", "not_restocked", False),
    ],
)
def test_a_refund_brings_back_what_was_restocked(restock_type, entry, only_if_sold):
    report = shopify.parse_webhook(dumped(refund(restock_type=restock_type)))
    assert (report.state, report.of_order, report.only_if_sold) == ("returned", "77", only_if_sold)
    (found,) = report.entries
    assert (found.what if isinstance(found, Notice) else found.quantity) == entry


def test_two_refunds_of_one_order_have_names_of_their_own():
    first, second = (shopify.parse_webhook(dumped({**refund(), "id": number})) for number in (1, 2))
    assert quantities(first) == [("77-1", 1, -1)]
    assert quantities(second) == [("77-2", 1, -1)]


def square_order(**more):
    return {
        "id": "O1",
        "version": 4,
        "state": "COMPLETED",
        "location_id": "L1",
        "closed_at": "2026-05-01T10:00:00.123456789Z",
        "line_items": [{"catalog_object_id": "C1", "quantity": "2"}],
        **more,
    }


@pytest.mark.parametrize(
    "wrap",
    [
        lambda order: order,
        lambda order: {"order": order},
        lambda order: {"type": "order.updated", "event_id": "e", "data": {"object": {"order": order}}},
        lambda order: {"type": "order.updated", "data": {"object": {"order_updated": order}}},
    ],
)
def test_an_order_is_the_same_in_every_envelope(wrap):
    report = square.parse_webhook(dumped(wrap(square_order())))
    assert (report.state, report.order_id, report.version) == ("sold", "O1", 4)
    assert quantities(report) == [("O1", 1, 2)]
    assert report.lines[0].at == 1_777_629_600_123


@pytest.mark.parametrize(
    ("state", "expected"), [("OPEN", "open"), ("DRAFT", "open"), ("CANCELED", "cancelled"), (None, "open")]
)
def test_only_a_completed_order_counts(state, expected):
    report = square.parse_webhook(dumped({"order": square_order(state=state)}))
    assert (report.state, report.lines) == (expected, [])


def test_an_event_without_lines_is_to_be_fetched():
    event = json.loads((GOLDEN / "square_order_completed.json").read_bytes())
    report = square.parse_webhook(dumped(event))
    assert (report.state, report.order_id, report.version) == ("to_fetch", "eA3vssLHKJrv9H0IdJCM3gNqfdcZY", 4)
    assert square.event_id(dumped(event)) == "derived-1"
    assert square.event_id(b"{}") is None


def test_other_events_are_ignored():
    report = square.parse_webhook(dumped({"type": "payment.created", "data": {"object": {"payment": {}}}}))
    assert (report.state, report.entries) == ("ignored", (Notice("event", "payment.created"),))


def generic(**more):
    return {"sale_id": "42", "sold_at": "2026-05-01T18:05:00+08:00", "sku": "ring", **more}


@pytest.mark.parametrize(
    "body",
    [
        generic(line_no=3, quantity=-2),
        [generic(line=3, quantity=-2)],
        {"lines": [generic(line=3, quantity="-2")]},
    ],
)
def test_a_generic_line_is_the_same_alone_and_in_a_list(body):
    assert quantities(generic_till.parse_lines(dumped(body))) == [("42", 3, -2)]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"quantity": 0}, "line 2: quantity 0 is neither"),
        ({"quantity": 1.5}, "line 2: quantity 1.5 is not a whole number"),
        ({"quantity": True}, "line 2: "),
        ({"sku": None}, "line 2: say either sku or gtin"),
        ({"gtin": "4006381333931"}, "line 2: say either sku or gtin"),
        ({"sold_at": "2026-05-01T18:05:00"}, "line 2: sold_at '2026-05-01T18:05:00' is not an RFC 3339 time"),
        ({"price": "1,50"}, "line 2: price '1,50' is not a decimal"),
        ({"price": -1}, "line 2: price -1 is not a number"),
        ({"epc": "xyz"}, "line 2: EPC 'xyz' is not hex"),
        ({"colour": "red"}, "line 2: Object contains unknown field `colour`"),
        ({"sku": "a\x00b"}, "line 2: code 'a\\x00b' is not 1 to 200 printable"),
        ({"line": 0}, "line 2: line 0 is not from 1"),
    ],
)
def test_one_bad_generic_line_refuses_the_message_and_says_why(more, words):
    report = generic_till.parse_lines(dumped([generic(), generic(**more)]))
    assert (report.state, report.lines) == ("refused", [])
    assert report.entries[0].detail.startswith(words)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "1.5"),
        ("quantity", 10**7),
        ("quantity", -1),
        ("quantity", None),
        ("price", "free"),
        ("price", "1e3"),
        ("price", [1]),
        ("sku", "x" * 201),
        ("variant_id", -5),
    ],
)
def test_a_bad_line_of_an_order_is_refused_alone(field, value):
    good = {"id": 1, "sku": "bead", "quantity": 1, "price": "1.00"}
    bad = {"id": 2, "variant_id": 5, "sku": "ring", "quantity": 2, "price": "10.50", field: value}
    report = shopify.parse_webhook(dumped(order(line_items=[bad, good])))
    assert quantities(report) == [("77", 2, 1)]
    assert [reject.reason for reject in report.rejects] == ["value"]
    assert report.rejects[0].detail.startswith("line 1: ")


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "syntax"),
        (b"\xff\xfe", "syntax"),
        (b"[" * 100_000, "syntax"),
        (b'{"id":', "syntax"),
        (b"null", "value"),
        (b"7", "value"),
        (b'{"id": true, "line_items": [], "lines": 7, "order": 7}', "value"),
        (b" " * (MAX_BODY + 1), "length"),
    ],
)
def test_a_hostile_body_is_refused_with_a_sentence(parse, body, reason):
    report = parse(body)
    assert (report.state, report.lines) == ("refused", [])
    (reject,) = report.rejects
    assert reject.reason == reason
    assert reject.detail
    assert len(reject.raw) <= MAX_REJECT_BYTES


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
names = st.sampled_from(
    [
        "id",
        "order_id",
        "order",
        "state",
        "line_items",
        "refund_line_items",
        "line_item",
        "quantity",
        "price",
        "sku",
        "variant_id",
        "created_at",
        "version",
        "data",
        "object",
        "order_updated",
        "lines",
        "sale_id",
        "sold_at",
        "gtin",
        "epc",
        "test",
        "cancelled_at",
        "financial_status",
        "returns",
        "closed_at",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=20,
)


@given(values | st.dictionaries(names, values, max_size=12), st.sampled_from(PARSERS))
def test_no_body_raises(value, parse):
    report = parse(json.dumps(value).encode())
    assert report.entries
    for entry in report.entries:
        assert isinstance(entry, SaleLine | Notice | Reject)
    for line in report.lines:
        assert line.quantity
        assert line.code.isprintable()


@given(
    st.fixed_dictionaries(
        {
            "sku": st.text(max_size=5) | st.none(),
            "variant_id": st.integers(1, 2**63 - 1) | st.none(),
            "quantity": st.integers(-3, 3),
            "price": st.none() | st.decimals(0, 1000, places=2).map(str),
        }
    )
)
def test_every_line_of_an_order_becomes_one_entry(item):
    report = shopify.parse_webhook(dumped(order(line_items=[item, item])))
    assert len(report.entries) == 2
    for entry in report.entries:
        if isinstance(entry, SaleLine):
            assert (entry.quantity, entry.price) == (
                item["quantity"],
                None if item["price"] is None else float(item["price"]),
            )
            assert entry.code in {(item["sku"] or "").strip(), str(item["variant_id"])}
