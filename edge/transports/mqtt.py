"""Devices that publish by themselves: one MQTT session for all of their topics.

The session is clean, so what a device publishes while the agent is away is blind time, like bytes on a
line that nobody reads; and QoS 0, as within one TCP connection QoS 1 would add an acknowledgement to
every report and save none. A retained message says what was and not what happens: a crossing that a
counter published yesterday must not count today, so it is not handed over. Topic filters may use ``+`` and
``#``; devices may share one.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)


class MqttLine:
    """See the module's opening paragraph.

    Args:
        host: broker of the devices.
        port: its MQTT port.
        topics: device id → topic filter.
        username: empty for none.
        password: empty for none.
        on_open: called with the device id when its topic is subscribed.
        on_close: called with device id and reason when the session ended.
        on_payload: called with device id, payload and topic. All three are called on paho's thread.
    """

    def __init__(
        self,
        host: str,
        port: int,
        topics: dict[str, str],
        *,
        on_open: Callable[[str], None],
        on_close: Callable[[str, str], None],
        on_payload: Callable[[str, bytes, str], None],
        username: str = "",
        password: str = "",
    ) -> None:
        self._host = host
        self._port = port
        self._topics = topics
        self._on_open = on_open
        self._on_close = on_close
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"shelfwise-devices-{secrets.token_hex(4)}",
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        if username:
            client.username_pw_set(username, password or None)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        self._devices: dict[str, list[str]] = {}
        for device, topic in topics.items():
            self._devices.setdefault(topic, []).append(device)
        for topic, devices in self._devices.items():
            client.message_callback_add(topic, _deliver(devices, on_payload))
        self._client = client

    def start(self) -> None:
        """Begin to connect; keeps trying for ever, with back-off."""
        self._client.connect_async(self._host, self._port, keepalive=15)
        self._client.loop_start()

    async def stop(self) -> None:
        """End the session and the network thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _connected(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning(
                "event=device_broker_refused host=%s port=%d reason=%s", self._host, self._port, reason
            )
            return
        client.subscribe([(topic, 0) for topic in self._devices])

    def _subscribed(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        for (topic, devices), answer in zip(self._devices.items(), reasons, strict=True):
            for device in devices:
                if answer.is_failure:
                    self._on_close(
                        device, f"broker {self._host}:{self._port} refuses topic {topic}: {answer}"
                    )
                else:
                    self._on_open(device)

    def _disconnected(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        for device in self._topics:
            self._on_close(device, f"broker {self._host}:{self._port} went away: {reason}")


def _deliver(
    devices: list[str], on_payload: Callable[[str, bytes, str], None]
) -> Callable[[Client, object, MQTTMessage], None]:
    def deliver(client: Client, userdata: object, message: MQTTMessage) -> None:
        if message.retain:
            return
        for device in devices:
            on_payload(device, bytes(message.payload), message.topic)

    return deliver
