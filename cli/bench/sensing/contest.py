"""What a contest is: a scenario of the scoreboard, and the methods that are run on the same streams.

A module of :mod:`cli.bench.sensing.scenarios` with a ``CONTESTS`` mapping (scenario name → contest) is all
that a scenario needs to be known to ``shelfwise bench sensing``.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from cli.bench.sensing import scenarios
from contract.errors import ConfigError


class Conditions(msgspec.Struct, frozen=True):
    """Under what a scenario is run.

    Attributes:
        minutes: simulated time.
        radio: the radio model; ``rician`` has other statistics and is never used for tuning.
        overrides: parameters of the scenario's physics to be swept, by name, for example ``gap_db``.
    """

    minutes: float = 30.0
    radio: Literal["threshold", "rician"] = "threshold"
    overrides: dict[str, float] = {}


class Contest(msgspec.Struct, frozen=True):
    """One scenario.

    Attributes:
        methods: names; the product's own comes first.
        run: (method, seed, conditions) → the parts of the score, as nested mappings of figures; None
            stands for a figure that this run cannot give.
        radios: the radio models that make a difference; one where nothing is heard by radio.
    """

    methods: tuple[str, ...]
    run: Callable[[str, int, Conditions], dict[str, Any]]
    radios: tuple[str, ...] = ("threshold", "rician")


@cache
def contests() -> MappingProxyType[str, Contest]:
    """Return every scenario by name, in alphabetical order."""
    found: dict[str, Contest] = {}
    for module in iter_modules(scenarios.__path__):
        found |= getattr(import_module(f"{scenarios.__name__}.{module.name}"), "CONTESTS", {})
    return MappingProxyType(dict(sorted(found.items())))


def contest(name: str, method: str | None = None) -> Contest:
    """Return a scenario's contest.

    Raises:
        ConfigError: there is no such scenario, or it does not know the method.
    """
    known = contests()
    if name not in known:
        raise ConfigError(f"there is no scenario {name!r}; known are {', '.join(known)}")
    if method is not None and method not in known[name].methods:
        raise ConfigError(
            f"scenario {name!r} has no method {method!r}; known are {', '.join(known[name].methods)}"
        )
    return known[name]


def mean_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of each figure over runs; a figure that some run could not give is averaged over the others."""
    mean: dict[str, Any] = {}
    for key in dict.fromkeys(key for part in parts for key in part):
        values = [part[key] for part in parts if part.get(key) is not None]
        if values and isinstance(values[0], dict):
            mean[key] = mean_of(values)
        else:
            mean[key] = sum(values) / len(values) if values else None
    return mean
