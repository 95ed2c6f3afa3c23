"""Every error of a settings file names file, section and key, and what was expected."""

import msgspec
import pytest

from contract.errors import ConfigError
from contract.settings import read_settings


class Tray(msgspec.Struct, frozen=True):
    zone: str
    units: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    port: int = 80
    tray: Tray | None = None
    trays: tuple[Tray, ...] = ()
    by_name: dict[str, Tray] = {}


def read(**mapping):
    return read_settings(Settings, mapping, file="hub.toml", section="hub")


def test_good_settings_are_read():
    assert read(database="a", trays=[{"zone": "z"}]) == Settings(database="a", trays=(Tray("z"),))


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"databse": "a"}, "hub.toml: [hub] key 'databse' is not known; did you mean 'database'?"),
        ({"database": "a", "xyzzy": 1}, "hub.toml: [hub] key 'xyzzy' is not known; known keys are"),
        ({}, "hub.toml: [hub] key 'database' is missing"),
        ({"database": "a", "port": "x"}, "hub.toml: [hub] key 'port': expected `int`, got `str`"),
        ({"database": "a", "tray": {"zoen": "z"}}, "key 'tray.zoen' is not known; did you mean 'zone'?"),
        (
            {"database": "a", "trays": [{"zone": "z"}, {"zone": "z", "unit": 1}]},
            "key 'trays[1].unit' is not known",
        ),
        ({"database": "a", "by_name": {"x": {"zones": "z"}}}, "key 'by_name.x.zones' is not known"),
        ({"database": "a", "trays": [{}]}, "key 'trays[0].zone' is missing"),
    ],
)
def test_an_error_says_where_and_what(mapping, sentence):
    with pytest.raises(ConfigError) as caught:
        read(**mapping)
    assert sentence in str(caught.value)
