"""Which tags each reader's antennas singulate: :mod:`.clean` without noise, :mod:`.noisy` with it."""

from firmware_sim.world.radio.clean import CleanField
from firmware_sim.world.radio.field import TICK_MS, RadioField
from firmware_sim.world.radio.noisy import NoisyField
from firmware_sim.world.scenario import Reader, Scenario

__all__ = ["TICK_MS", "CleanField", "NoisyField", "RadioField", "build_field"]


def build_field(scenario: Scenario, reader: Reader, seed: int) -> RadioField:
    """Return the field of one reader as the scenario's noise switch says."""
    if scenario.noise:
        return NoisyField(reader, scenario.zones, scenario.radio, seed)
    return CleanField(reader, seed)
