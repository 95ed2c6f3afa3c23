"""A hub that says what the test wants, over real HTTP, and a page under test that talks to it."""

import copy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from dashboard import plan, view

APP = Path(view.__file__).with_name("app.py")


def line(
    sku, name, name_zh, units=None, *, zone="shelf-a", sold=0, uncertain=False, mapped=True, price=268.0
):
    zones = [{"zone": zone, "units": units, "uncertain": uncertain}] if units else []
    return {
        "sku": sku, "name": name, "name_zh": name_zh, "gtin": None, "price": price, "tagged": True, "mapped": mapped,
        "zones": zones, "unplaced": 0, "expected": 0, "total": units or 0, "received": 0, "sold": sold, "adjusted": 0,
        "uncertain": uncertain,
    }  # fmt: skip


def zone(name, label, label_zh, kind="shelf", x=0.0, y=0.0, w=1.0, h=0.5):
    return {"zone": name, "name": label, "name_zh": label_zh, "kind": kind, "x": x, "y": y, "w": w, "h": h}


def device(name, zones=None, state="ok", heard_ms=None):
    now = time.time_ns() // 1_000_000 if heard_ms is None else heard_ms
    return {
        "device": name, "state": state, "reported_ms": now, "after_ms": None, "heard_ms": now, "zones": zones or {},
        "reads": 1, "rejects": 0, "rejects_by_reason": {}, "detail": "",
    }  # fmt: skip


def decision(sku, quantity, order_id, reason, constraint=""):
    inputs = {
        "sold_units": 9, "window_days": 1.0, "lead_time_days": 2.0, "case_pack": 6, "on_hand": 10, "on_order": 0,
        "in_transit": 0, "open_order": "", "uncertain": False, "need": 21.6, "mean_daily_sales": 9.0, "inventory_position": 10,
    }  # fmt: skip
    return {
        "position": 9, "store": "popup-1", "sku": sku, "at_ms": time.time_ns() // 1_000_000, "order_id": order_id,
        "quantity": quantity, "rule": "starter", "rule_version": 1, "reason": reason, "constraint": constraint,
        "inputs": inputs, "read_position": 8,
    }  # fmt: skip


def order(order_id, sku, quantity, state="proposed"):
    now = time.time_ns() // 1_000_000
    return {
        "order_id": order_id, "store": "popup-1", "sku": sku, "quantity": quantity, "state": state, "decided_ms": now,
        "changed_ms": now, "by": "starter",
    }  # fmt: skip


def item(epc, sku, name, name_zh, place="shelf-a", status="present"):
    return {
        "epc": epc, "sku": sku, "name": name, "name_zh": name_zh, "zone": place, "status": status, "picked_ms": None,
        "first_seen_ms": 1_790_000_000_000, "changed_ms": time.time_ns() // 1_000_000, "sale_id": None,
    }  # fmt: skip


def waiting_code(code, units=1, lines=1, first_ms=None):
    now = time.time_ns() // 1_000_000
    return {
        "store": "popup-1", "code": code, "lines": lines, "units": units, "first_ms": first_ms or now - 600_000, "last_ms": now - 12_000,
    }  # fmt: skip


def presented(epc, sku=None, name=None, name_zh=None, *, way=None, tid=None):
    now = time.time_ns() // 1_000_000
    return {
        "epc": epc, "tid": tid, "device": "reader-enrol", "presented_ms": now - 3_000, "sku": sku, "name": name, "name_zh": name_zh,
        "way": way, "bound_ms": now - 86_400_000 if way else None,
    }  # fmt: skip


def station(
    tags=(), sku="ocean-heart", name="Ocean Heart", name_zh="海洋之心", *, code="6901234000016", still=True
):
    now = time.time_ns() // 1_000_000
    return {
        "agent": "pi-1", "scanner": "scanner-1" if code else None, "code": code, "scanned_ms": now - 9_000 if code else None,
        "open": still, "sku": sku, "name": name, "name_zh": name_zh, "tags": list(tags),
    }  # fmt: skip


def logged(epc, sku, way="station", by="pi-1"):
    now = time.time_ns() // 1_000_000
    return {
        "position": 9, "store": "popup-1", "at_ms": now, "epc": epc, "tid": None, "sku": sku, "way": way, "by": by, "code": "",
    }  # fmt: skip


def shelf_label(
    mac,
    sku,
    state,
    wanted=None,
    confirmed=None,
    *,
    name=None,
    confirmed_sku=None,
    currency="CNY",
    agent="pi-1",
):
    now = time.time_ns() // 1_000_000
    return {
        "mac": mac, "sku": sku, "name": name, "name_zh": None, "agent": agent, "device": "labels-1", "language": "zh-CN" if sku else None,
        "state": state, "wanted_price": wanted, "wanted_note": "×7", "sent_price": wanted, "sent_ms": now - 60_000 if wanted else None,
        "command_state": "done" if wanted else None, "detail": "", "confirmed_sku": confirmed_sku or (sku if confirmed else None),
        "confirmed_price": confirmed, "confirmed_currency": currency if confirmed else None,
        "confirmed_ms": now - 50_000 if confirmed else None,
    }  # fmt: skip


def gate_tag(epc, sku=None, name=None, name_zh=None, *, sscc=None):
    return {"epc": epc, "sku": sku, "name": name, "name_zh": name_zh, "sscc": sscc}


def gate_batch(name, *, state="waiting", notice="asn-1", way="in", ago_ms=4_000, missing_units=None, **lists):
    """A batch with its verdict; each list of tags by its name."""
    tags = {
        each: lists.get(each, [])
        for each in ("expected", "by_carton", "missing", "unexpected", "undecided", "other_way", "turned")
    }
    doubt = any(tags[each] for each in ("unexpected", "undecided", "other_way"))
    now = time.time_ns() // 1_000_000
    counts = {each: len(own) for each, own in tags.items()}
    counts["missing"] += sum((missing_units or {}).values())
    return {
        "batch_id": name, "store": "popup-1", "gate": "gate-1", "direction": way, "started_ms": now - ago_ms - 9_000,
        "ended_ms": now - ago_ms, "device": "r-gate", "strays": 0, "suspect": False, "state": state,
        "light": "doubt" if doubt else "ok", "notice_id": notice, "overlaps": {}, "counts": counts, "confirmed_by": None,
        "confirmed_ms": now if state == "confirmed" else None, "note": "", **tags, "undecided_expected": [],
        "by_carton_units": {}, "missing_units": missing_units or {}, "missing_cartons": [], "accepted": [], "rejected": [],
    }  # fmt: skip


def gate_notice(name="asn-1", units=9, open_units=4):
    now = time.time_ns() // 1_000_000
    return {
        "notice_id": name, "store": "popup-1", "gate": "gate-1", "direction": "in", "state": "open", "by": "erp", "told_ms": now,
        "changed_ms": now, "trust_cartons": True, "units": units, "open_units": open_units, "open_epcs": [],
        "open_quantities": {"ocean-heart": open_units}, "open_cartons": [], "batches": [],
    }  # fmt: skip


EVERY_DUPLICATE = {
    "bound_twice": [
        {
            "epc": "E28011606000020A6681F23F",
            "found": [
                {"position": 5, "store": "popup-1", "at_ms": 1_790_000_000_000, "tid": None, "sku": sku, "way": "api", "by": "li", "code": ""}
                for sku in ("moon-shadow", "ocean-heart")
            ],
        }
    ],
    "two_chips": [
        {
            "epc": "300000000000000000000001",
            "found": [
                {"tid": tid, "store": "popup-1", "device": "reader-enrol", "at_ms": 1_790_000_000_000}
                for tid in ("E2801160AAAA", "E2801160BBBB")
            ],
        }
    ],
    "two_places": [
        {
            "epc": "3036452148001940000003E9",
            "found": [
                {"store": "popup-1", "stream": "s1", "device": "reader-window", "zone": "window", "at_ms": 1_790_000_000_000},
                {"store": "popup-2", "stream": "s2", "device": None, "zone": "shelf-a", "at_ms": 1_790_000_000_000},
            ],
        }
    ],
}  # fmt: skip


def variance(
    sku, name, name_zh, expected, counted, *, missing=(), unexpected=(), misplaced=(), place="shelf-a"
):
    difference = None if counted is None else counted - expected
    return {
        "sku": sku, "name": name, "name_zh": name_zh, "zone": place, "expected": expected, "counted": counted, "difference": difference,
        "moved": 0, "missing": list(missing), "unexpected": list(unexpected),
        "misplaced": [{"epc": epc, "expected_zone": "window"} for epc in misplaced], "price": 268.0,
        "value": None if difference is None else 268.0 * difference,
    }  # fmt: skip


def stock_take(name, state, lines=(), zones=("shelf-a",), not_counted=()):
    now = time.time_ns() // 1_000_000
    known = [one for one in lines if one["value"] is not None]
    totals = {
        "expected": 8, "counted": 7, "difference": -1, "missing": 1, "unexpected": 0, "misplaced": 0,
        "value": sum(one["value"] for one in known) if known else None,
    }  # fmt: skip
    return {
        "store": "popup-1", "stock_take_id": name, "state": state, "zones": list(zones), "opened_by": "li", "note": "",
        "opened_ms": now - 900_000, "changed_ms": now - 60_000, "changed_by": "li", "position": 9, "not_counted": list(not_counted),
        "whole": False, "totals": totals if lines else None, "batches": [], "lines": list(lines),
    }  # fmt: skip


class FakeHub:
    """The answers of a hub, to be changed at will; counts what it was asked and told."""

    def __init__(self):
        self.store = {
            "store": "popup-1", "name": "Liuguang pop-up", "name_zh": "璃光快闪店", "time_zone": "Asia/Shanghai",
            "opens": "10:00", "closes": "22:00", "currency": "CNY", "gates": [],
            "zones": [
                zone("window", "Window", "橱窗", x=0.2, w=1.6), zone("shelf-a", "Shelf A", "A 架", x=2.6, w=1.4),
                zone("shelf-b", "Shelf B", "B 架", x=4.4, w=1.4), zone("till", "Till", "收银台", "till", 4.6, 3.8, 1.2, 0.8),
            ],
        }  # fmt: skip
        self.more_stores = []
        self.position = 10
        self.zone_states = {"window": "seen", "shelf-a": "seen", "shelf-b": "blind"}
        self.lines = [
            line("ocean-heart", "Ocean Heart", "海洋之心", 7, sold=2),
            line("moon-shadow", "Moon Shadow", "月影", None, sold=10),
            line("starry-river", "Starry River", "星河碎片", 5, zone="shelf-b", uncertain=True),
            line("old-code", None, None, None, sold=3, mapped=False, price=None),
            line(None, None, None, 1),
        ]
        self.heat = [
            {"zone": "shelf-a", "picked_up": 31, "put_back": 24, "arrived": 12},
            {"zone": "window", "picked_up": 5, "put_back": 4, "arrived": 2},
        ]
        self.footfall = {
            "store": "popup-1", "date": "2026-05-01", "from_ms": 0, "until_ms": 1, "entered": 61, "left": 58, "occupancy": 3,
            "peak_occupancy": 9, "transactions": 12, "conversion": 0.197,
            "hours": [{"hour": "2026-05-01T10:00+08:00", "entered": 61, "left": 58}],
        }  # fmt: skip
        self.devices = [
            device("reader-window", {"window": "seen"}),
            device("reader-shelves", {"shelf-a": "seen", "shelf-b": "blind"}, state="degraded"),
            device("counter-door"),
        ]
        self.alerts = []
        self.unmapped = [waiting_code("39072856", 4, 3), waiting_code("6975000000017")]
        self.to_fetch = []
        self.enrolment = [
            station(
                [
                    presented("E28011606000020A6681F23F"),
                    presented(
                        "E28011606000020A6681F240", "moon-shadow", "Moon Shadow", "月影", way="station"
                    ),
                ]
            )
        ]
        self.commissioning = [
            logged("E28011606000020A6681F240", "moon-shadow"),
            logged("E28011606000020A6681F241", None, "api", "li"),
        ]
        self.duplicates = copy.deepcopy(EVERY_DUPLICATE)
        self.labels = []
        self.gate_batches, self.notices = [], []
        self.stock_takes = []
        self.disagreements = []
        self.streams = [{"agent": "pi-1", "stream": "s1"}]
        self.missing = ()
        self.orders = [order("popup-1-9", "ocean-heart", 12)]
        self.decisions = [
            decision("ocean-heart", 12, "popup-1-9", "below_need", "case_pack"),
            decision("starry-river", 0, None, "blind_zone", "blind_zone"),
        ]
        self.items = [item("3036452148001940000003E9", "ocean-heart", "Ocean Heart", "海洋之心")]
        self.delay_s = 0.0
        self.asked = []
        self.told = []
        self.bodies = []
        self.refuse = False
        self._server = None

    def change(self):
        """Say that something was committed."""
        self.position += 1

    def make_empty(self):
        self.store = {**self.store, "zones": []}
        self.zone_states, self.lines, self.heat, self.devices = {}, [], [], []
        self.alerts, self.orders, self.decisions, self.items = [], [], [], []
        self.unmapped, self.enrolment, self.commissioning, self.labels, self.streams = [], [], [], [], []
        self.gate_batches, self.notices = [], []
        self.duplicates = {kind: [] for kind in EVERY_DUPLICATE}
        self.footfall = {
            **self.footfall,
            "entered": 0,
            "left": 0,
            "occupancy": 0,
            "peak_occupancy": 0,
            "hours": [],
        }

    def start(self, port=0):
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                time.sleep(hub.delay_s)
                hub.asked.append(self.path)
                parts = urlsplit(self.path)
                self._answer(*hub.get(parts.path, parse_qs(parts.query)))

            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer(*hub.post(urlsplit(self.path).path, json.loads(raw or b"null")))

            do_PUT = do_POST

            def _answer(self, status, body):
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def get(self, path, query):
        if path == "/v1/stores":
            return 200, [self.store, *self.more_stores] if self.store else []
        if path in self.missing:
            return 404, {"error": {"code": "not_found", "message": f"{path} is not known"}}
        if path == "/v1/pos/unmapped":
            return 200, copy.deepcopy(self.unmapped)
        if path == "/v1/pos/orders":
            assert query["state"] == ["to_fetch"]
            return 200, copy.deepcopy(self.to_fetch)
        if path == "/v1/bindings/duplicates":
            return 200, copy.deepcopy(self.duplicates)
        name = path.removeprefix("/v1/stores/popup-1/")
        if name == "disagreements":
            return 200, self.disagreements
        if name == "stock-takes":
            hidden = ("batches", "lines")
            return 200, [
                {key: value for key, value in one.items() if key not in hidden} for one in self.stock_takes
            ]
        if name.startswith("stock-takes/"):
            return 200, next(one for one in self.stock_takes if name == f"stock-takes/{one['stock_take_id']}")
        if name == "stock":
            return 200, {
                "store": "popup-1", "position": self.position, "as_of_ms": 1, "zone_states": self.zone_states, "lines": self.lines,
            }  # fmt: skip
        if name == "items":
            wanted = query.get("q", [""])[0].casefold()
            found = [
                one
                for one in self.items
                if any(
                    wanted in (text or "").casefold()
                    for text in (one["epc"], one["sku"], one["name"], one["name_zh"])
                )
            ]
            return 200, {"total": len(found), "items": found[:50], "next_after": None}
        if name.startswith("gate/batches"):
            return self._gate_batches(name)
        if name == "expected":
            return 200, copy.deepcopy(self.notices)
        if name in (
            "footfall", "heat", "devices", "alerts", "orders", "decisions", "labels", "enrolment", "commissioning", "streams",
        ):  # fmt: skip
            return 200, copy.deepcopy(getattr(self, name))
        return 404, {"error": {"code": "not_found", "message": f"{path} is not known"}}

    def _gate_batches(self, name):
        if name == "gate/batches":
            return 200, {"batches": copy.deepcopy(self.gate_batches), "next_before": None}
        found = [one for one in self.gate_batches if name == f"gate/batches/{one['batch_id']}"]
        return (200, copy.deepcopy(found[0])) if found else (404, {"error": {"code": "", "message": ""}})

    def post(self, path, body):
        self.told.append(path)
        self.bodies.append(body)
        if self.refuse:
            return 409, {
                "error": {"code": "conflict", "message": "order is cancelled and cannot become approved"}
            }
        if path == "/v1/pos/mappings":
            self.unmapped = [one for one in self.unmapped if one["code"] != body["code"]]
            return 200, {"code": body["code"], "sku": body["sku"], "before": None, "changed": True}
        if path.startswith("/v1/stores/popup-1/stock-takes/"):
            name = path.split("/")[-2]
            self.stock_takes = [
                {**one, "state": "approved", "changed_by": body["by"]}
                if one["stock_take_id"] == name
                else one
                for one in self.stock_takes
            ]
            return 200, {
                "stock_take_id": name,
                "state": "approved",
                "repeat": False,
                "position": 9,
                "commands": 0,
            }
        if path == "/v1/bindings":
            return self._bind(body)
        if path.startswith("/v1/gate/batches/"):
            batch_id = path.split("/")[4]
            for one in self.gate_batches:
                if one["batch_id"] == batch_id:
                    one.update(state="confirmed", confirmed_ms=time.time_ns() // 1_000_000)
            return 200, {"batch_id": batch_id, "repeat": False}
        if path.startswith("/v1/stores/popup-1/labels/"):
            mac = path.rsplit("/", 1)[1]
            self.labels = [one for one in self.labels if one["mac"] != mac]
            self.labels.append(shelf_label(mac, body["sku"], "pending", "268.00"))
            return 200, self.labels[-1]
        order_id, action = path.rsplit("/", 2)[1:]
        for one in self.orders:
            if one["order_id"] == order_id:
                one["state"] = {"approve": "approved", "refuse": "refused"}[action]
                self.change()
                return 200, one
        return 404, {"error": {"code": "not_found", "message": "no such order"}}

    def _bind(self, body):
        line = next(one for one in self.lines if one["sku"] == body["sku"])
        for own in self.enrolment:
            for tag in own["tags"]:
                if tag["epc"] != body["epc"]:
                    continue
                if tag["sku"] not in (None, body["sku"]) and not body["replace"]:
                    message = f"EPC {tag['epc']} stands for {tag['sku']!r} already"
                    return 409, {"error": {"code": "conflict", "message": message}}
                tag.update(sku=line["sku"], name=line["name"], name_zh=line["name_zh"], way="api", bound_ms=1)
        self.commissioning.insert(0, logged(body["epc"], body["sku"], "api", body["by"]))
        self.change()
        return 200, {"bound": 1, "repeats": 0, "sku": body["sku"]}


@pytest.fixture
def fake_hub():
    hub = FakeHub().start()
    yield hub
    hub.stop()


@pytest.fixture
def make():
    """Builders of the hub's answers."""

    class Make:
        line, zone, device, decision, order, item = map(
            staticmethod, (line, zone, device, decision, order, item)
        )
        code, tag, station, logged, label = map(
            staticmethod, (waiting_code, presented, station, logged, shelf_label)
        )
        gate_tag, gate_batch, notice = map(staticmethod, (gate_tag, gate_batch, gate_notice))
        stock_take, variance = map(staticmethod, (stock_take, variance))

    return Make


@pytest.fixture
def page(fake_hub, monkeypatch):
    """Return a function that runs a page against the fake hub."""
    monkeypatch.setenv("SHELFWISE_HUB_URL", fake_hub.url)
    began = PagesManager.__init__

    def begin(self, *arguments, **options):
        began(self, *arguments, **options)
        PagesManager.uses_pages_directory = False  # as our server does

    monkeypatch.setattr(PagesManager, "__init__", begin)
    st.cache_resource.clear()
    plan._FIGURES.clear()

    def run(name="now", **query):
        test = AppTest.from_file(str(APP), default_timeout=20)
        test.query_params.update({"lang": "en", **query})
        test.run()
        if name != "now":
            test.switch_page(f"pages/{name}.py")
            test.query_params.update({"lang": "en", **query})
            test.run()
        return test

    yield run
    poller = view.shared_poller(fake_hub.url)
    poller.stop()
    st.cache_resource.clear()


@pytest.fixture
def shown():
    """Return everything a page says, as one text."""

    def texts(test):
        said = []
        for kind in ("text", "caption", "subheader", "info", "warning", "error", "success", "markdown"):
            said += [str(element.value) for element in getattr(test, kind)]
        said += [f"{one.label} {one.value} {one.delta}" for one in test.metric]
        said += [element.value.to_string() for element in test.dataframe]
        said += [str(element.label) for element in test.button]
        said += [option for element in test.selectbox for option in element.options]
        said += [option for element in test.multiselect for option in element.options]
        return "\n".join(said)

    return texts
