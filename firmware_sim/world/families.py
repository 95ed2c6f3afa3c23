"""The device families a scenario may name, as an edge configures them: driver, line, settings, antennas.

What plays the device is :mod:`firmware_sim.twins`, which has a twin for each name here.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

Line: TypeAlias = Literal["serial", "mqtt", "http", "llrp"]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One family.

    Attributes:
        driver: the edge's name for it.
        line: how it is connected.
        antennas: a reader's highest antenna number.
        tells_antennas: its driver is told which antennas to use; others use what is connected.
        needs_region: it does not transmit without one.
        units: units a scale can show.
        levels: topic levels below a publishing device's own that the edge listens to.
        config: further keys of the device in the edge's configuration.
    """

    driver: str
    line: Line
    antennas: int = 1
    tells_antennas: bool = False
    needs_region: bool = False
    units: tuple[str, ...] = ("g",)
    levels: str = ""
    config: Mapping[str, Any] = {}


READERS: Final[Mapping[str, Family]] = {
    "m100": Family(driver="m100", line="serial", needs_region=True),
    "m6e": Family(driver="m6e", line="serial", antennas=4, tells_antennas=True, needs_region=True),
    "r2000": Family(driver="r2000", line="serial", antennas=4, tells_antennas=True, needs_region=True),
    "chafon18": Family(driver="chafon18", line="serial", needs_region=True),
    "chafon288": Family(
        driver="chafon288", line="serial", antennas=8, tells_antennas=True, needs_region=True
    ),
    "impinj_r700": Family(driver="impinj_r700", line="mqtt", antennas=32),
    "impinj_webhook": Family(driver="impinj_r700", line="http", antennas=32),
    "zebra": Family(driver="zebra", line="mqtt", antennas=8),
    "llrp": Family(driver="llrp", line="llrp", antennas=4, needs_region=True),
}
"""An R700 has four ports, and 32 antennas with hubs."""

SCALES: Final[Mapping[str, Family]] = {
    "mt_sics": Family(driver="mt_sics", line="serial", units=("g", "kg")),
    "and_scale": Family(
        driver="and_scale",
        line="serial",
        units=("g", "kg"),
        config={"baud": 2_400, "framing": "7E1"},
    ),
    "ohaus": Family(driver="ohaus", line="serial", units=("g", "kg")),
    "kern": Family(driver="kern", line="serial", units=("g", "kg")),
    "hx711": Family(driver="hx711", line="serial"),
}

COUNTERS: Final[Mapping[str, Family]] = {
    "terabee": Family(driver="terabee", line="serial"),
    "modbus_counter": Family(driver="modbus_counter", line="serial"),
    "xovis": Family(driver="xovis", line="http"),
    "milesight": Family(driver="milesight", line="mqtt"),
    "milesight_lora": Family(driver="milesight_lora", line="mqtt"),
    "roode": Family(driver="roode", line="mqtt", levels="/#"),
}
