"""Frames to reads: one file per device family, found by itself.

A driver is a module of this folder, or an entry point of the group ``shelfwise.drivers`` in an installed
package, with a :class:`~edge.driver.DriverSpec`: ``DRIVER`` in a module of the folder, any name in an
entry point. Nothing else needs to be told about it.
"""

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, Final

from contract.errors import ConfigError
from edge.driver import DriverSpec

ENTRY_POINT_GROUP: Final = "shelfwise.drivers"


@cache
def drivers() -> MappingProxyType[str, DriverSpec[Any]]:
    """Return every known driver by name, in alphabetical order.

    Raises:
        ConfigError: when a driver cannot be loaded, or two have the same name.
    """
    found: dict[str, DriverSpec[Any]] = {}
    for module in iter_modules(__path__):
        if not module.name.startswith("_"):
            where = f"{__name__}.{module.name}"
            _add(found, getattr(import_module(where), "DRIVER", None), where)
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            declared = entry.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"driver {entry.name!r} of {entry.value} cannot be loaded: {error}") from error
        _add(found, declared, entry.value)
    return MappingProxyType(dict(sorted(found.items())))


def driver(name: str, *, where: str = "device") -> DriverSpec[Any]:
    """Return the driver of this name; ``-`` and ``_`` are the same.

    Args:
        name: as configuration writes it.
        where: what asks for it, for the message.

    Raises:
        ConfigError: when there is none; names the nearest one.
    """
    known = drivers()
    spelled = name.strip().lower().replace("-", "_")
    if spelled in known:
        return known[spelled]
    nearest = get_close_matches(spelled, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
    raise ConfigError(f"{where}: there is no driver {name!r}; {hint}")


def _add(found: dict[str, DriverSpec[Any]], declared: object, where: str) -> None:
    if not isinstance(declared, DriverSpec):
        raise ConfigError(f"{where} declares no DriverSpec as its DRIVER")
    if declared.name in found:
        raise ConfigError(f"{where} declares the driver {declared.name!r}, which exists already")
    found[declared.name] = declared
