"""Captured bytes to JSON lines: one module per protocol family, found by itself.

A module of this folder with a ``PROTOCOLS`` mapping (protocol name → function from a capture to lines)
is all that a protocol needs to be known to ``shelfwise decode``.
"""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TypeAlias

from cli.decoding.lines import Line
from contract.errors import ConfigError

Decoder: TypeAlias = Callable[[bytes], Iterator[Line]]

EPC = "epc"


@cache
def protocols() -> MappingProxyType[str, Decoder]:
    """Return every known protocol by name, in alphabetical order."""
    found: dict[str, Decoder] = {}
    for module in iter_modules(__path__):
        found |= getattr(import_module(f"{__name__}.{module.name}"), "PROTOCOLS", {})
    return MappingProxyType(dict(sorted(found.items())))


def decode_lines(protocol: str, capture: bytes) -> Iterator[Line]:
    """Return one line per frame or reject in ``capture``, in order; its end is the end of the line.

    Raises:
        ConfigError: for a protocol that is not known.
    """
    known = protocols()
    name = protocol.strip().lower().replace("-", "_")
    if name not in known:
        raise ConfigError(f"there is no protocol {protocol!r}; known are {', '.join([*known, EPC])}")
    return known[name](capture)
