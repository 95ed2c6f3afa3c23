"""Scenarios and a stepping loop that the world's tests share."""

from collections.abc import Callable

import msgspec
import pytest

from firmware_sim.world.scenario import Scenario
from firmware_sim.world.scenarios import built_in
from firmware_sim.world.world import World

START = 1_780_000_000_000


@pytest.fixture
def start() -> int:
    return START


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    def _scenario(name: str = "busy", *, noise: bool = False, **changes: object) -> Scenario:
        return msgspec.structs.replace(built_in(name), noise=noise, **changes)

    return _scenario


@pytest.fixture
def run() -> Callable[..., World]:
    """Step a new world for some seconds in steps of one size."""

    def _run(scenario: Scenario, seed: int = 1, seconds: float = 180.0, step_ms: int = 100) -> World:
        world = World(scenario, seed)
        end = START + round(1000 * seconds)
        for now in range(START, end + 1, step_ms):
            world.step(now)
        world.step(end)
        return world

    return _run
