"""Device and zone states: what can be seen right now, and what must not be believed.

A zone is ``blind`` while any device that serves it is not ``ok``, ``stale`` when the agent behind one of
them has not been heard for a while, else ``seen``. Per device the ledger keeps the latest report of each
state, which is insensitive to order; the current state is the one with the greatest key, and it has held
since some time after the latest report of another state.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

ZoneState = Literal["seen", "stale", "blind"]


class StateReport(NamedTuple):
    """The latest report of one device in one state; order of the ``device_states`` table."""

    device: str
    state: str
    key_ms: int
    key_stream: str
    key_seq: int
    zones: str
    reads: int
    rejects: int
    detail: str


class DeviceState(NamedTuple):
    """The current state of a device.

    Attributes:
        after_ms: latest report of another state; this one holds since some time after it. None for never.
    """

    report: StateReport
    after_ms: int | None


def current_states(reports: Iterable[StateReport]) -> list[DeviceState]:
    """Return each device's current state, by device id."""
    by_device: dict[str, list[StateReport]] = {}
    for report in reports:
        by_device.setdefault(report.device, []).append(report)
    states = []
    for _device, own in sorted(by_device.items()):
        own.sort(key=lambda report: report[2:5])
        states.append(DeviceState(own[-1], own[-2].key_ms if len(own) > 1 else None))
    return states


def zone_states(
    devices: Iterable[DeviceState], heard_ms: Mapping[str, int], now: int, *, stale_after_ms: int
) -> dict[str, ZoneState]:
    """Return the state of every zone that a device serves.

    Args:
        devices: current states.
        heard_ms: stream → when its agent was last heard.
        now: present time.
        stale_after_ms: silence after which an agent's zones are stale.
    """
    states: dict[str, ZoneState] = {}
    for device in devices:
        report = device.report
        stale = now - heard_ms.get(report.key_stream, 0) > stale_after_ms
        state: ZoneState = "blind" if report.state != "ok" else "stale" if stale else "seen"
        for zone in report.zones.split():
            known = states.get(zone, "seen")
            states[zone] = (
                "blind" if "blind" in (known, state) else "stale" if "stale" in (known, state) else "seen"
            )
    return states
