"""Whether each device can be believed: ok, silent, offline; and the spans in which it was blind.

Health follows useful reads, not the open line: a reader whose port is open but which says nothing is
silent, and its zones are blind. The end of a blind span is an observation of its own. A span in which
the agent itself was down is blind time for every device: what was sent then is gone.
"""

from collections import Counter
from typing import Final, Literal, TypeAlias

import msgspec

from contract.messages import AnyObservation, Blind, DeviceHealth, Rejected
from edge.model import NOT_SENSING, InputRead, Place, Read, RejectRead, StatusRead

REPEAT_MS: Final = 60_000
DETAIL_MS: Final = 5_000
"""A device whose fault comes and goes is told of this often, not at each report."""
MAX_SAMPLE_BYTES: Final = 64

DeviceCondition: TypeAlias = Literal["ok", "silent", "offline"]


class DeviceState(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one device.

    Attributes:
        state: as last reported.
        life_at: last useful read, 0 for never.
        line_up: the line is open.
        blind_since: start of the present blind span, 0 for none.
        reported_at: when its health was last reported.
        reads: useful reads since the agent started.
        rejects: rejects since the agent started.
        detail: what the device last said of itself, when that was a fault.
        told: the detail in its last report.
    """

    state: DeviceCondition = "offline"
    life_at: int = 0
    line_up: bool = False
    blind_since: int = 0
    reported_at: int = 0
    reads: int = 0
    rejects: int = 0
    detail: str = ""
    told: str = ""


class HealthState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        devices: device → what is known.
        now: time of the last call, 0 before the first.
    """

    devices: dict[str, DeviceState] = {}
    now: int = 0


def restart_health(state: HealthState, now: int, *, place: Place) -> tuple[HealthState, list[AnyObservation]]:
    """The agent has started again: what lies between the last checkpoint and now was not seen."""
    observations: list[AnyObservation] = [
        Blind(
            at=now,
            device=device,
            since=min(known.blind_since or state.now, now),
            zones=place.zones_of(device),
            reason="agent_down",
        )
        for device, known in state.devices.items()
        if device in place.silent_after_ms and state.now
    ]
    devices = {
        device: DeviceState(blind_since=now) for device in state.devices if device in place.silent_after_ms
    }
    return HealthState(devices, now), observations


def sense_health(
    state: HealthState, reads: list[Read], now: int, *, place: Place
) -> tuple[HealthState, list[AnyObservation]]:
    """Fold signs of life into the state; return it with changes, repeats, blind spans and rejects."""
    by_device: dict[str, list[Read]] = {device: [] for device in place.silent_after_ms}
    for read in reads:
        by_device.setdefault(read.device, []).append(read)
    observations: list[AnyObservation] = _rejected(reads)
    devices = {}
    for device, own in by_device.items():
        known = state.devices.get(device) or DeviceState(blind_since=now)
        devices[device], news = _judge(device, known, own, now, place)
        observations.extend(news)
    return HealthState(devices, now), observations


def _judge(
    device: str, known: DeviceState, reads: list[Read], now: int, place: Place
) -> tuple[DeviceState, list[AnyObservation]]:
    line_up, life_at, useful, rejects, detail = known.line_up, known.life_at, 0, 0, known.detail
    for read in reads:
        if isinstance(read, RejectRead):
            rejects += 1
        elif isinstance(read, StatusRead) and read.what in NOT_SENSING:
            line_up = read.what != "line_closed"
            detail = _said(read)
        elif isinstance(read, InputRead):
            useful += 1  # a photo-eye says nothing of whether the reader beside it may transmit
        else:
            useful += 1
            life_at = max(life_at, read.at)
            detail = _said(read) if isinstance(read, StatusRead) and read.what == "error" else ""
            line_up = True
    silent = now - life_at > place.silent_after_ms.get(device, 10_000)
    condition: DeviceCondition = "offline" if not line_up else "silent" if silent else "ok"
    blind_since = known.blind_since
    news: list[AnyObservation] = []
    zones = place.zones_of(device)
    if condition == "ok" and blind_since:
        if known.life_at or known.reported_at:
            reason: Literal["device_silent", "device_offline"] = (
                "device_offline" if known.state == "offline" else "device_silent"
            )
            news.append(
                Blind(at=max(now, blind_since), device=device, since=blind_since, zones=zones, reason=reason)
            )
        blind_since = 0
    elif condition != "ok" and not blind_since:
        blind_since = max(known.life_at, 1)
    reported_at, told = known.reported_at, known.told
    since_report = now - reported_at
    if (
        condition != known.state
        or not reported_at
        or since_report >= REPEAT_MS
        or (detail != told and since_report >= DETAIL_MS)
    ):
        reported_at, told = now, detail
        news.append(
            DeviceHealth(
                at=now,
                device=device,
                state=condition,
                zones=zones,
                reads=known.reads + useful,
                rejects=known.rejects + rejects,
                detail=detail,
            )
        )
    return (
        DeviceState(
            condition,
            life_at,
            line_up,
            blind_since,
            reported_at,
            known.reads + useful,
            known.rejects + rejects,
            detail,
            told,
        ),
        news,
    )


def _said(status: StatusRead) -> str:
    """Return what a status tells people; an opened line tells nothing."""
    if status.what in ("line_open", "line_closed"):
        return status.detail
    return f"{status.what}: {status.detail}"[:200] if status.detail else status.what


def _rejected(reads: list[Read]) -> list[AnyObservation]:
    """One observation per device and reason, with the count and the first sample."""
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], RejectRead] = {}
    for read in reads:
        if isinstance(read, RejectRead):
            key = (read.device, read.reason)
            counts[key] += 1
            first.setdefault(key, read)
    return [
        Rejected(
            at=first[key].at,
            device=key[0],
            reason=key[1],
            count=count,
            sample=first[key].raw[:MAX_SAMPLE_BYTES].hex().upper(),
        )
        for key, count in counts.items()
    ]
