"""Twins of counters that publish: Xovis, Milesight with a network port and on LoRaWAN, Roode.

Each keeps its device's bad habits: a package that is delivered again, totals that vanish with the power,
states that are told again after a reconnect. Xovis and Milesight report by intervals, whole minutes of their
own clock unless told otherwise.
"""

from base64 import b64encode
from typing import Any, Final

import msgspec

from contract.wire import counting, milesight_lora, roode
from firmware_sim.model import PublishingCounterTwin

REPORT_EVERY_MS: Final = 60_000
SIGNAL_EVERY_MS: Final = 60_000
LIVE_EVERY_MS: Final = 10_000
U32: Final = 2**32
U16: Final = 2**16


class XovisTwin(PublishingCounterTwin):
    """A sensor with one logic, firmware 5: an interval a minute, live data in between.

    Args:
        path: where it pushes to.
        name: of its logic.
        repeat_every: each so many-th package is delivered twice, 0 for none.
        package: number of the first package.
        report_every_ms: length of an interval.
    """

    def __init__(
        self,
        *,
        path: str = "/xovis",
        name: str = "Main Entrance",
        repeat_every: int = 0,
        package: int = 1,
        report_every_ms: int = REPORT_EVERY_MS,
    ) -> None:
        self._report_every_ms = report_every_ms
        self._path = path
        self._name = name
        self._repeat_every = repeat_every
        self._package = package
        self._live_package = 1
        self.power_cycle(0)

    def power_cycle(self, now: int) -> None:
        """Lose the minute that runs; packages are numbered on, and the connection is tried."""
        self._counts = {"fw": 0, "bw": 0}
        self._since = now - now % self._report_every_ms
        self._next_live = now
        self._tested = False

    def cross(self, *, entered: int, left: int, now: int) -> None:  # noqa: ARG002 - counted by the minute
        """Count people in the minute that runs."""
        self._counts["fw"] += entered
        self._counts["bw"] += left

    def lose_package(self) -> None:
        """Number a package that never leaves, as a full buffer does; its people are lost."""
        self._package += 1

    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return what is due, as (path, body)."""
        due: list[Any] = []
        if not self._tested:
            self._tested = True
            due.append({"connection_test": {"time": counting.time_text(now)}})
        if now >= self._next_live:
            self._next_live = now + LIVE_EVERY_MS
            due.append({"live_data": {**self._head(self._live_package, 1001), "frames": [self._frame(now)]}})
            self._live_package += 1
        if now - self._since >= self._report_every_ms:
            logics = self._logics()
            due.append(logics)
            if self._repeat_every and self._package % self._repeat_every == 0:
                due.append(logics)
            self._package += 1
        return [(self._path, msgspec.json.encode(envelope)) for envelope in due]

    def _logics(self) -> dict[str, Any]:
        since, until = self._since, self._since + self._report_every_ms
        counts = [
            {"id": at, "name": name, "value": value}
            for at, (name, value) in enumerate(self._counts.items(), 1)
        ]
        record = {
            "from": counting.time_text(since),
            "to": counting.time_text(until),
            "samples": 1,
            "samples_expected": 1,
            "counts": counts,
        }
        self._since, self._counts = until, {"fw": 0, "bw": 0}
        logic = {"id": 1000, "name": self._name, "records": [record]}
        return {"logics_data": {**self._head(self._package, 1000), "logics": [logic]}}

    def _head(self, package: int, agent: int) -> dict[str, Any]:
        return {
            "package_info": {"version": "5.0", "id": package, "agent_id": agent},
            "sensor_info": {"serial_number": "00:6E:02:AB:CD:EF", "type": "SINGLE_SENSOR", "name": "sim"},
        }

    def _frame(self, now: int) -> dict[str, Any]:
        crossings = [
            {"type": "LINE_CROSS", "attributes": {"direction": name}}
            for name, value in self._counts.items()
            for _ in range(min(value, 20))
        ]
        return {"time": counting.time_text(now), "tracked_objects": [], "events": crossings}


class MilesightTwin(PublishingCounterTwin):
    """A VS125: a report a minute with the interval and, if switched on, the totals of one line.

    Args:
        topic: where it publishes.
        totals: line_total_data is switched on.
        entered: total at the start.
        left: likewise.
        report_every_ms: length of an interval.
    """

    def __init__(
        self,
        *,
        topic: str = "milesight/vs125",
        totals: bool = True,
        entered: int = 0,
        left: int = 0,
        report_every_ms: int = REPORT_EVERY_MS,
    ) -> None:
        self._report_every_ms = report_every_ms
        self._topic = topic
        self._with_totals = totals
        self._total = {"in": entered, "out": left}
        self._interval = {"in": 0, "out": 0}
        self._since = 0

    def power_cycle(self, now: int) -> None:
        """Lose totals and the minute that runs."""
        self._total = {"in": 0, "out": 0}
        self._interval = {"in": 0, "out": 0}
        self._since = now - now % self._report_every_ms

    def cross(self, *, entered: int, left: int, now: int) -> None:  # noqa: ARG002 - counted by the minute
        """Count people."""
        for way, people in (("in", entered), ("out", left)):
            self._total[way] += people
            self._interval[way] += people

    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return what is due, as (topic, payload)."""
        if now - self._since < self._report_every_ms:
            return []
        until = now - now % self._report_every_ms
        line = {"line": 1, "line_name": "Line1"}
        report: dict[str, Any] = {
            "device_info": {"device_sn": "6537F28545220003", "firmware_version": "V_125-LW.1.0.3-r2"},
            "time_info": {
                "start_time": counting.time_text(self._since),
                "end_time": counting.time_text(until),
            },
            "line_periodic_data": [{**line, "total": dict(self._interval)}],
        }
        if self._with_totals:
            counted = {"in_counted": self._total["in"], "out_counted": self._total["out"]}
            report["line_total_data"] = [{**line, "total": counted}]
        self._since, self._interval = until, {"in": 0, "out": 0}
        return [(self._topic, msgspec.json.encode(report))]


class MilesightLoraTwin(PublishingCounterTwin):
    """A VS133 on LoRaWAN behind ChirpStack: an uplink a minute with the totals or the interval of line 1.

    Args:
        topic: where the network server publishes.
        totals: it sends totals, else intervals.
        repeat_every: each so many-th uplink is delivered twice, 0 for none.
        report_every_ms: how often it sends.
    """

    def __init__(
        self,
        *,
        topic: str = "application/1/device/24e124126a148401/event/up",
        totals: bool = True,
        repeat_every: int = 0,
        report_every_ms: int = REPORT_EVERY_MS,
    ) -> None:
        self._report_every_ms = report_every_ms
        self._topic = topic
        self._with_totals = totals
        self._repeat_every = repeat_every
        self._frame_counter = 0
        self._next_report = 0
        self._total = [0, 0]
        self._interval = [0, 0]

    def power_cycle(self, now: int) -> None:
        """Lose the totals; the network counts frames on."""
        self._total, self._interval = [0, 0], [0, 0]
        self._next_report = now + self._report_every_ms

    def cross(self, *, entered: int, left: int, now: int) -> None:  # noqa: ARG002 - counted by the minute
        """Count people."""
        for way, people in enumerate((entered, left)):
            self._total[way] += people
            self._interval[way] += people

    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return what is due, as (topic, payload)."""
        if now < self._next_report:
            return []
        self._next_report = now + self._report_every_ms
        self._frame_counter += 1
        if self._with_totals:
            content = milesight_lora.encode_totals(*(total % U32 for total in self._total))
        else:
            content = milesight_lora.encode_interval(*(people % U16 for people in self._interval))
        self._interval = [0, 0]
        uplink = {
            "deviceInfo": {"devEui": "24e124126a148401"},
            "fCnt": self._frame_counter,
            "fPort": 85,
            "data": b64encode(content).decode("ascii"),
        }
        message = (self._topic, msgspec.json.encode(uplink))
        again = self._repeat_every and self._frame_counter % self._repeat_every == 0
        return [message, message] if again else [message]


class RoodeTwin(PublishingCounterTwin):
    """A Roode: one direction per person, and its counter; after a reconnect it says both again.

    Once a minute it tells the strength of its Wi-Fi, as example configurations do, so a quiet door is not silent.

    Args:
        prefix: ESPHome's topic prefix.
    """

    def __init__(self, *, prefix: str = "roode") -> None:
        self._prefix = prefix
        self._inside = 0
        self._last = ""
        self._due: list[tuple[str, bytes]] = []
        self._next_signal = 0
        self._reconnect()

    def power_cycle(self, now: int) -> None:  # noqa: ARG002 - it is online again at once
        """Lose the counter, as one that is not persisted does, and connect anew."""
        self._inside, self._last = 0, ""
        self._reconnect()

    def reconnect(self) -> None:
        """The network went away and is back: ESPHome says everything again."""
        self._reconnect()

    def cross(self, *, entered: int, left: int, now: int) -> None:  # noqa: ARG002 - told at once
        """Tell each person."""
        for direction, people in ((roode.ENTRY, entered), (roode.EXIT, left)):
            for _ in range(people):
                self._last = direction
                self._inside += 1 if direction == roode.ENTRY else -1
                self._tell_states()

    def publish(self, now: int) -> list[tuple[str, bytes]]:
        """Return what is due, as (topic, payload)."""
        due, self._due = self._due, []
        if now >= self._next_signal:
            self._next_signal = now + SIGNAL_EVERY_MS
            due.append((f"{self._prefix}/sensor/roode_rssi/state", b"-61"))
        return due

    def _reconnect(self) -> None:
        self._due.append((f"{self._prefix}/status", b"online"))
        self._tell_states()

    def _tell_states(self) -> None:
        entities = f"{self._prefix}/text_sensor/roode_last_direction/state"
        if self._last:
            self._due.append((entities, self._last.encode("ascii")))
        self._due.append(
            (f"{self._prefix}/number/roode_people_counter/state", f"{self._inside}".encode("ascii"))
        )
