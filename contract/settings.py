"""Settings from a parsed mapping into frozen msgspec Structs, with errors a person can act on.

Pure: the caller reads the file and hands over its mapping. Three things are errors, each named by file,
section and key: a key nobody knows (with the nearest known one), a missing key, a value of the wrong
type (with what was expected).
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from contract.errors import ConfigError

T = TypeVar("T", bound=msgspec.Struct)

_PATH: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*?)`)?$", re.DOTALL)


def read_settings(kind: type[T], mapping: Mapping[str, Any], *, file: str, section: str) -> T:
    """Return ``mapping`` as a ``kind``.

    Args:
        kind: frozen Struct type that lists the known keys.
        mapping: a parsed table, for example of a TOML file.
        file: the file's name, for messages.
        section: the table's name in the file, empty for the top level.

    Raises:
        ConfigError: an unknown or missing key, or a value of the wrong type.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{_where(file, section)} must be a table, not {type(mapping).__name__}")
    _refuse_unknown(kind, mapping, file, section)
    try:
        return msgspec.convert(dict(mapping), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(str(error), file, section)) from error


def _where(file: str, section: str) -> str:
    return f"{file}: [{section}]" if section else f"{file}:"


def _sentence(message: str, file: str, section: str) -> str:
    found = _PATH.match(message)
    assert found is not None
    path = (found["path"] or "").lstrip(".")
    what = found["what"]
    missing = re.match(r"Object missing required field `(.*)`", what)
    if missing:
        key = f"{path}.{missing[1]}" if path else missing[1]
        return f"{_where(file, section)} key {key!r} is missing"
    return f"{_where(file, section)} key {path!r}: {what[:1].lower()}{what[1:]}"


def _refuse_unknown(kind: Any, value: Any, file: str, section: str, prefix: str = "") -> None:
    """Walk Structs, and Structs in unions, sequences and mappings, along the given value."""
    if _is_struct(kind) and isinstance(value, Mapping):
        hints = get_type_hints(kind)
        known = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
        tag = kind.__struct_config__.tag_field
        for key, inner in value.items():
            if key in known:
                _refuse_unknown(known[key], inner, file, section, f"{prefix}{key}.")
            elif key != tag:
                raise ConfigError(_unknown(prefix, str(key), known, file, section))
        return
    origin, args = get_origin(kind), get_args(kind)
    if origin is Union or type(kind).__name__ == "UnionType":
        structs = [arg for arg in args if _is_struct(arg)]
        if len(structs) == 1 and isinstance(value, Mapping):
            _refuse_unknown(structs[0], value, file, section, prefix)
    elif origin in (list, tuple, Sequence) and args and isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_unknown(args[0], inner, file, section, f"{prefix[:-1]}[{index}].")
    elif origin in (dict, Mapping) and len(args) == 2 and isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_unknown(args[1], inner, file, section, f"{prefix}{key}.")


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _unknown(prefix: str, key: str, known: Mapping[str, Any], file: str, section: str) -> str:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known keys are {', '.join(sorted(known))}"
    return f"{_where(file, section)} key {prefix + key!r} is not known; {hint}"
