"""The hub's API as seen by a screen: a few typed calls over HTTP, and one error for everything that can go wrong."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx


class HubUnreachableError(Exception):
    """The hub did not answer, or not with what was asked; the text says which."""


class HubRefusedError(HubUnreachableError):
    """The hub understood and said no (a 4xx answer).

    Attributes:
        sentence: the hub's own words.
        status: the answer's status.
    """

    def __init__(self, text: str, sentence: str, status: int) -> None:
        super().__init__(text)
        self.sentence = sentence
        self.status = status

    @property
    def is_conflict(self) -> bool:
        """Return whether the hub holds something else and asks to be told twice."""
        return self.status == httpx.codes.CONFLICT


class HubClient:
    """Synchronous client of one hub; may be shared between threads.

    Args:
        url: base address, for example ``http://127.0.0.1:8080``.
        timeout_s: how long an answer may take.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """Return the JSON answer of a GET.

        Raises:
            HubUnreachableError: no answer, or an answer other than 2xx.
        """
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: object, **query: str | int) -> Any:
        """Return the JSON answer of a POST. Raises HubUnreachableError like :meth:`get`."""
        return self._ask("POST", path, json=body, params=query)

    def put(self, path: str, body: object) -> Any:
        """Return the JSON answer of a PUT. Raises HubUnreachableError like :meth:`get`."""
        return self._ask("PUT", path, json=body)

    def is_ready(self) -> bool:
        """Return whether the hub is ready to take and give facts."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stores(self) -> Any:
        """Return every store with its floor plan."""
        return self.get("/v1/stores")

    def stock(self, store: str) -> Any:
        """Return on-hand per SKU and zone."""
        return self.get(f"/v1/stores/{store}/stock")

    def footfall(self, store: str) -> Any:
        """Return people in and out."""
        return self.get(f"/v1/stores/{store}/footfall")

    def heat(self, store: str) -> Any:
        """Return today's pick-ups, put-backs and arrivals per zone."""
        return self.get(f"/v1/stores/{store}/heat")

    def devices(self, store: str) -> Any:
        """Return the health of the store's devices."""
        return self.get(f"/v1/stores/{store}/devices")

    def alerts(self, store: str, *, limit: int = 50) -> Any:
        """Return alerts, newest first."""
        return self.get(f"/v1/stores/{store}/alerts", limit=limit)

    def items(self, store: str, *, q: str = "", after: str = "", limit: int = 500) -> Any:
        """Return a page of the items whose EPC, SKU or name contains ``q``."""
        return self.get(f"/v1/stores/{store}/items", q=q, after=after, limit=limit)

    def labels(self, store: str) -> Any:
        """Return shelf labels with the price each confirmed."""
        return self.get(f"/v1/stores/{store}/labels")

    def orders(self, store: str) -> Any:
        """Return the store's orders."""
        return self.get(f"/v1/stores/{store}/orders")

    def decisions(self, store: str, *, limit: int = 200) -> Any:
        """Return decisions to order or not, newest first."""
        return self.get(f"/v1/stores/{store}/decisions", limit=limit)

    def decide(self, store: str, order_id: str, action: Literal["approve", "refuse"], *, by: str) -> Any:
        """Approve or refuse an order; saying it twice changes nothing.

        Raises:
            HubRefusedError: the order has gone another way in the meantime.
            HubUnreachableError: no answer.
        """
        return self.post(f"/v1/stores/{store}/orders/{quote(order_id, safe='')}/{action}", None, by=by)

    def stock_takes(self, store: str, *, limit: int) -> Any:
        """Return stock-takes with their totals, the last opened first."""
        return self.get(f"/v1/stores/{store}/stock-takes", limit=limit)

    def stock_take(self, store: str, stock_take_id: str) -> Any:
        """Return a stock-take with its variance."""
        return self.get(f"/v1/stores/{store}/stock-takes/{quote(stock_take_id, safe='')}")

    def approve_stock_take(self, store: str, stock_take_id: str, *, by: str) -> Any:
        """Post a closed stock-take; saying it twice posts once.

        Raises:
            HubRefusedError: it is not closed.
            HubUnreachableError: no answer.
        """
        path = f"/v1/stores/{store}/stock-takes/{quote(stock_take_id, safe='')}/approve"
        return self.post(path, {"by": by})

    def unmapped(self, store: str) -> Any:
        """Return codes of the till that name no product."""
        return self.get("/v1/pos/unmapped", store=store)

    def to_fetch(self, store: str) -> Any:
        """Return orders whose lines have to be fetched from the till's vendor."""
        return self.get("/v1/pos/orders", store=store, state="to_fetch")

    def enrolment(self, store: str) -> Any:
        """Return enrolment stations and the tags on their antennas."""
        return self.get(f"/v1/stores/{store}/enrolment")

    def commissioning(self, store: str, *, limit: int) -> Any:
        """Return the log of bindings, newest first."""
        return self.get(f"/v1/stores/{store}/commissioning", limit=limit)

    def duplicates(self, *, limit: int) -> Any:
        """Return EPCs that are not one tag, by kind."""
        return self.get("/v1/bindings/duplicates", limit=limit)

    def disagreements(self, store: str, *, limit: int) -> Any:
        """Return where RFID and weight do not agree and nobody has counted since, newest first."""
        return self.get(f"/v1/stores/{store}/disagreements", limit=limit)

    def streams(self, store: str) -> Any:
        """Return the streams of the store's agents."""
        return self.get(f"/v1/stores/{store}/streams")

    def map_code(self, code: str, sku: str, *, by: str) -> Any:
        """Say what a till's code means; saying it twice changes nothing.

        Raises:
            HubRefusedError: the code means another product, or the product is not known.
            HubUnreachableError: no answer.
        """
        return self.post("/v1/pos/mappings", {"code": code, "sku": sku, "by": by})

    def bind(self, store: str, tag: Mapping[str, str], sku: str, *, by: str, replace: bool) -> Any:
        """Bind a tag, given by ``epc``, ``tid`` or both, to a product.

        Raises:
            HubRefusedError: a conflict when the tag stands for another product and ``replace`` is false.
            HubUnreachableError: no answer.
        """
        return self.post("/v1/bindings", {**tag, "sku": sku, "store": store, "by": by, "replace": replace})

    def assign_label(self, store: str, mac: str, assignment: Mapping[str, str]) -> Any:
        """Say which product a label is for; ``assignment`` has sku, agent, device, language and by.

        Raises:
            HubRefusedError: the number is no label's, or the product is not known.
            HubUnreachableError: no answer.
        """
        return self.put(f"/v1/stores/{store}/labels/{quote(mac, safe='')}", dict(assignment))

    def gate_batches(self, store: str, *, limit: int) -> Any:
        """Return what came through the store's gates, newest first, with counts."""
        return self.get(f"/v1/stores/{store}/gate/batches", limit=limit)

    def gate_batch(self, store: str, batch_id: str) -> Any:
        """Return one batch with every tag."""
        return self.get(f"/v1/stores/{store}/gate/batches/{quote(batch_id, safe='')}")

    def expected(self, store: str, *, limit: int) -> Any:
        """Return announced goods that have not all come or left."""
        return self.get(f"/v1/stores/{store}/expected", state="open", limit=limit)

    def confirm_batch(
        self, store: str, batch_id: str, *, accept: Sequence[str], reject: Sequence[str], by: str
    ) -> Any:
        """Book what came through; saying the same twice books once.

        Raises:
            HubRefusedError: somebody else said otherwise, or the batch is another by now.
            HubUnreachableError: no answer.
        """
        body = {"by": by, "accept": list(accept), "reject": list(reject)}
        return self.post(f"/v1/gate/batches/{quote(batch_id, safe='')}/confirm", body, store=store)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
            if answer.is_client_error:
                raise HubRefusedError(
                    f"{method} {path}: {answer.status_code} {answer.text[:200]}",
                    _sentence(answer),
                    answer.status_code,
                )
            answer.raise_for_status()
            return answer.json()
        except httpx.HTTPStatusError as error:
            raise HubUnreachableError(
                f"{method} {path}: {error.response.status_code} {error.response.text[:200]}"
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            raise HubUnreachableError(f"{method} {path}: {error}") from error


def _sentence(answer: httpx.Response) -> str:
    """Return the message of the hub's error body, or the beginning of whatever came."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
