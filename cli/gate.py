"""``shelfwise gate``: announce goods, see what came through a gate, confirm it. Talks to a running hub over HTTP.

The hub's own sentences are shown as they are. Nothing here needs more than the standard library, so that a
computer at the gate can do without the hub's libraries.
"""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from contract.errors import ConfigError, LinkError, MessageError, NotFoundError, ShelfwiseError
from contract.ids import parse_epc, parse_slug

gate_app = typer.Typer(
    help="Goods through a gate: expected, seen, confirmed. Asks a running hub.", no_args_is_help=True
)

HUB_URL: Final = "SHELFWISE_HUB_URL"
DEFAULT_HUB_URL: Final = "http://127.0.0.1:8080"
TIMEOUT_S: Final = 30.0
LISTS: Final = ("expected", "by_carton", "missing", "unexpected", "undecided", "other_way", "turned")

StoreOption = Annotated[str, typer.Option("--store", help="the store's id")]
HubOption = Annotated[str, typer.Option("--hub-url", envvar=HUB_URL, help="the hub's address")]
GateOption = Annotated[str | None, typer.Option("--gate", help="this gate only")]
JsonOption = Annotated[bool, typer.Option("--json", help="the hub's answer as JSON")]


class Hub:
    """A hub's API as this command needs it."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"hub address {url!r} does not start with http:// or https://")
        self._url = url.rstrip("/")
        # Past any proxy: the hub is in the back room.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, query: Mapping[str, Any]) -> Any:
        """Return the answer to a question."""
        return self._ask("GET", path, query, None, "")

    def post(self, path: str, query: Mapping[str, Any], body: bytes, kind: str = "application/json") -> Any:
        """Tell the hub something and return its answer."""
        return self._ask("POST", path, query, body, kind)

    def _ask(self, method: str, path: str, query: Mapping[str, Any], body: bytes | None, kind: str) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        url = f"{self._url}{path}" + (f"?{urllib.parse.urlencode(given)}" if given else "")
        request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - the scheme is checked above
        if kind:
            request.add_header("Content-Type", kind)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read()) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LinkError(f"the hub at {self._url} does not answer: {error}") from error


def _refusal(status: int, body: bytes) -> ShelfwiseError:
    try:
        text = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        text = f"the hub answers {status}"
    kinds: dict[int, type[ShelfwiseError]] = {404: NotFoundError, 422: ConfigError}
    return kinds.get(status, ShelfwiseError)(text)


def _path(store: str, rest: str) -> str:
    try:
        return f"/v1/stores/{parse_slug('store', store)}/{rest}"
    except MessageError as error:
        raise ConfigError(str(error)) from error


def _batch(batch_id: str) -> str:
    try:
        return parse_slug("batch", batch_id)
    except MessageError as error:
        raise ConfigError(str(error)) from error


@gate_app.command("expect")
def expect(
    file: Annotated[Path, typer.Argument(help="notices (CSV)")],
    store: StoreOption,
    gate: Annotated[str | None, typer.Option("--gate", help="gate of rows without one")] = None,
    direction: Annotated[Literal["in", "out"], typer.Option(help="of rows without one")] = "in",
    trust_cartons: Annotated[
        bool, typer.Option(help="a carton that was seen stands for its contents")
    ] = True,
    by: Annotated[str, typer.Option(help="who announces")] = "",
    hub_url: HubOption = DEFAULT_HUB_URL,
) -> None:
    """Announce goods that shall come or leave.

    Example: shelfwise gate expect asn.csv --store popup-1 --gate gate-1
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    query = {
        "gate": gate, "direction": direction, "trust_cartons": str(trust_cartons).lower(), "by": by or None, "file": file.name[-200:],
    }  # fmt: skip
    answer = Hub(hub_url).post(_path(store, "expected/csv"), query, text, "text/csv")
    print(f"{answer['recorded']} notices recorded, {answer['repeats']} known already")


@gate_app.command("notices")
def list_notices(
    store: StoreOption,
    gate: GateOption = None,
    state: Annotated[Literal["open", "closed", "cancelled"] | None, typer.Option(help="these only")] = None,
    as_json: JsonOption = False,
    hub_url: HubOption = DEFAULT_HUB_URL,
) -> None:
    """List announced goods and what is still open of them, the newest first.

    Example: shelfwise gate notices --store popup-1 --state open
    """
    found = Hub(hub_url).get(_path(store, "expected"), {"gate": gate, "state": state})
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        print(
            f"{one['notice_id']}  {one['gate']} {one['direction']}  {one['state']}  {one['open_units']} of {one['units']} open"
        )
    if not found:
        print("nothing was announced")


@gate_app.command("close")
def close(
    notice_id: Annotated[str, typer.Argument(help="the notice")],
    store: StoreOption,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="it was a mistake; without it: nothing more comes")
    ] = False,
    by: Annotated[str, typer.Option(help="who closes")] = "",
    hub_url: HubOption = DEFAULT_HUB_URL,
) -> None:
    """Expect nothing more of a notice.

    Example: shelfwise gate close asn-4711 --store popup-1 --by li
    """
    action = "cancel" if cancel else "close"
    path = _path(store, f"expected/{urllib.parse.quote(notice_id, safe='')}/{action}")
    answer = Hub(hub_url).post(path, {}, json.dumps({"by": by}).encode())
    print(
        f"{answer['notice_id']} is {answer['state']}; {answer['open_units']} of {answer['units']} had not come"
    )


@gate_app.command("batches")
def batches(
    store: StoreOption,
    gate: GateOption = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many")] = 20,
    as_json: JsonOption = False,
    hub_url: HubOption = DEFAULT_HUB_URL,
) -> None:
    """List what came through, the newest first.

    Example: shelfwise gate batches --store popup-1
    """
    found = Hub(hub_url).get(_path(store, "gate/batches"), {"gate": gate, "limit": limit})
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found["batches"]:
        print(_line(one))
    if not found["batches"]:
        print("no gate has told of a batch")


def _line(batch: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(batch["ended_ms"] / 1000, UTC).isoformat(timespec="seconds")
    counts = "  ".join(f"{name} {count}" for name, count in batch["counts"].items() if count)
    meant = f"against {batch['notice_id']}" if batch["notice_id"] else "no notice fits"
    return f"{batch['batch_id']}  {at}  {batch['gate']} {batch['direction'] or ''}  {batch['state']}  {meant}  {counts}"


@gate_app.command("show")
def show(
    batch_id: Annotated[str, typer.Argument(help="the batch")],
    store: StoreOption,
    as_json: JsonOption = False,
    hub_url: HubOption = DEFAULT_HUB_URL,
) -> None:
    """Show a batch with every tag.

    Example: shelfwise gate show gate-1-1790000000000 --store popup-1
    """
    found = Hub(hub_url).get(_path(store, f"gate/batches/{_batch(batch_id)}"), {})
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    print(_line(found))
    for name in LISTS:
        units = found.get(f"{name}_units") or {}
        for tag in found[name]:
            print(f"  {name}  {tag['epc']}  {tag['sku'] or tag['sscc'] or ''}".rstrip())
        for sku, count in units.items():
            print(f"  {name}  {count} × {sku}")
    for sscc in found["missing_cartons"]:
        print(f"  missing  carton {sscc}")
    if found["confirmed_by"] is not None:
        print(f"  confirmed by {found['confirmed_by']}  {found['note']}".rstrip())


@gate_app.command("confirm")
def confirm(
    batch_id: Annotated[str, typer.Argument(help="the batch")],
    by: Annotated[str, typer.Option(help="who confirms")],
    store: StoreOption,
    accept: Annotated[
        list[str] | None, typer.Option(help="EPC that counts; may be given several times")
    ] = None,
    reject: Annotated[
        list[str] | None, typer.Option(help="EPC that does not count; may be given several times")
    ] = None,
    accept_all: Annotated[bool, typer.Option(help="every unexpected and undecided EPC counts")] = False,
    reject_all: Annotated[bool, typer.Option(help="no unexpected or undecided EPC counts")] = False,
    note: Annotated[str, typer.Option(help="a remark")] = "",
    incomplete: Annotated[bool, typer.Option(help="though parts of it have not come")] = False,
    hub_url: HubOption = DEFAULT_HUB_URL,
) -> None:
    """Post the goods of a batch, once. Unexpected and undecided EPCs need a word.

    Example: shelfwise gate confirm gate-1-1790000000000 --store popup-1 --by li --reject-all
    """
    if accept_all and reject_all:
        raise ConfigError("say one of --accept-all and --reject-all")
    hub = Hub(hub_url)
    yes, no = _epcs("--accept", accept), _epcs("--reject", reject)
    if accept_all or reject_all:
        found = hub.get(_path(store, f"gate/batches/{_batch(batch_id)}"), {})
        rest = {tag["epc"] for name in ("unexpected", "undecided") for tag in found[name]} - yes - no
        if accept_all:
            yes |= rest
        else:
            no |= rest
    body = {"by": by, "accept": sorted(yes), "reject": sorted(no), "note": note, "incomplete": incomplete}
    path = f"/v1/gate/batches/{_batch(batch_id)}/confirm"
    answer = hub.post(path, {"store": store}, json.dumps(body).encode())
    done = "was confirmed already" if answer["repeat"] else "is confirmed"
    way = "received" if answer["direction"] == "in" else "dispatched"
    print(f"{batch_id} {done}: {answer['units']} units {way} as {answer['receipt_id']}")
    if answer["notice_id"] is not None:
        print(f"notice {answer['notice_id']} is {answer['notice_state']}")


def _epcs(option: str, given: Iterable[str] | None) -> set[str]:
    try:
        return {parse_epc(text) for text in given or ()}
    except MessageError as error:
        raise ConfigError(f"{option}: {error}") from error
