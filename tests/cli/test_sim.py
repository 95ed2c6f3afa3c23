"""`shelfwise sim`: list, files, and a run that ends well on a signal."""

import signal
import subprocess
import sys
import time
import tomllib

import msgspec
import pytest
from typer.testing import CliRunner

from cli.scenarios import load_scenario
from cli.sim import sim_app
from contract.errors import ConfigError
from edge.config import load_edge
from firmware_sim.bench import write_store_files
from firmware_sim.world.scenarios import BUILT_IN, built_in
from hub.services.catalogue import parse_bindings, parse_products, parse_store


def test_list_names_every_scenario():
    shown = CliRunner().invoke(sim_app, ["list"])
    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.output.splitlines()] == list(BUILT_IN)


@pytest.mark.parametrize("command", ["run", "list", "files"])
def test_help_has_an_example(command):
    shown = CliRunner().invoke(sim_app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: shelfwise sim {command}" in " ".join(shown.output.split())


def test_files_are_written(tmp_path):
    shown = CliRunner().invoke(sim_app, ["files", "--dir", str(tmp_path / "shop")])
    assert shown.exit_code == 0, shown.output
    assert (
        tomllib.loads((tmp_path / "shop" / "store.toml").read_text(encoding="utf-8"))["store"]["id"]
        == "popup-1"
    )


def test_files_are_what_hub_and_edge_read(tmp_path):
    write_store_files(built_in("default"), tmp_path)
    texts = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    store = parse_store(texts["store.toml"], "store.toml")
    assert (store.store, len(store.zones)) == ("popup-1", 8)
    assert [product.sku for product in parse_products(texts["products.csv"], "products.csv")][
        -1
    ] == "glass-beads"
    assert len(parse_bindings(texts["bindings.csv"], "bindings.csv")) == 60
    edge = tmp_path / "edge.toml"
    edge.write_text('[agent]\nid = "edge-1"\nstore = "popup-1"\n\n' + texts["devices.toml"], encoding="utf-8")
    assert load_edge(edge, {}).devices[0].settings.id == "reader-window"


def test_a_scenario_comes_by_name_or_from_a_file(tmp_path):
    assert load_scenario("busy") == built_in("busy")
    file = tmp_path / "shop.toml"
    file.write_text('store = "s1"\nname = "S"\nproducts = []\nzones = []\n', encoding="utf-8")
    assert load_scenario(str(file)).store == "s1"
    file.write_text('store = "s1"\nname = "S"\nproduct = []\nzones = []\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"shop.toml.*product"):
        load_scenario(str(file))
    with pytest.raises(ConfigError, match="nor a file"):
        load_scenario(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(str(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_with_zero_on_a_signal_and_leaves_the_truth(tmp_path, number):
    truth = tmp_path / "truth.json"
    command = [
        sys.executable,
        "-c",
        "from cli.sim import sim_app; sim_app()",
        "run",
        "--dir",
        str(tmp_path / "lines"),
    ]
    command += ["--truth", str(truth), "--no-noise", "--broker-port", "9", "--first-after", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        deadline = time.monotonic() + 20
        while not truth.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        lines = sorted(path.name for path in (tmp_path / "lines").iterdir())
        program.send_signal(number)
        output, _ = program.communicate(timeout=20)
    assert program.returncode == 0
    assert lines == ["counter-door", "reader-window", "scale-1"]
    assert "sales" in output.splitlines()[-1]
    assert len(msgspec.json.decode(truth.read_bytes())["items"]) == 61


def test_run_ends_by_itself_after_its_time(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    arguments = [
        "run",
        "--dir",
        str(tmp_path),
        "--for",
        "0.2",
        "--no-noise",
        "--broker-port",
        "9",
        "--seed",
        "3",
    ]
    shown = CliRunner().invoke(sim_app, arguments)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("store popup-1: lines in")
    assert signal.getsignal(signal.SIGINT) is before
