"""Is a till's message the till's? Signatures over the raw body, judged before anything in it is read.

HMAC-SHA256, compared in constant time. Shopify signs the body (base64), Square its notification address
followed by the body (base64), any other till the body (hex or base64). Secrets come from the environment and
nowhere else; a till without its secret is not set up, and its messages are refused.

Sources: shopify.dev "Verify webhooks"; developer.squareup.com "Validate webhook notifications".
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Literal

import msgspec

from contract.errors import AuthError

Till = Literal["shopify", "square", "generic"]

HEADERS: Final[dict[Till, str]] = {
    "shopify": "X-Shopify-Hmac-Sha256",
    "square": "x-square-hmacsha256-signature",
    "generic": "X-Shelfwise-Signature",
}
_NEEDED: Final[dict[Till, tuple[str, ...]]] = {
    "shopify": ("SHELFWISE_SHOPIFY_SECRET",),
    "square": ("SHELFWISE_SQUARE_KEY", "SHELFWISE_SQUARE_URL"),
    "generic": ("SHELFWISE_POS_SECRET",),
}


class TillSecrets(msgspec.Struct, frozen=True):
    """What tills sign with, by name of the environment variable; absent for tills that are not set up."""

    values: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"TillSecrets({', '.join(sorted(self.values))})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "TillSecrets":
        """Return the secrets that the environment holds."""
        names = [name for needed in _NEEDED.values() for name in needed]
        return cls({name: environment[name] for name in names if environment.get(name)})


def check_signature(secrets: TillSecrets, till: Till, store: str, signature: str | None, body: bytes) -> None:
    """Return when the body carries the till's signature.

    Args:
        secrets: of this hub.
        till: whose message it claims to be.
        store: the store it is for; stands for ``{store}`` in Square's notification address.
        signature: the till's header, None without one.
        body: raw request body.

    Raises:
        AuthError: the till is not set up here, or the signature is missing or another.
    """
    missing = [name for name in _NEEDED[till] if name not in secrets.values]
    if missing:
        raise AuthError(
            f"till {till!r} is not set up: {' and '.join(missing)} must be in the hub's environment"
        )
    if not signature:
        raise AuthError(f"the message carries no signature: header {HEADERS[till]} is missing")
    key = secrets.values[_NEEDED[till][0]].encode()
    signed = body
    if till == "square":
        signed = secrets.values["SHELFWISE_SQUARE_URL"].replace("{store}", store).encode() + body
    digest = hmac.new(key, signed, sha256)
    expected = [b64encode(digest.digest())]
    given = signature.strip()
    if till == "generic":
        expected.append(digest.hexdigest().encode())
        given = given.removeprefix("sha256=")
        if len(given) == 2 * sha256().digest_size:
            given = given.lower()
    told = given.encode("utf-8", "replace")
    if not any(hmac.compare_digest(told, one) for one in expected):
        raise AuthError(
            f"the signature in {HEADERS[till]} is not the till's; check the secret and the address"
        )
