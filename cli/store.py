"""A whole store on this machine: broker, hub, simulated devices and edge agent, each its own program.

Used by the demo, its check against known truth, and the tests that pull plugs. Everything lives in one
folder and on free ports of the loopback interface.
"""

import time
from pathlib import Path
from typing import Final

import msgspec

from cli.broker import ENVIRONMENT, find_nats_server, free_port, write_config
from cli.children import Child, Family, shelfwise
from cli.history import write_history
from cli.scenarios import load_scenario
from dashboard.client import HubClient
from firmware_sim.world.families import READERS
from firmware_sim.world.files import devices_toml, scenario_toml, store_files
from firmware_sim.world.scenario import Scenario

AGENT: Final = "pi-1"
START_S: Final = 30.0
STRAY_CODE: Final = "6901234009996"
"""A code that no product of the scenarios has, for the set-up page to ask about."""


class LocalStore:
    """Files, ports and programs of one simulated store.

    Args:
        folder: where everything goes; made when missing.
        scenario: name of a scenario, path of a scenario file, or the scenario itself.
        hub_port: port of the API, 0 for a free one.
        dashboard_port: port of the screen, 0 for a free one.
    """

    def __init__(
        self, folder: Path, scenario: str | Scenario, *, hub_port: int = 0, dashboard_port: int = 0
    ) -> None:
        self.folder = folder
        self.scenario_name = scenario if isinstance(scenario, str) else ""
        chosen = load_scenario(scenario) if isinstance(scenario, str) else scenario
        self.scenario = _with_free_ports(chosen)
        self.store = self.scenario.store
        self.nats_port, self.mqtt_port, self.push_port = free_port(), free_port(), free_port()
        self.hub_port = hub_port or free_port()
        self.url = f"http://127.0.0.1:{self.hub_port}"
        self.dashboard_port = dashboard_port or free_port()
        self.dashboard_url = f"http://127.0.0.1:{self.dashboard_port}"
        self.truth_file = folder / "truth.json"
        self.family = Family()
        self._write_files()
        self.client = HubClient(self.url)

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = self.folder / "lines"
        lines.mkdir(exist_ok=True)
        for name, text in store_files(self.scenario, lines).items():
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "scenario.toml").write_text(scenario_toml(self.scenario), encoding="utf-8")
        write_config(self.folder / "broker", port=self.nats_port, mqtt_port=self.mqtt_port)
        (self.folder / "hub.toml").write_text(
            f"""[hub]
database = "hub.db"
broker = "nats://127.0.0.1:{self.nats_port}"
host = "127.0.0.1"
port = {self.hub_port}
stores = ["store.toml"]
products = "products.csv"
bindings = "bindings.csv"
replan_minutes = 1
""",
            encoding="utf-8",
        )
        (self.folder / "edge.toml").write_text(
            f"""[agent]
id = "{AGENT}"
store = "{self.store}"
outbox = "outbox.db"

[broker]
host = "127.0.0.1"
port = {self.mqtt_port}

[http]
port = {self.push_port}

{devices_toml(self.scenario, lines)}""",
            encoding="utf-8",
        )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def write_history(self, *, seed: int) -> int:
        """Fill the hub's database with nine simulated days, before the hub starts; returns the observations."""
        return write_history(
            self.folder / "hub.db",
            self.folder,
            self.scenario,
            agent=AGENT,
            now=time.time_ns() // 1_000_000,
            seed=seed,
        )

    def start_broker(self) -> Child:
        """Start nats-server with JetStream and MQTT."""
        config = self.folder / "broker" / "nats.conf"
        return self.family.start(
            Child("broker", [find_nats_server(), "-c", str(config)], self._log("broker"), ENVIRONMENT)
        )

    def start_hub(self) -> Child:
        """Start the hub."""
        return self.family.start(
            Child("hub", shelfwise("hub", "run", "--config", str(self.folder / "hub.toml")), self._log("hub"))
        )

    def start_devices(
        self, *, noise: bool, seed: int, quiet_after_s: float | None = None, stray_code: str = ""
    ) -> Child:
        """Start the simulated devices and shoppers, and a till that sells once under a code no product has."""
        command = shelfwise(
            "sim", "run", "--scenario", str(self.folder / "scenario.toml"), "--dir", str(self.folder / "lines"),
            "--broker-host", "127.0.0.1", "--broker-port", str(self.mqtt_port),
            "--listener-port", str(self.push_port), "--hub-url", self.url,
            "--noise" if noise else "--no-noise", "--seed", str(seed), "--truth", str(self.truth_file),
        )  # fmt: skip
        if quiet_after_s is not None:
            command += ["--shoppers-for", str(quiet_after_s)]
        if stray_code:
            command += ["--stray-code", stray_code]
        return self.family.start(Child("devices", command, self._log("devices")))

    def start_edge(self) -> Child:
        """Start the edge agent."""
        return self.family.start(
            Child(
                "edge",
                shelfwise("edge", "run", "--config", str(self.folder / "edge.toml")),
                self._log("edge"),
            )
        )

    def start_dashboard(self) -> Child:
        """Start the live screen."""
        command = shelfwise("dashboard", "run", "--hub-url", self.url, "--port", str(self.dashboard_port))
        return self.family.start(Child("dashboard", command, self._log("dashboard")))

    def start(
        self, *, noise: bool, seed: int, quiet_after_s: float | None = None, stray_code: str = ""
    ) -> None:
        """Start everything in order and wait until the hub is ready."""
        self.start_broker()
        self.start_hub()
        self.family.wait_for("the hub", self.client.is_ready, START_S)
        self.start_devices(noise=noise, seed=seed, quiet_after_s=quiet_after_s, stray_code=stray_code)
        self.start_edge()


def _with_free_ports(scenario: Scenario) -> Scenario:
    """Return the scenario with its LLRP readers on free ports."""
    readers = tuple(
        msgspec.structs.replace(reader, port=free_port()) if READERS[reader.kind].line == "llrp" else reader
        for reader in scenario.readers
    )
    return msgspec.structs.replace(scenario, readers=readers)
