"""Finding drivers by name."""

import pytest

from contract.errors import ConfigError
from edge import drivers as package
from edge.drivers import driver, drivers
from edge.drivers.m100 import DRIVER


def test_names_are_sorted_and_cannot_be_changed():
    assert list(drivers()) == sorted(drivers())
    with pytest.raises(TypeError):
        drivers()["x"] = None


@pytest.mark.parametrize(
    ("wrong", "hint"), [("m10", "'m100'"), ("MT-SIC", "'mt_sics'"), ("teraby", "'terabee'")]
)
def test_a_wrong_name_gets_the_nearest(wrong, hint):
    with pytest.raises(ConfigError, match=f"edge.toml: there is no driver '{wrong}'; did you mean {hint}"):
        driver(wrong, where="edge.toml")


def test_a_hopeless_name_gets_them_all():
    with pytest.raises(ConfigError, match=r"known are .*impinj_r700, .*terabee"):
        driver("zzzzzz")


class _Entry:
    def __init__(self, name, load):
        self.name, self.value, self.load = name, f"elsewhere:{name}", load


def _fail():
    raise ImportError("no such module")


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (_fail, "'extra' of elsewhere:extra cannot be loaded: no such module"),
        (lambda: object(), "elsewhere:extra declares no DriverSpec"),
        (lambda: DRIVER, "the driver 'm100', which exists already"),
    ],
)
def test_a_bad_plug_in_is_named(monkeypatch, load, sentence):
    monkeypatch.setattr(package, "entry_points", lambda group: [_Entry("extra", load)])
    drivers.cache_clear()
    try:
        with pytest.raises(ConfigError, match=sentence):
            drivers.__wrapped__()
    finally:
        drivers.cache_clear()
