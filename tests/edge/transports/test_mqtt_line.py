"""Devices on MQTT: several may share a topic, and a refused topic is no open line."""

import asyncio
import threading

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.transports.mqtt import MqttLine


@pytest.fixture
def line():
    """Return a function that makes a line, and what it has told."""
    told, changed = [], threading.Condition()
    made = []

    def note(*what):
        with changed:
            told.append(what)
            changed.notify_all()

    def make(port, topics):
        made.append(
            MqttLine(
                "127.0.0.1",
                port,
                topics,
                on_open=lambda device: note("open", device),
                on_close=lambda device, why: note("close", device, why),
                on_payload=lambda device, payload, topic: note("payload", device, payload, topic),
            )
        )
        return made[-1]

    def wait(count):
        with changed:
            assert changed.wait_for(lambda: len(told) >= count, 10), told
            return list(told)

    yield make, wait
    for one in made:
        asyncio.run(one.stop())


def test_readers_that_share_a_topic_all_get_its_payloads(nats_server, line):
    make, wait = line
    make(nats_server.mqtt_port, {"a": "readers/all", "b": "readers/all", "c": "readers/c"}).start()
    assert sorted(wait(3)) == [("open", "a"), ("open", "b"), ("open", "c")]
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", nats_server.mqtt_port)
    client.loop_start()
    client.publish("readers/all", b"one", qos=1)
    client.publish("readers/c", b"two", qos=1)
    found = wait(6)[3:]
    client.disconnect()
    client.loop_stop()
    assert sorted(found) == [
        ("payload", "a", b"one", "readers/all"),
        ("payload", "b", b"one", "readers/all"),
        ("payload", "c", b"two", "readers/c"),
    ]


def test_a_retained_message_is_old_and_not_handed_over(nats_server, line):
    make, wait = line
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", nats_server.mqtt_port)
    client.loop_start()
    client.publish("roode/text_sensor/x/state", b"Entry", qos=1, retain=True).wait_for_publish(10)
    make(nats_server.mqtt_port, {"door": "roode/#"}).start()
    assert wait(1) == [("open", "door")]
    client.publish("roode/text_sensor/x/state", b"Exit", qos=1, retain=True).wait_for_publish(10)
    found = wait(2)[1:]
    client.disconnect()
    client.loop_stop()
    assert found == [("payload", "door", b"Exit", "roode/text_sensor/x/state")]


def test_a_refused_topic_is_a_closed_line_and_the_others_are_open(line):
    make, wait = line
    refusing = make(1, {"a": "readers/a", "b": "readers/b"})
    answers = [ReasonCode(PacketTypes.SUBACK, name) for name in ("Granted QoS 0", "Unspecified error")]
    refusing._subscribed(refusing._client, None, 1, answers, None)
    opened, closed = wait(2)
    assert opened == ("open", "a")
    assert closed[:2] == ("close", "b")
    assert "refuses topic readers/b" in closed[2]
