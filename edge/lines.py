"""From configuration to lines: which transport carries which device. The agent and the survey open them.

A device on a wire or a socket has a line to itself; all devices on MQTT share one session, all that push
over HTTP one listener. Lines with a large library behind them are imported when a device needs them: an
agent of one serial reader carries no HTTP client and no LLRP. Callbacks may come from any thread, see :mod:`edge.transports.line`.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from contract.errors import ConfigError
from edge.config import Device, Edge, address_of, push_path
from edge.transports.http import HttpListener, OnPush
from edge.transports.line import Line
from edge.transports.mqtt import MqttLine
from edge.transports.serial import SerialLine
from edge.transports.tcp import TcpLine


class Lines:
    """All lines of one agent.

    Args:
        edge: checked configuration.
        on_open: called with a device id when its line is open.
        on_close: called with device id and reason when it went away or cannot be opened.
        on_bytes: called with device id, what came, and the MQTT topic (empty on other lines).
        on_push: called for what a device pushes over HTTP.
    """

    def __init__(
        self,
        edge: Edge,
        *,
        on_open: Callable[[str], None],
        on_close: Callable[[str, str], None],
        on_bytes: Callable[[str, bytes, str], None],
        on_push: OnPush,
    ) -> None:
        self._edge = edge
        self._on_open, self._on_close = on_open, on_close
        self._on_bytes, self._on_push = on_bytes, on_push
        by_transport: dict[str, list[Device]] = {}
        for device in edge.devices:
            by_transport.setdefault(device.settings.transport, []).append(device)
        publishing, pushing = by_transport.pop("mqtt", []), by_transport.pop("http", [])
        self._shared: list[MqttLine | HttpListener] = []
        if publishing:
            self._shared.append(self._mqtt_session(publishing))
        if pushing:
            self._shared.append(self._http_listener(pushing))
        self._own = {
            device.settings.id: self._own_line(device)
            for devices in by_transport.values()
            for device in devices
        }

    @property
    def own(self) -> tuple[str, ...]:
        """Devices that can be written to: each has a line to itself."""
        return tuple(self._own)

    def start(self) -> None:
        """Open everything, on the running loop."""
        for line in (*self._shared, *self._own.values()):
            line.start()

    def write(self, device: str, data: bytes) -> None:
        """Send bytes to a device that has a line to itself."""
        self._own[device].write(data)

    async def stop(self) -> None:
        """Close everything."""
        await asyncio.gather(*(line.stop() for line in (*self._own.values(), *self._shared)))

    def _own_line(self, device: Device) -> Line:
        settings, name = device.settings, device.settings.id
        on_open, on_close = partial(self._on_open, name), partial(self._on_close, name)

        def on_bytes(data: bytes) -> None:
            self._on_bytes(name, data, "")

        match settings.transport:
            case "serial":
                return SerialLine(
                    name,
                    settings.port,
                    settings.baud or device.spec.baud or 9_600,
                    framing=settings.framing or device.spec.framing,
                    on_open=on_open,
                    on_close=on_close,
                    on_bytes=on_bytes,
                )
            case "tcp":
                host, port = address_of(settings)
                return TcpLine(name, host, port, on_open=on_open, on_close=on_close, on_bytes=on_bytes)
            case "llrp":
                from edge.transports.llrp import LlrpLine

                host, port = address_of(settings)
                return LlrpLine(name, host, port, on_open=on_open, on_close=on_close, on_bytes=on_bytes)
            case "http_client":
                from edge.transports.http_client import HttpClientLine

                host, port = address_of(settings)
                return HttpClientLine(name, host, port, on_open=on_open, on_close=on_close, on_bytes=on_bytes)
            case other:
                raise ConfigError(f"device {name!r}: this agent has no line for transport {other!r}")

    def _mqtt_session(self, devices: list[Device]) -> MqttLine:
        config = self._edge.config
        broker = config.device_broker or config.broker
        return MqttLine(
            broker.host,
            broker.port,
            {device.settings.id: device.settings.topic for device in devices},
            username=broker.username,
            password=self._edge.password if broker.username else "",
            on_open=self._on_open,
            on_close=self._on_close,
            on_payload=self._on_bytes,
        )

    def _http_listener(self, devices: list[Device]) -> HttpListener:
        listener = self._edge.config.http
        return HttpListener(
            listener.host,
            listener.port,
            {device.settings.id: push_path(device.settings) for device in devices},
            token=self._edge.device_token,
            on_open=self._on_open,
            on_close=self._on_close,
            on_push=self._on_push,
        )
