"""The edge agent's configuration: one TOML file, read once into frozen Structs.

Unknown keys, missing keys and wrong types are ConfigErrors that name file, key and what was expected.
Only secrets and addresses come from the environment: SHELFWISE_BROKER_HOST, SHELFWISE_BROKER_PORT,
SHELFWISE_BROKER_PASSWORD and SHELFWISE_DEVICE_TOKEN.
"""

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from contract.epc import EpcFilter
from contract.errors import ConfigError, MessageError
from contract.ids import Slug, parse_slug
from contract.messages import ShortText
from contract.settings import read_settings
from edge.driver import DriverSpec, Framing, Transport
from edge.drivers import driver
from edge.model import Place, Tray, TrayItem
from edge.outbox import Bounds
from edge.sensing.agreement import AgreementSettings
from edge.sensing.doorway import DoorwaySettings, FootfallSettings
from edge.sensing.gate import GateSettings
from edge.sensing.gate_classifier import Coefficients
from edge.sensing.presence import PresenceSettings
from edge.sensing.signals import EnrolmentSettings
from edge.sensing.try_on_state import TryOnSettings
from edge.sensing.weight import WeightSettings
from edge.uplink import BrokerSettings

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
Gtin = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8,14}$")]
DEFAULT_PORTS: Final = {"llrp": 5084, "http_client": 80}


class TrayItemSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of several SKUs on a plate.

    Attributes:
        unit_weight_g: mean weight of a unit.
        units: on the plate when it is set up; left out when nobody counted them.
        gtin: GTIN that the tags of its units carry.
    """

    sku: ShortText
    unit_weight_g: float
    units: Annotated[int, msgspec.Meta(ge=0)] | None = None
    gtin: Gtin | None = None


class TraySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies on a scale's plate, and where the plate is: one SKU, or several under ``items``.

    Attributes:
        tagged: every unit on it carries a tag, so that RFID and weight of the zone are expected to agree.
        gtin: GTIN that the tags of ``sku`` carry.
    """

    zone: Slug
    sku: ShortText | None = None
    unit_weight_g: float | None = None
    items: Annotated[tuple[TrayItemSettings, ...], msgspec.Meta(max_length=64)] = ()
    tagged: bool = False
    gtin: Gtin | None = None


class DeviceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device.

    Attributes:
        id: device id.
        driver: driver name, one of edge/drivers.
        transport: the kind of line.
        port: serial port, best by id (``/dev/serial/by-id/…``).
        baud: line rate, 0 for the driver's own.
        framing: data bits, parity and stop bits, empty for the driver's own.
        address: ``HOST:PORT`` of a device on the network; the port may be left out where the protocol
            has one of its own.
        path: HTTP path under which a pushing device reports, empty for ``/devices/ID``.
        topic: MQTT topic filter of the device's reports.
        settings: the driver's settings.
        antennas: antenna number → zone.
        tray: for a scale.
        line: name of a people counter's line, for example ``door``; else as the counter says.
        front: zone that people stand in front of when this counter counts them.
        fronts: number of an input → zone that a person stands in front of while it is high.
        role: ``enrolment`` for a reader on whose antenna tags are bound to products; it senses no zone.
    """

    id: Slug
    driver: str
    transport: Transport
    port: str = ""
    baud: int = 0
    framing: Framing | Literal[""] = ""
    address: str = ""
    path: str = ""
    topic: str = ""
    settings: dict[str, Any] = {}
    antennas: dict[str, Slug] = {}
    tray: TraySettings | None = None
    line: Slug = ""
    front: Slug = ""
    fronts: dict[str, Slug] = {}
    role: Literal["sense", "enrolment"] = "sense"


class AgentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this agent is.

    Attributes:
        id: agent id.
        store: store id.
        outbox: path of the outbox file, relative to the configuration file.
        window: observations that may be under way without a receipt.
    """

    id: Slug
    store: Slug
    outbox: str = "outbox.db"
    window: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5_000


class ListenerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where devices push to over HTTP.

    Attributes:
        host: address to listen on; beyond loopback SHELFWISE_DEVICE_TOKEN must be set.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 8090


class EdgeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    agent: AgentSettings
    devices: tuple[DeviceSettings, ...]
    broker: BrokerSettings = BrokerSettings()
    device_broker: BrokerSettings | None = None
    http: ListenerSettings = ListenerSettings()
    outbox: Bounds = Bounds()
    presence: PresenceSettings = PresenceSettings()
    weight: WeightSettings = WeightSettings()
    agreement: AgreementSettings = AgreementSettings()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    footfall: FootfallSettings = FootfallSettings()
    doorways: tuple[DoorwaySettings, ...] = ()
    gates: tuple[GateSettings, ...] = ()
    try_on: TryOnSettings = TryOnSettings()
    epc: EpcFilter = EpcFilter()


class Device(msgspec.Struct, frozen=True):
    """A configured device with its driver's declaration and checked settings."""

    settings: DeviceSettings
    spec: DriverSpec[Any]
    driver_settings: Any


class Edge(msgspec.Struct, frozen=True):
    """Everything the agent needs, checked."""

    config: EdgeConfig
    devices: tuple[Device, ...]
    place: Place
    outbox_path: Path
    password: str
    device_token: str = ""


def load_edge(path: Path, environment: Mapping[str, str]) -> Edge:
    """Read and check the configuration file.

    Raises:
        ConfigError: one sentence naming file, key and what was expected.
    """
    config = read_settings(EdgeConfig, _parse(path), file=path.name, section="")
    broker = config.broker
    if host := environment.get("SHELFWISE_BROKER_HOST"):
        broker = msgspec.structs.replace(broker, host=host)
    if port := environment.get("SHELFWISE_BROKER_PORT"):
        if not port.isdecimal() or not 1 <= int(port) <= 65_535:
            raise ConfigError(
                f"environment variable SHELFWISE_BROKER_PORT is {port!r}; expected a port number"
            )
        broker = msgspec.structs.replace(broker, port=int(port))
    config = msgspec.structs.replace(config, broker=broker)
    for prefix in config.epc.company_prefixes:
        if not (prefix.isascii() and prefix.isdigit() and 6 <= len(prefix) <= 12):
            raise ConfigError(
                f"{path.name}: [epc] key 'company_prefixes': {prefix!r} is no GS1 company prefix of 6 to 12 digits"
            )
    gated = {device for gate in config.gates for device, _ in _sides(gate, path.name)}
    devices = tuple(_device(settings, path.name, gated) for settings in config.devices)
    _no_twice([device.settings.id for device in devices], f"{path.name}: device id")
    _check_doorways(config.doorways, devices, path.name)
    _check_gates(config.gates, devices, path.name)
    pushing = [device for device in devices if device.settings.transport == "http"]
    _no_twice([push_path(device.settings) for device in pushing], f"{path.name}: HTTP path")
    token = environment.get("SHELFWISE_DEVICE_TOKEN", "")
    if pushing and not token and config.http.host not in LOOPBACK:
        raise ConfigError(
            f"{path.name}: [http] host {config.http.host!r} is open to the network; expected environment variable SHELFWISE_DEVICE_TOKEN to be set, or one of {', '.join(LOOPBACK)}"
        )
    place = _place(devices, path.name)
    _check_rooms(config.try_on.rooms, place, path.name)
    return Edge(
        config=config,
        devices=devices,
        place=place,
        outbox_path=path.parent / config.agent.outbox,
        password=environment.get("SHELFWISE_BROKER_PASSWORD", ""),
        device_token=token,
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; expected the edge agent's TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from error


@cache
def gate_coefficients() -> Coefficients:
    """Return the coefficients that the package ships, see scripts/train_gate.py."""
    shipped = files("edge.sensing").joinpath("gate_coefficients.json").read_bytes()
    return msgspec.json.decode(shipped, type=Coefficients)


def _device(settings: DeviceSettings, file: str, gated: set[str]) -> Device:
    where = f"{file}: device {settings.id!r}"
    spec = driver(settings.driver, where=where)
    if settings.transport not in spec.transports:
        raise ConfigError(
            f"{where}: transport {settings.transport!r} does not fit driver {spec.name!r}; expected {' or '.join(spec.transports)}"
        )
    if settings.transport == "serial" and not settings.port:
        raise ConfigError(
            f"{where}: key 'port' is missing; expected the serial port, for example '/dev/serial/by-id/…'"
        )
    if settings.transport in ("tcp", "llrp", "http_client"):
        address_of(settings, where)
    if settings.transport == "mqtt" and not settings.topic:
        raise ConfigError(f"{where}: key 'topic' is missing; expected the MQTT topic of the device's reports")
    if settings.role == "enrolment" and (spec.kind != "rfid" or settings.antennas):
        raise ConfigError(
            f"{where}: role 'enrolment' is for a reader without table 'antennas'; its tags are offered for binding and are in no zone"
        )
    if (
        spec.kind == "rfid"
        and not settings.antennas
        and settings.role != "enrolment"
        and settings.id not in gated
    ):
        raise ConfigError(
            f"{where}: table 'antennas' is missing; expected antenna number = zone, for example 1 = \"shelf-a\""
        )
    if spec.kind == "scale" and settings.tray is None:
        raise ConfigError(
            f"{where}: table 'tray' is missing; expected zone, and sku and unit_weight_g or items"
        )
    if settings.tray is not None:
        _check_tray(settings.tray, where)
    checked = read_settings(
        spec.settings, settings.settings, file=file, section=f"devices.{settings.id}.settings"
    )
    return Device(settings, spec, checked)


def _check_tray(tray: TraySettings, where: str) -> None:
    if tray.items and (tray.sku is not None or tray.unit_weight_g is not None):
        raise ConfigError(
            f"{where}: table 'tray' has both 'items' and 'sku' or 'unit_weight_g'; expected 'items' for several SKUs, or the other two for one"
        )
    weights = [item.unit_weight_g for item in tray.items]
    for unit_weight_g in weights if tray.unit_weight_g is None else [tray.unit_weight_g]:
        if unit_weight_g <= 0:
            raise ConfigError(f"{where}: key 'unit_weight_g' is {unit_weight_g}; expected a weight above 0")
    _no_twice([item.sku for item in tray.items], f"{where}: tray item", "item")


def _check_doorways(doorways: tuple[DoorwaySettings, ...], devices: tuple[Device, ...], file: str) -> None:
    kinds = {device.settings.id: device.spec.kind for device in devices}
    beams: list[str] = []
    for doorway in doorways:
        where = f"{file}: doorway {doorway.line!r}"
        if doorway.device not in kinds:
            raise ConfigError(
                f"{where}: key 'device' is {doorway.device!r}; expected a device of this file: {', '.join(kinds)}"
            )
        if kinds[doorway.device] != "rfid":
            raise ConfigError(
                f"{where}: device {doorway.device!r} is a {kinds[doorway.device]}; expected a reader with inputs for the beams"
            )
        beams += [f"{doorway.device} input {port}" for port in (doorway.outer, doorway.inner)]
    counters = {device.settings.line for device in devices if device.settings.line}
    _no_twice([*(doorway.line for doorway in doorways), *counters], f"{file}: counting line", "doorway")
    _no_twice(beams, f"{file}: beam", "beam")


def _sides(gate: GateSettings, file: str) -> dict[tuple[str, int], int]:
    try:
        return gate.sides()
    except ValueError as error:
        raise ConfigError(f"{file}: gate {gate.id!r}: {error}") from error


def _check_gates(gates: tuple[GateSettings, ...], devices: tuple[Device, ...], file: str) -> None:
    by_id = {device.settings.id: device for device in devices}
    taken: list[str] = []
    eyes: list[str] = []
    lights: list[str] = []
    for gate in gates:
        where = f"{file}: gate {gate.id!r}"
        for device, antenna in {(gate.device, 0): 0, **_sides(gate, file)}:
            if device not in by_id:
                raise ConfigError(
                    f"{where}: there is no device {device!r}; expected a reader of this file: {', '.join(by_id)}"
                )
            if by_id[device].spec.kind != "rfid" or by_id[device].settings.role == "enrolment":
                raise ConfigError(
                    f"{where}: device {device!r} reads no tags that pass; expected a reader that is no scale, counter or enrolment station"
                )
            if str(antenna) in by_id[device].settings.antennas:
                raise ConfigError(
                    f"{where}: antenna {antenna} of device {device!r} is in its table 'antennas' too; expected a gate's antenna to be in no zone"
                )
            if antenna:
                taken.append(f"{device}/{antenna}")
        if gate.photo_eye is not None:
            eyes.append(f"{gate.device} input {gate.photo_eye}")
        lights += [f"{gate.device} output {port}" for port in (gate.ok_output, gate.doubt_output) if port]
    _no_twice([gate.id for gate in gates], f"{file}: gate id", "gate")
    _no_twice(taken, f"{file}: gate antenna", "gate")
    _no_twice(eyes, f"{file}: photo-eye", "gate")
    _no_twice(lights, f"{file}: gate light", "light")


def _check_rooms(rooms: tuple[str, ...], place: Place, file: str) -> None:
    zones = sorted(set(place.zones.values()))
    for room in rooms:
        if room not in zones:
            nearest = difflib.get_close_matches(room, zones, n=1)
            hint = (
                f"did you mean {nearest[0]!r}?" if nearest else f"antennas have {', '.join(zones) or 'none'}"
            )
            raise ConfigError(
                f"{file}: [try_on] key 'rooms' names {room!r}; expected zones of readers' antennas, {hint}"
            )
        scales = [device for device, tray in place.trays.items() if tray.zone == room]
        if scales:
            raise ConfigError(
                f"{file}: [try_on] key 'rooms' names {room!r}, in which scale {scales[0]!r} has its tray; expected a zone where nothing is for sale"
            )
    _no_twice(list(rooms), f"{file}: fitting room", "fitting room")


def address_of(settings: DeviceSettings, where: str = "device") -> tuple[str, int]:
    """Return host and port of a device on the network.

    Raises:
        ConfigError: there is none, or it has another shape.
    """
    host, colon, port = settings.address.rpartition(":")
    if not colon:
        host, port = settings.address, str(DEFAULT_PORTS.get(settings.transport, ""))
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ConfigError(
            f"{where}: key 'address' is {settings.address!r}; expected HOST:PORT, for example '192.168.1.50:{DEFAULT_PORTS.get(settings.transport, 4001)}'"
        )
    return host.strip("[]"), int(port)


def push_path(settings: DeviceSettings) -> str:
    """Return the HTTP path under which a device pushes."""
    return f"/{settings.path.strip('/')}" if settings.path else f"/devices/{settings.id}"


def _place(devices: tuple[Device, ...], file: str) -> Place:
    zones: dict[tuple[str, int], str] = {}
    for device in devices:
        for antenna, zone in device.settings.antennas.items():
            if not antenna.isdigit() or int(antenna) < 1:
                raise ConfigError(
                    f"{file}: device {device.settings.id!r}: antenna {antenna!r} is not a number from 1 up"
                )
            try:
                zones[(device.settings.id, int(antenna))] = parse_slug("zone", zone)
            except MessageError as error:
                raise ConfigError(f"{file}: device {device.settings.id!r}: {error}") from error
    return Place(
        zones=zones,
        trays=_trays(devices, file),
        lines={device.settings.id: device.settings.line for device in devices if device.settings.line},
        silent_after_ms={device.settings.id: device.spec.silent_after_ms for device in devices},
        stations=frozenset(device.settings.id for device in devices if device.settings.role == "enrolment"),
        fronts=_fronts(devices, file),
    )


def _fronts(devices: tuple[Device, ...], file: str) -> dict[tuple[str, int], str]:
    fronts: dict[tuple[str, int], str] = {}
    for device in devices:
        where = f"{file}: device {device.settings.id!r}"
        if device.settings.front:
            if device.spec.kind != "counter":
                raise ConfigError(
                    f"{where}: key 'front' is for people counters; this is a {device.spec.kind}"
                )
            fronts[device.settings.id, 0] = device.settings.front
        for port, zone in device.settings.fronts.items():
            if not port.isdecimal() or int(port) < 1:
                raise ConfigError(f"{where}: input {port!r} in 'fronts' is not a number from 1 up")
            fronts[device.settings.id, int(port)] = zone
    return fronts


def _trays(devices: tuple[Device, ...], file: str) -> dict[str, Tray]:
    trays: dict[str, Tray] = {}
    unit_weight_g: dict[tuple[str, str], float] = {}
    for device in devices:
        tray = device.settings.tray
        if tray is None:
            continue
        for item in tray.items:
            known_g = unit_weight_g.setdefault((tray.zone, item.sku), item.unit_weight_g)
            if known_g != item.unit_weight_g:
                raise ConfigError(
                    f"{file}: device {device.settings.id!r}: unit_weight_g of {item.sku!r} is {item.unit_weight_g} and {known_g} on another plate of zone {tray.zone!r}; expected one weight"
                )
        items = tuple(
            TrayItem(item.sku, item.unit_weight_g, item.units, item.gtin and item.gtin.zfill(14))
            for item in tray.items
        )
        gtin = tray.gtin and tray.gtin.zfill(14)
        trays[device.settings.id] = Tray(tray.zone, tray.sku, tray.unit_weight_g, items, tray.tagged, gtin)
    return trays


def _no_twice(names: list[str], what: str, each: str = "device") -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{what} {name!r} is used twice; every {each} needs its own")
