"""Signatures of tills: vectors of the vendors, and everything that is not one."""

import hmac
from base64 import b64encode
from hashlib import sha256

import pytest

from contract.errors import AuthError
from hub.services.till_signatures import TillSecrets, check_signature

ENVIRONMENT = {
    "SHELFWISE_SHOPIFY_SECRET": "hush",
    "SHELFWISE_SQUARE_KEY": "asdf1234",
    "SHELFWISE_SQUARE_URL": "https://example.com/webhook",
    "SHELFWISE_POS_SECRET": "own",
    "SHELFWISE_BROKER_PASSWORD": "not for tills",
}
SECRETS = TillSecrets.from_environment(ENVIRONMENT)
BODY = b'{"hello":"world"}'
# The example in Square's documentation and SDKs: this key, this address, this body.
SQUARE_VECTOR = "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="


def signed(key, body=BODY):
    return hmac.new(key.encode(), body, sha256)


def test_the_vector_that_square_publishes():
    check_signature(SECRETS, "square", "popup-1", SQUARE_VECTOR, BODY)


def test_a_store_in_squares_address():
    secrets = TillSecrets({**SECRETS.values, "SHELFWISE_SQUARE_URL": "https://example.com/{store}"})
    mac = b64encode(signed("asdf1234", b"https://example.com/popup-1" + BODY).digest()).decode()
    check_signature(secrets, "square", "popup-1", mac, BODY)
    with pytest.raises(AuthError):
        check_signature(secrets, "square", "popup-2", mac, BODY)


def test_each_till_has_its_spelling():
    check_signature(SECRETS, "shopify", "s", b64encode(signed("hush").digest()).decode(), BODY)
    check_signature(SECRETS, "generic", "s", b64encode(signed("own").digest()).decode(), BODY)
    for spelling in ("{}", " {} ", "sha256={}"):
        check_signature(SECRETS, "generic", "s", spelling.format(signed("own").hexdigest()), BODY)
    check_signature(SECRETS, "generic", "s", signed("own").hexdigest().upper(), BODY)
    with pytest.raises(AuthError):
        check_signature(SECRETS, "shopify", "s", signed("hush").hexdigest(), BODY)


@pytest.mark.parametrize("till", ["shopify", "square", "generic"])
@pytest.mark.parametrize("signature", [None, "", "=", "\u00e9\u00ff", "A" * 44, "0" * 64])
def test_what_is_no_signature_is_refused(till, signature):
    with pytest.raises(AuthError, match="signature"):
        check_signature(SECRETS, till, "s", signature, BODY)


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b""])
def test_another_body_is_refused(body):
    with pytest.raises(AuthError, match="x-square-hmacsha256-signature is not the till's"):
        check_signature(SECRETS, "square", "s", SQUARE_VECTOR, body)


@pytest.mark.parametrize(
    ("till", "name"),
    [
        ("shopify", "SHELFWISE_SHOPIFY_SECRET"),
        ("square", "SHELFWISE_SQUARE_KEY and SHELFWISE_SQUARE_URL"),
        ("generic", "SHELFWISE_POS_SECRET"),
    ],
)
def test_a_till_that_is_not_set_up_says_what_is_missing(till, name):
    with pytest.raises(AuthError, match=f"{name} must be in the hub's environment"):
        check_signature(TillSecrets.from_environment({"SHELFWISE_POS_SECRET": ""}), till, "s", "x", BODY)


def test_secrets_do_not_show():
    assert "hush" not in repr(SECRETS)
    assert "own" not in str(SECRETS)
