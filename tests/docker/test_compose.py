"""The compose file: valid by a parser that is not ours, closed to the outside, and its programs run."""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent
DOCKER = HOME / "docker"
CONFIG = DOCKER / "config"
SERVICES = ("broker", "hub", "edge", "dashboard", "sim")


@pytest.fixture
def parse():
    try:
        from compose_spec import PyCompose
    except ModuleNotFoundError:
        pytest.skip("MISSING COMPONENT: compose-spec")
    return lambda spec: PyCompose.from_json(json.dumps(spec))


def test_the_file_follows_the_specification(parse, compose):
    assert sorted(parse(compose).service_names()) == sorted(SERVICES)


@pytest.mark.parametrize(
    ("key", "value"), [("restrat", "always"), ("restart", "sometimes"), ("mem_limit", "lots")]
)
def test_a_mistake_would_be_found(parse, compose, key, value):
    wrong = json.loads(json.dumps(compose))
    wrong["services"]["hub"][key] = value
    with pytest.raises(ValueError):
        parse(wrong)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_comes_back_and_may_little(compose, name):
    service = compose["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert "network_mode" not in service
    assert (HOME / "docker" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_only_loopback_is_published_and_never_the_inner_port_of_the_broker(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:1883:1883", "127.0.0.1:8080:8080", "127.0.0.1:8501:8501"]


def test_mounted_files_and_volumes_exist_and_a_start_waits_for_health(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), source
                assert volume.endswith(":ro")
            else:
                assert source in compose["volumes"]
        for other, how in service.get("depends_on", {}).items():
            assert other in compose["services"]
            assert how == {"condition": "service_healthy"}


def test_the_samples_are_a_store_that_fits_together(tmp_path):
    """`edge check` and `hub import` take them, and they are what the simulator calls its store."""
    place = tmp_path / "config"
    shutil.copytree(CONFIG, place)
    hub = (place / "hub.toml").read_text().replace("/var/lib/shelfwise", str(tmp_path))
    (place / "hub.toml").write_text(hub)
    shelfwise = [sys.executable, "-m", "cli.main"]
    checked = subprocess.run(
        [*shelfwise, "edge", "check", "--config", place / "edge.toml"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert "reader-shelves" in checked.stdout
    files = ["--store", place / "store.toml", "--products", place / "products.csv"]
    files += ["--bindings", place / "bindings.csv"]
    loaded = subprocess.run(
        [*shelfwise, "hub", "import", "--config", place / "hub.toml", *files], capture_output=True, text=True
    )
    assert (loaded.returncode, loaded.stdout) == (0, "loaded\n"), loaded.stderr
    subprocess.run(
        [*shelfwise, "sim", "files", "--scenario", "default", "--dir", tmp_path / "sim"], check=True
    )
    for name in ("store.toml", "products.csv", "bindings.csv"):
        assert (CONFIG / name).read_text() == (tmp_path / "sim" / name).read_text(), name


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return json.load(answer)


@pytest.mark.flow
def test_what_the_images_start_runs_gets_healthy_works_and_ends(place, image, compose):
    """Entry points, commands, health checks and environment as written, natively, all five together."""
    place.configure(CONFIG)
    images = {name: image(name) for name in SERVICES}
    for name in SERVICES:
        assert place.ask(images[name].health) != 0, f"{name} is healthy before it was started"
        service = compose["services"][name]
        command = images[name].entrypoint + service.get("command", images[name].command)
        environment = {**images[name].environment, **service.get("environment", {})}
        place.start(name, command, environment)
        place.until(name, lambda name=name: place.ask(images[name].health) == 0)

    def shelves():
        lines = get(f"http://127.0.0.1:{place.ports['8080']}/v1/stores/popup-1/stock")["lines"]
        return {zone["zone"] for line in lines for zone in line["zones"] if zone["units"]}

    place.until("hub", lambda: {"shelf-a", "shelf-b"} <= shelves())
    for name in reversed(SERVICES):
        assert place.stop(name) == 0, place.last_words(name)
        assert place.ask(images[name].health) != 0 or name == "sim", f"{name} is healthy after its end"


@pytest.mark.flow
def test_the_image_of_the_simulator_runs_by_itself(place, image):
    """Compose gives it a command of its own; its default is for a broker that is elsewhere."""
    place.configure(CONFIG)
    broker, sim = image("broker"), image("sim")
    place.start("broker", broker.entrypoint + broker.command, broker.environment)
    place.until("broker", lambda: place.ask(broker.health) == 0)
    place.start("sim", sim.entrypoint + sim.command, sim.environment)
    place.until("sim", lambda: place.ask(sim.health) == 0)
    assert place.stop("sim") == 0, place.last_words("sim")
