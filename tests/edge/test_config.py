"""Configuration: a wrong key, a missing port or a wrong type is one sentence that names file, key and expectation."""

import pytest

from contract.errors import ConfigError
from edge.config import load_edge

GOOD = """
[agent]
id = "pi-1"
store = "popup-1"

[[devices]]
id = "reader-1"
driver = "m100"
transport = "serial"
port = "/dev/serial/by-id/reader"
settings = { region = "cn900" }
antennas = { 1 = "shelf-a" }

[[devices]]
id = "scale-1"
driver = "mt_sics"
transport = "serial"
port = "/dev/serial/by-id/scale"
tray = { zone = "tray-1", sku = "beads", unit_weight_g = 8.4 }

[[devices]]
id = "reader-2"
driver = "impinj_r700"
transport = "mqtt"
topic = "readers/r2"
antennas = { 1 = "shelf-b", 2 = "shelf-c" }
"""


@pytest.fixture
def load(tmp_path):
    def load(text, environment=None):
        path = tmp_path / "edge.toml"
        path.write_text(text, encoding="utf-8")
        return load_edge(path, environment or {})

    return load


def test_a_good_file_becomes_devices_and_places(load, tmp_path):
    edge = load(
        GOOD,
        {
            "SHELFWISE_BROKER_PORT": "2883",
            "SHELFWISE_BROKER_HOST": "hub.local",
            "SHELFWISE_BROKER_PASSWORD": "s",
        },
    )
    assert edge.place.zones == {
        ("reader-1", 1): "shelf-a",
        ("reader-2", 1): "shelf-b",
        ("reader-2", 2): "shelf-c",
    }
    assert edge.place.zones_of("scale-1") == ("tray-1",)
    assert edge.place.trays["scale-1"].unit_weight_g == 8.4
    assert (edge.config.broker.host, edge.config.broker.port, edge.password) == ("hub.local", 2883, "s")
    assert edge.outbox_path == tmp_path / "outbox.db"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('store = "popup-1"', 'store = "popup-1"\noutbx = "x"', ["edge.toml", "outbx", "outbox"]),
        ('store = "popup-1"', "", ["edge.toml", "store", "missing"]),
        ('store = "popup-1"', "store = 7", ["edge.toml", "store", "str"]),
        ('store = "popup-1"', 'store = "Pop Up"', ["edge.toml", "store"]),
        (
            'port = "/dev/serial/by-id/reader"',
            "",
            ["edge.toml", "reader-1", "port", "missing", "/dev/serial/by-id"],
        ),
        ('driver = "m100"', 'driver = "m1000"', ["edge.toml", "reader-1", "m1000", "m100"]),
        ('transport = "mqtt"', 'transport = "serial"', ["edge.toml", "reader-2", "transport", "mqtt"]),
        ('topic = "readers/r2"', "", ["edge.toml", "reader-2", "topic"]),
        (
            'settings = { region = "cn900" }',
            'settings = { regoin = "cn900" }',
            ["edge.toml", "regoin", "region"],
        ),
        (
            'settings = { region = "cn900" }',
            'settings = { region = "mars" }',
            ["edge.toml", "region", "mars"],
        ),
        ('antennas = { 1 = "shelf-a" }', "", ["edge.toml", "reader-1", "antennas"]),
        ('antennas = { 1 = "shelf-a" }', 'antennas = { one = "shelf-a" }', ["edge.toml", "reader-1", "one"]),
        ("unit_weight_g = 8.4", "unit_weight_g = 0", ["edge.toml", "scale-1", "unit_weight_g"]),
        ("unit_weight_g = 8.4", 'unit_weight_g = "8.4"', ["edge.toml", "unit_weight_g", "float"]),
        ('id = "scale-1"', 'id = "reader-1"', ["edge.toml", "reader-1", "twice"]),
        ("[agent]", "[agent", ["edge.toml", "TOML"]),
    ],
)
def test_a_fault_is_one_sentence_that_names_file_key_and_expectation(load, old, new, said):
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        load(GOOD.replace(old, new, 1))
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in said:
        assert word in sentence


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_edge(tmp_path / "nowhere.toml", {})


def test_a_port_in_the_environment_must_be_a_number(load):
    with pytest.raises(ConfigError, match="SHELFWISE_BROKER_PORT"):
        load(GOOD, {"SHELFWISE_BROKER_PORT": "mqtt"})


@pytest.mark.parametrize("port", ["0", "65536", "²"])
def test_a_port_in_the_environment_must_exist(load, port):
    with pytest.raises(ConfigError, match="SHELFWISE_BROKER_PORT"):
        load(GOOD, {"SHELFWISE_BROKER_PORT": port})


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("[broker]\nport = 70000", "port"),
        ('[broker]\nhost = ""', "host"),
        ("[broker]\nkeepalive_s = 0", "keepalive_s"),
        ("[outbox]\nmax_rows = 0", "max_rows"),
        ('[epc]\ncompany_prefixes = ["12345"]', "company_prefixes.*'12345'.*6 to 12 digits"),
        ('[epc]\ncompany_prefix = ["123456"]', "company_prefix.*did you mean 'company_prefixes'"),
    ],
)
def test_a_figure_that_cannot_work_is_refused(load, section, key):
    with pytest.raises(ConfigError, match=key):
        load(GOOD + "\n" + section + "\n")


def test_the_name_of_a_counting_line_must_be_an_id_as_the_hub_would_refuse_another(load):
    counter = '[[devices]]\nid = "door"\ndriver = "terabee"\ntransport = "serial"\nport = "p"\nline = "Front Door"\n'
    with pytest.raises(ConfigError, match="line"):
        load(GOOD + "\n" + counter)


DOORWAY = """
[[doorways]]
line = "door"
device = "reader-1"
outer = 1
inner = 2
"""


def test_a_doorway_is_two_inputs_of_a_reader(load):
    [doorway] = load(GOOD + DOORWAY).config.doorways
    assert (doorway.device, doorway.outer, doorway.inner) == ("reader-1", 1, 2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('device = "reader-1"', 'device = "reader-9"', ["door", "reader-9", "reader-1"]),
        ('device = "reader-1"', 'device = "scale-1"', ["door", "scale-1", "scale", "reader"]),
        ("inner = 2", "inner = 1", ["reader-1 input 1", "twice"]),
        ("inner = 2", "inner = 0", ["inner"]),
        ("inner = 2", "", ["inner", "missing"]),
        ("inner = 2", "inner = 2\napart_m = 0", ["apart_m"]),
        ("inner = 2", 'inner = 2\ncovered = "hi"', ["covered", "hi"]),
        ("inner = 2", "inner = 2\n" + DOORWAY, ["door", "twice"]),
        ("inner = 2", 'inner = 2\n[footfall]\nstaff_epcs = ["xyz"]', ["staff_epcs"]),
    ],
)
def test_a_doorway_that_cannot_count_is_one_sentence(load, old, new, said):
    with pytest.raises(ConfigError) as caught:
        load(GOOD + DOORWAY.replace(old, new))
    assert "\n" not in str(caught.value)
    for word in ["edge.toml", *said]:
        assert word in str(caught.value)


ROOMS = '[try_on]\nrooms = ["shelf-b", "shelf-c"]\n'


def test_fitting_rooms_are_zones_of_antennas(load):
    assert load(GOOD + ROOMS).config.try_on.rooms == ("shelf-b", "shelf-c")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rooms", "room", ["try_on.room", "did you mean 'rooms'"]),
        ("rooms", "dwel_ms = 1\nrooms", ["dwel_ms", "did you mean 'dwell_ms'"]),
        ('"shelf-c"', '"shelf-d"', ["[try_on]", "rooms", "shelf-d", "did you mean 'shelf-"]),
        ('"shelf-c"', '"yurt"', ["rooms", "yurt", "shelf-a, shelf-b, shelf-c"]),
        ('"shelf-c"', '"Cabin 1"', ["rooms"]),
        ('"shelf-c"', '"shelf-b"', ["fitting room", "shelf-b", "twice"]),
        ("rooms", "log_odds = 12.0\nrooms", ["log_odds"]),
        ("rooms", "dwell_ms = 0\nrooms", ["dwell_ms"]),
        ("rooms", "longest_ms = 20000\nrooms", ["longest_ms"]),
    ],
)
def test_a_fitting_room_that_cannot_be_is_one_sentence(load, old, new, said):
    with pytest.raises(ConfigError) as caught:
        load(GOOD + ROOMS.replace(old, new))
    assert "\n" not in str(caught.value)
    for word in ["edge.toml", *said]:
        assert word in str(caught.value)


def test_goods_on_a_scale_are_not_for_sale_in_a_fitting_room(load):
    tray = GOOD.replace('zone = "tray-1"', 'zone = "shelf-b"')
    with pytest.raises(ConfigError, match=r"shelf-b.*scale-1"):
        load(tray + ROOMS)


FUSED = """
[[devices]]
id = "tof"
driver = "terabee"
transport = "serial"
port = "/dev/null"
front = "tray-1"
"""


def test_a_tagged_plate_and_who_stands_in_front_of_it(load):
    new = 'unit_weight_g = 8.4, tagged = true, gtin = "7312345678903" }'
    place = load(GOOD.replace("unit_weight_g = 8.4 }", new) + FUSED).place
    assert (place.trays["scale-1"].tagged, place.trays["scale-1"].gtin) == (True, "07312345678903")
    assert place.fronts == {("tof", 0): "tray-1"}


def test_only_a_people_counter_has_a_front(load):
    with pytest.raises(ConfigError, match="key 'front' is for people counters"):
        load(GOOD + FUSED.replace("terabee", "mt_sics") + 'tray = { zone = "tray-2" }\n')


GATE = """
[[devices]]
id = "portal"
driver = "llrp"
transport = "llrp"
address = "10.0.0.9"

[[gates]]
id = "dock"
device = "portal"
outside = ["portal/1"]
inside = ["portal/2", "reader-2/3"]
photo_eye = 1
"""


def test_a_gate_is_antennas_on_two_sides_of_readers_that_need_no_zones(load):
    [gate] = load(GOOD + GATE).config.gates
    assert gate.sides() == {("portal", 1): 0, ("portal", 2): 1, ("reader-2", 3): 1}
    assert (gate.carries, gate.photo_eye) == ("goods", 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('device = "portal"', 'device = "nobody"', ["dock", "nobody", "reader-1"]),
        ('device = "portal"', 'device = "scale-1"', ["dock", "scale-1"]),
        ('"reader-2/3"', '"reader-2/2"', ["dock", "reader-2", "antennas"]),
        ('"reader-2/3"', '"front"', ["dock", "front", "DEVICE/ANTENNA"]),
        ('["portal/2", "reader-2/3"]', '["portal/1"]', ["dock", "twice"]),
        ('["portal/2", "reader-2/3"]', "[]", ["inside"]),
        ("photo_eye = 1", "photo_eye = 0", ["photo_eye"]),
        ("photo_eye = 1", 'carries = "people"', ["carries", "people"]),
        ("photo_eye = 1", "live = 1.0", ["live"]),
        ("photo_eye = 1", "ok_output = 3\ndoubt_output = 3", ["portal output 3", "twice"]),
        ("photo_eye = 1", "photo_ey = 1", ["photo_ey"]),
    ],
)
def test_a_gate_that_cannot_tell_is_one_sentence(load, old, new, said):
    with pytest.raises(ConfigError) as caught:
        load(GOOD + GATE.replace(old, new))
    assert "\n" not in str(caught.value)
    for word in ["edge.toml", *said]:
        assert word in str(caught.value)


def test_a_reader_without_zones_and_gate_is_still_told(load):
    with pytest.raises(ConfigError, match="antennas"):
        load(GOOD + GATE[: GATE.index("[[gates]]")])
