"""The simulated till: sales wait in a queue until the hub has accepted them.

One thread posts one sale at a time, oldest first, and tries again for as long as the hub is away; a sale
the hub refuses goes to the end of the queue so that it holds up no other. Only an acceptance, or the
hub's word that it holds other content under this sale's number, takes a sale out.
"""

import http.client
import logging
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from contract.errors import ConfigError
from firmware_sim.world.floor import GoodsIn, Sale

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
TIMEOUT_S: Final = 5.0
CONFLICT: Final = 409
Post = Callable[[str, bytes], int]

STRAY_PRICE: Final = 88.0


def sale_body(sale: Sale) -> bytes:
    """Return the request body of one sale; a till knows the SKU, not the tag."""
    line = {
        "sale_id": sale.sale_id,
        "line": sale.line,
        "store": sale.store,
        "sku": sale.sku,
        "quantity": sale.quantity,
        "sold_at": _moment(sale.sold_at),
        "price": sale.price,
    }
    return msgspec.json.encode({"lines": [line]})


def stray_sale(store: str, code: str, now: int) -> Sale:
    """Return a sale under a code that no product of the catalogue has; no goods leave a shelf for it."""
    return Sale(
        sale_id=f"{store}-{now}-stray",
        line=1,
        store=store,
        sku=code,
        quantity=1,
        price=STRAY_PRICE,
        sold_at=now,
    )


def goods_body(goods: GoodsIn) -> bytes:
    """Return the request body of one delivery note."""
    line = {
        "receipt_id": goods.receipt_id,
        "store": goods.store,
        "received_at": _moment(goods.received_at),
        "sku": goods.sku,
        "zone": goods.zone,
        "quantity": goods.quantity,
        "epcs": goods.epcs,
    }
    return msgspec.json.encode({"lines": [line]})


def _moment(at: int) -> str:
    text = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def post_json(url: str, body: bytes) -> int:
    """Post JSON directly, past any proxy, and return the status.

    Raises:
        OSError: nobody answered, or not in HTTP.
    """
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - the scheme is checked by Till
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except http.client.HTTPException as error:
        raise OSError(f"the answer is not HTTP: {error!r}") from error


class Posting(NamedTuple):
    """One request that waits for the hub."""

    path: str
    body: bytes
    name: str


class Till:
    """Posts sales and delivery notes to a hub.

    Args:
        hub_url: for example ``http://127.0.0.1:8000``.
        post: (url, body) → HTTP status; raises OSError when nobody answers.
        retry_s: pause after a failure.

    Raises:
        ConfigError: the address is no HTTP address.
    """

    def __init__(self, hub_url: str, *, post: Post = post_json, retry_s: float = RETRY_S) -> None:
        if not hub_url.startswith(("http://", "https://")):
            raise ConfigError(f"hub address {hub_url!r} does not start with http:// or https://")
        self.accepted = 0
        self.conflicts = 0
        self._url = hub_url.rstrip("/")
        self._post = post
        self._retry_s = retry_s
        self._waiting: deque[Posting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name="till", daemon=True)

    @property
    def waiting(self) -> int:
        """Sales and delivery notes the hub has not accepted yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def ring_up(self, sales: Iterable[Sale]) -> None:
        """Take sales; returns at once."""
        self._take(Posting("/v1/sales", sale_body(sale), sale.sale_id) for sale in sales)

    def hand_in(self, goods: Iterable[GoodsIn]) -> None:
        """Take delivery notes; returns at once."""
        self._take(Posting("/v1/receipts", goods_body(one), one.receipt_id) for one in goods)

    def _take(self, postings: Iterable[Posting]) -> None:
        with self._changed:
            self._waiting.extend(postings)
            self._changed.notify_all()

    def stop(self, patience_s: float) -> int:
        """Post what waits for at most ``patience_s`` and return how many sales are left."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, patience_s)
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(TIMEOUT_S + 1)
        return self.waiting

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                posting = self._waiting[0]
            outcome, fault = self._offer(posting)
            with self._changed:
                self._waiting.popleft()
                if outcome == "refused":
                    self._waiting.append(posting)
                elif outcome == "away":
                    self._waiting.appendleft(posting)
                self._changed.notify_all()
                if fault != self._fault:
                    self._fault = fault
                    log.warning(
                        "till hub=%s waiting=%d %s", self._url, self.waiting, fault or "accepts again"
                    )
                if outcome != "done":
                    self._changed.wait_for(lambda: self._stopping, self._retry_s)

    def _offer(self, posting: Posting) -> tuple[Literal["done", "refused", "away"], str]:
        """Post one request and return what became of it, and the fault in words."""
        try:
            status = self._post(self._url + posting.path, posting.body)
        except OSError as error:
            return "away", f"nobody answers: {error}"
        if status == CONFLICT:
            self.conflicts += 1
            log.error("till name=%s the hub holds other content under this name", posting.name)
            return "done", ""
        if 200 <= status < 300:
            self.accepted += 1
            return "done", ""
        return "away" if status >= 500 else "refused", f"the hub answers {status}"
