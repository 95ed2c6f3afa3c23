"""Scenarios as people name them: a built-in one, or a TOML file."""

from pathlib import Path

from contract.errors import ConfigError
from firmware_sim.world.scenario import Scenario, parse_scenario
from firmware_sim.world.scenarios import BUILT_IN, built_in


def load_scenario(name: str) -> Scenario:
    """Return a built-in scenario by name, else the one in the file of this name.

    Raises:
        ConfigError: there is neither, or the file is no scenario.
    """
    path = Path(name)
    if name in BUILT_IN or not path.exists():
        return built_in(name)
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"scenario {path} cannot be read: {error}; expected a TOML file") from error
