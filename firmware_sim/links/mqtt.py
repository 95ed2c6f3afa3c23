"""A publishing twin behind a real MQTT broker.

paho keeps its own network thread and reconnects by itself; one further thread asks the twin every
:data:`TICK_S` what is due. While the broker is away nothing is taken from the twin, whose own queue is
bounded. Whoever changes the twin's world meanwhile holds :attr:`MqttPublisher.lock`.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contract.errors import LinkError
from firmware_sim.model import PublishingTwin

_logger = logging.getLogger(__name__)

TICK_S: Final = 0.05
STOP_TIMEOUT_S: Final = 5.0
QOS: Final = 0
"""As a reader publishes to an agent that subscribes with QoS 0: a broker that must store each report for
nobody only wears its card and grows."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class MqttPublisher:
    """One twin on one broker connection.

    Args:
        twin: the device.
        host: broker address.
        port: broker port.
        client_id: MQTT client id, unique on the broker.
        username: for the broker, with ``password``.
        clock: time in ms for the twin.

    Attributes:
        lock: hold it to touch the twin while the publisher runs.
        published: messages handed to paho.
    """

    def __init__(
        self,
        twin: PublishingTwin,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        client_id: str = "simulated-reader",
        username: str | None = None,
        password: str | None = None,
        clock: Callable[[], int] = _wall_ms,
    ) -> None:
        self.lock = threading.Lock()
        self.published = 0
        self._twin = twin
        self._host, self._port = host, port
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)

    def start(self) -> None:
        """Begin to connect and publish; a broker that is away is tried again and again.

        Raises:
            LinkError: when it runs already, or the address cannot be one.
        """
        if self._thread is not None:
            raise LinkError(f"the simulated reader on {self._host}:{self._port} runs already")
        try:
            self._client.connect_async(self._host, self._port)
            self._client.loop_start()
        except (OSError, ValueError) as error:
            raise LinkError(f"cannot connect to the broker at {self._host}:{self._port}: {error}") from error
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="simulated mqtt reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end both threads."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(STOP_TIMEOUT_S)
        self._thread = None
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _run(self) -> None:
        was_up = False
        while not self._stopping.wait(TICK_S):
            up = self._client.is_connected()
            if up != was_up:
                was_up = up
                _logger.info("broker=%s:%s connected=%s", self._host, self._port, up)
            if not up:
                continue
            with self.lock:
                due = self._twin.publish(self._clock())
            for topic, payload in due:
                self._client.publish(topic, payload, qos=QOS)
                self.published += 1
