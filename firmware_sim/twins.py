"""A twin for each device that a scenario names: one table per group, from a family's name to its twin.

Names, lines and antennas of the families are in :mod:`firmware_sim.world.families`.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from firmware_sim.devices.chafon import ChafonTwin
from firmware_sim.devices.impinj_r700 import ImpinjR700Twin
from firmware_sim.devices.llrp import LlrpTwin
from firmware_sim.devices.m6e import M6eTwin
from firmware_sim.devices.m100 import M100Twin
from firmware_sim.devices.modbus_counter import ModbusCounterTwin
from firmware_sim.devices.mt_sics import MtSicsTwin
from firmware_sim.devices.publishing_counter import MilesightLoraTwin, MilesightTwin, RoodeTwin, XovisTwin
from firmware_sim.devices.r2000 import R2000Twin
from firmware_sim.devices.terabee import TerabeeTwin
from firmware_sim.devices.text_scale import AndScaleTwin, Hx711Twin, KernTwin, OhausTwin
from firmware_sim.devices.zebra import ZebraTwin
from firmware_sim.model import (
    CounterTwin,
    LlrpReaderTwin,
    PublishingCounterTwin,
    PublishingReaderTwin,
    ReaderTwin,
    ScaleTwin,
)
from firmware_sim.world.families import SCALES
from firmware_sim.world.radio.noisy import CHANNELS_KHZ
from firmware_sim.world.scenario import PeopleCounter, Reader, Tray

AnyReaderTwin: TypeAlias = ReaderTwin | PublishingReaderTwin | LlrpReaderTwin
AnyCounterTwin: TypeAlias = CounterTwin | PublishingCounterTwin

CHINA: Final = 156

READER_TWINS: Final[Mapping[str, Callable[[Reader, str], AnyReaderTwin]]] = {
    "m100": lambda _reader, _address: M100Twin(),
    "m6e": lambda _reader, _address: M6eTwin(),
    "r2000": lambda _reader, _address: R2000Twin(),
    "chafon18": lambda _reader, _address: ChafonTwin(model="18"),
    "chafon288": lambda _reader, _address: ChafonTwin(model="288"),
    "impinj_r700": lambda reader, address: ImpinjR700Twin(topic=address, hostname=reader.device),
    "impinj_webhook": lambda reader, address: ImpinjR700Twin(
        topic=address, hostname=reader.device, webhook=True
    ),
    "zebra": lambda reader, address: ZebraTwin(topic=address, hostname=reader.device),
    "llrp": lambda _reader, _address: LlrpTwin(country=CHINA, standard=0, frequencies_khz=CHANNELS_KHZ),
}
"""Kind → twin of a reader and of the topic or path under which it publishes."""

SCALE_TWINS: Final[Mapping[str, Callable[[Tray], ScaleTwin]]] = {
    "mt_sics": lambda tray: MtSicsTwin(unit=tray.unit),
    "and_scale": lambda tray: AndScaleTwin(unit=tray.unit, baud=SCALES["and_scale"].config["baud"]),
    "ohaus": lambda tray: OhausTwin(unit=tray.unit),
    "kern": lambda tray: KernTwin(unit=tray.unit),
    "hx711": lambda _tray: Hx711Twin(),
}

COUNTER_TWINS: Final[Mapping[str, Callable[[PeopleCounter, str], AnyCounterTwin]]] = {
    "terabee": lambda _counter, _address: TerabeeTwin(),
    "modbus_counter": lambda _counter, _address: ModbusCounterTwin(),
    "xovis": lambda counter, address: XovisTwin(path=address, report_every_ms=_report_ms(counter)),
    "milesight": lambda counter, address: MilesightTwin(topic=address, report_every_ms=_report_ms(counter)),
    "milesight_lora": lambda counter, address: MilesightLoraTwin(
        topic=address, report_every_ms=_report_ms(counter)
    ),
    "roode": lambda _counter, address: RoodeTwin(prefix=address),
}


def _report_ms(counter: PeopleCounter) -> int:
    return round(1000 * counter.report_s)
