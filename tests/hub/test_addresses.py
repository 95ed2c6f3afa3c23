"""No credential is ever shown: in the function, in configuration errors, in the sources' errors and logs."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from hub.addresses import redact
from hub.config import load_settings
from hub.ingest.jetstream import JetStreamSource
from hub.ingest.mqtt import MqttSource
from hub.ledger.engine import parse_url


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://li:hunter2@broker:4222", "nats://***@broker:4222"),
        ("nats://t0ken@broker", "nats://***@broker"),
        ("postgresql://li:p@ss/w:rd@db/hub?password=x", "postgresql://***@db/hub?***"),
        ("li:hunter2@broker", "***@broker"),
        ("shelfwise.db", "shelfwise.db"),
        ("", ""),
    ],
)
def test_what_is_shown_of_an_address(address, shown):
    assert redact(address) == shown


@given(
    user=st.text("abcXYZ0189:/?#%@ ", min_size=1).map(lambda text: f"U{text}U"),
    password=st.text("abcXYZ0189:/?#%@ ", min_size=1).map(lambda text: f"S{text}S"),
)
def test_no_user_and_no_password_is_ever_shown(user, password):
    for address in (f"mqtts://{user}:{password}@broker", f"mqtts://{user}@broker/x?token={password}"):
        shown = redact(address)
        assert shown.startswith("mqtts://***")
        assert "U" not in shown
        assert "S" not in shown


@pytest.mark.parametrize("key", ["SHELFWISE_BROKER_URL", "SHELFWISE_DATABASE_URL"])
def test_a_wrong_address_is_refused_without_its_password(tmp_path, key):
    (tmp_path / "hub.toml").write_text("[hub]\n")
    with pytest.raises(ConfigError) as caught:
        parse_url(load_settings(tmp_path / "hub.toml", {key: "ftp://li:hunter2@host/x"}).database)
    assert "hunter2" not in str(caught.value)
    assert "li:" not in str(caught.value)


def test_an_mqtt_address_without_host_is_refused_without_its_password():
    with pytest.raises(ConfigError) as caught:
        MqttSource("mqtt://li:hunter2@", client_id="hub")
    assert "hunter2" not in str(caught.value)


def test_an_unreachable_broker_is_logged_without_its_password(caplog, monkeypatch):
    async def refuse(*_arguments, **_options):
        raise OSError("refused")

    monkeypatch.setattr("hub.ingest.jetstream.Client.connect", refuse)

    async def scene():
        source = JetStreamSource("nats://li:hunter2@127.0.0.1:1")
        await source.open()
        for _ in range(500):
            if "broker_unreachable" in caplog.text:
                break
            await asyncio.sleep(0.01)
        await source.close()

    with caplog.at_level(logging.WARNING, "hub"):
        asyncio.run(scene())
    assert "url=nats://***@127.0.0.1:1" in caplog.text
    assert "hunter2" not in caplog.text
