"""Settings of the hub: one TOML file, section ``[hub]``, read once into a frozen Struct.

The environment may give two addresses, which often carry secrets: ``SHELFWISE_DATABASE_URL`` and
``SHELFWISE_BROKER_URL`` win over the file. Paths in the file are relative to the file.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from contract.errors import ConfigError
from contract.settings import read_settings
from hub.addresses import redact

_BROKER_SCHEMES: Final = ("nats://", "tls://", "mqtt://", "mqtts://")

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class HubSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``[hub]``.

    Attributes:
        database: file path, ``sqlite:///path`` or ``postgresql://…``.
        broker: ``nats://host:port`` for JetStream, ``mqtt://host:port`` for any MQTT broker.
        client_id: MQTT client id, fixed so that the broker keeps the session.
        host: address the API listens on; loopback unless said otherwise.
        batch_ms: how long a batch waits for more messages after its first.
        batch_max: a batch ends with the message that brings it to this many observations.
        stream_max_bytes: bound of the JetStream stream; the oldest go first and are sent again.
        max_lag_s: readiness limit on the age of the oldest message that is not committed.
        stale_after_s: a zone is stale when its agent was not heard for this long.
        replan_minutes: how often every store is planned; 0 for never.
        stores: store files to load at start.
        products: catalogue file to load at start.
        bindings: EPC to SKU file to load at start.
    """

    database: str = "shelfwise.db"
    broker: str = "nats://127.0.0.1:4222"
    client_id: str = "shelfwise-hub"
    host: str = "127.0.0.1"
    port: Port = 8080
    batch_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 10
    batch_max: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 5_000
    stream_max_bytes: Positive = 256 * 1024 * 1024
    max_lag_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    stale_after_s: Positive = 150
    replan_minutes: Annotated[int, msgspec.Meta(ge=0)] = 60
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    stores: tuple[str, ...] = ()
    products: str | None = None
    bindings: str | None = None


def load_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        ConfigError: the file is missing, unreadable or no TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def load_settings(path: Path, environment: Mapping[str, str]) -> HubSettings:
    """Read the hub's settings from a file and the environment.

    Raises:
        ConfigError: see :func:`contract.settings.read_settings`; or an address of an unknown kind.
    """
    document = load_toml(path)
    if "hub" not in document:
        raise ConfigError(f"{path.name}: section [hub] is missing")
    settings = read_settings(HubSettings, document["hub"], file=path.name, section="hub")
    folder = path.parent
    settings = msgspec.structs.replace(
        settings,
        database=environment.get("SHELFWISE_DATABASE_URL") or _beside(folder, settings.database),
        broker=environment.get("SHELFWISE_BROKER_URL") or settings.broker,
        stores=tuple(str(folder / name) for name in settings.stores),
        products=str(folder / settings.products) if settings.products else None,
        bindings=str(folder / settings.bindings) if settings.bindings else None,
    )
    if not settings.broker.startswith(_BROKER_SCHEMES):
        raise ConfigError(
            f"{path.name}: [hub] key 'broker': {redact(settings.broker)!r} must start with {', '.join(_BROKER_SCHEMES)}"
        )
    return settings


def _beside(folder: Path, database: str) -> str:
    return database if "://" in database else str(folder / database)
