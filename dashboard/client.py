"""The hub's API as seen by a screen: a few typed calls over HTTP, and one error for everything that can go wrong."""

from types import TracebackType
from typing import Any, Self

import httpx


class HubUnreachableError(Exception):
    """The hub did not answer, or not with what was asked; the text says which."""


class HubClient:
    """Synchronous client of one hub.

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

    def post(self, path: str, body: object) -> Any:
        """Return the JSON answer of a POST. Raises HubUnreachableError like :meth:`get`."""
        return self._ask("POST", path, json=body)

    def is_ready(self) -> bool:
        """Return whether the hub is ready to take and give facts."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stock(self, store: str) -> Any:
        """Return on-hand per SKU and zone."""
        return self.get(f"/v1/stores/{store}/stock")

    def footfall(self, store: str) -> Any:
        """Return people in and out."""
        return self.get(f"/v1/stores/{store}/footfall")

    def devices(self, store: str) -> Any:
        """Return the health of the store's devices."""
        return self.get(f"/v1/stores/{store}/devices")

    def orders(self, store: str) -> Any:
        """Return the store's orders."""
        return self.get(f"/v1/stores/{store}/orders")

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
            answer.raise_for_status()
            return answer.json()
        except httpx.HTTPStatusError as error:
            raise HubUnreachableError(
                f"{method} {path}: {error.response.status_code} {error.response.text[:200]}"
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            raise HubUnreachableError(f"{method} {path}: {error}") from error
