"""Antennas find their zones, a swapped reader keeps its own, and nobody's comments are lost."""

import json
import threading

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from cli import survey
from cli.antennas import Ear, Heard, nearest
from cli.main import build
from cli.survey import with_line, with_zones
from contract.errors import ConfigError
from contract.wire import impinj_json
from edge.config import load_edge
from edge.model import TagRead

CONFIG = """# The window display, by the door.
[agent]
id = "pi-1"
store = "popup-1"

[broker]
port = {port}

[[devices]]
id = "shelves"  # bolted to the ceiling
driver = "impinj_r700"
transport = "mqtt"
topic = "readers/shelves"
antennas = {{ "1" = "window" }}
"""


def heard(best_dbm, reads_per_s=10.0):
    return Heard(reads_per_s=reads_per_s, tags=1, rssi_dbm=best_dbm, best_dbm=best_dbm, best_epc="E280")


A, B = ("r", 1), ("r", 2)


@pytest.mark.parametrize(
    ("now", "before", "answer"),
    [
        ({A: heard(-30.0), B: heard(-50.0)}, {}, A),
        ({A: heard(-50.0), B: heard(-30.0)}, {}, B),
        ({A: heard(-44.0), B: heard(-50.0)}, {}, A),
        ({A: heard(-45.0), B: heard(-50.0)}, {}, None),
        ({A: heard(-70.0)}, {}, A),
        ({}, {}, None),
        ({A: heard(None, 20.0), B: heard(None, 11.0)}, {A: heard(None, 10.0), B: heard(None, 10.0)}, A),
        ({A: heard(None, 20.0), B: heard(None, 19.0)}, {A: heard(None, 10.0), B: heard(None, 10.0)}, None),
        ({A: heard(None, 10.0)}, {A: heard(None, 10.0)}, None),
    ],
)
def test_the_nearest_antenna_is_told_only_when_it_is_clear(now, before, answer):
    assert nearest(now, before) == answer


def test_an_ear_forgets_and_sums_up():
    ear = Ear(recent_s=5.0)
    for at in range(0, 10_000, 100):
        ear.take(
            TagRead(
                device="r", at=at, epc=f"E28{at // 100 % 3}", antenna=1, rssi_dbm=-50.0 + at / 1000, reads=2
            )
        )
    (found,) = ear.heard(10_000).values()
    assert found == Heard(
        reads_per_s=20.0, tags=3, rssi_dbm=-42.55, best_dbm=pytest.approx(-40.1), best_epc="E280"
    )


ZONES = st.sampled_from(["window", "shelf-a", "shelf-b", "till"])


@given(st.dictionaries(st.tuples(st.just("shelves"), st.integers(1, 12)), ZONES, max_size=6))
def test_assigned_zones_are_read_back_and_the_rest_stays_as_written(tmp_path_factory, found):
    by_zone = {zone: place for place, zone in found.items()}
    found = {place: zone for zone, place in by_zone.items()}
    before = CONFIG.format(port=1)
    text = with_zones(before, found)
    path = tmp_path_factory.mktemp("survey") / "edge.toml"
    path.write_text(text, encoding="utf-8")
    kept = {("shelves", 1): "window"} if ("shelves", 1) not in found and "window" not in by_zone else {}
    if found or kept:
        assert load_edge(path, {}).place.zones == found | kept
    for line in before.splitlines():
        if "antennas" not in line:
            assert line in text.splitlines()


def test_a_swapped_reader_keeps_id_and_zones(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG.format(port=1), encoding="utf-8")
    done = CliRunner().invoke(
        build("survey"), ["survey", "swap", "shelves", "--topic", "readers/new", "--config", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert "zones stay: 1 = window" in done.output
    edge = load_edge(path, {})
    assert edge.place.zones == {("shelves", 1): "window"}
    assert edge.devices[0].settings.topic == "readers/new"
    assert "# bolted to the ceiling" in path.read_text(encoding="utf-8")


def test_a_swap_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(before := CONFIG.format(port=1), encoding="utf-8")
    done = CliRunner().invoke(
        build("survey"), ["survey", "swap", "shelves", "--driver", "m100", "--config", str(path)]
    )
    assert isinstance(done.exception, ConfigError)
    assert path.read_text(encoding="utf-8") == before


def test_an_unknown_device_is_named():
    with pytest.raises(ConfigError, match="there is no device 'shelve'; there are shelves"):
        with_line(CONFIG.format(port=1), "shelve", {"topic": "x"})


class Walker:
    """Publishes as a reader with two antennas; a tag is held where the person stands."""

    def __init__(self, port):
        self.held = 0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.05):
            for antenna in (1, 2):
                rssi_dbm = -35.0 if antenna == self.held else -62.0
                event = impinj_json.TagEvent(
                    epc="E28011606000020400000001", antenna=antenna, rssi_dbm=rssi_dbm
                )
                self._client.publish("readers/shelves", impinj_json.encode_event(event))

    def stop(self):
        self._stop.set()
        self._thread.join()
        self._client.loop_stop()


@pytest.fixture
def walked(tmp_path, nats_server):
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG.format(port=nats_server.mqtt_port), encoding="utf-8")
    walker = Walker(nats_server.mqtt_port)
    yield path, walker
    walker.stop()


def test_walking_with_a_tag_binds_antennas_to_zones(walked, monkeypatch):
    path, walker = walked
    stops = iter([0, 2, 2, 1])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: setattr(walker, "held", next(stops)))
    monkeypatch.setattr(survey, "HOLD_S", 0.5)
    done = CliRunner().invoke(
        build("survey"), ["survey", "assign", "shelf-b", "window", "--hold", "1.0", "--config", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert "no antenna hears it clearly best" in done.output
    assert "that is antenna 2 of shelves, which is shelf-b already" in done.output
    assert load_edge(path, {}).place.zones == {("shelves", 1): "window", ("shelves", 2): "shelf-b"}


def test_watching_tells_reads_per_antenna(walked):
    path, walker = walked
    walker.held = 1
    done = CliRunner().invoke(
        build("survey"), ["survey", "watch", "--for", "2", "--json", "--config", str(path)]
    )
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.stdout)
    assert (first["antenna"], first["zone"], first["rssi_dbm"]) == (1, "window", -35.0)
    assert (second["antenna"], second["zone"], second["rssi_dbm"]) == (2, None, -62.0)
    assert first["reads_per_s"] > 5


def test_the_live_table_is_drawn(walked):
    path, _ = walked
    done = CliRunner().invoke(
        build("survey"), ["survey", "watch", "--for", "1.5", "--config", str(path)], env={"COLUMNS": "160"}
    )
    assert done.exit_code == 0, done.output
    assert "no zone" in done.output
    assert "E28011606000020400000001" in done.output
