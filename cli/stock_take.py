"""``shelfwise stock-take …``: count a store, against a running hub.

A count file is CSV of one of two kinds: ``epc`` (with ``read_at`` where the reader tells it) from a handheld or
fixed reader, or ``code`` and ``quantity`` from a barcode scanner or from hand. ``zone`` is a column or an option.
A batch is named by what it holds, so sending the same file twice counts once.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from contract.errors import ConfigError, LinkError, ShelfwiseError
from contract.ids import parse_slug
from hub.services.csv_rows import CsvRow, csv_rows

stock_take_app = typer.Typer(no_args_is_help=True, help="Stock-takes: count, compare, approve.")

TIMEOUT_S: Final = 60.0
BATCH: Final = 5_000
TAG_COLUMNS: Final = ("zone", "read_at")

HubOption = Annotated[
    str, typer.Option("--hub-url", envvar="SHELFWISE_HUB_URL", help="address of the hub's API")
]
StoreOption = Annotated[str, typer.Option("--store", help="store id")]
TakeOption = Annotated[str, typer.Option("--take", help="name of the stock-take")]
ByOption = Annotated[str, typer.Option("--by", help="who does it")]
DEFAULT_HUB: Final = "http://127.0.0.1:8080"


class _Refusal(msgspec.Struct, frozen=True):
    message: str = ""


class _Refused(msgspec.Struct, frozen=True):
    error: _Refusal = _Refusal()


def ask(url: str, method: str, body: Any = None) -> Any:
    """Ask the hub and return its JSON answer.

    Raises:
        ConfigError: the address is no HTTP address.
        LinkError: nobody answered.
        ShelfwiseError: the hub said no; the text is its own.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"hub address {url!r} does not start with http:// or https://")
    payload = None if body is None else msgspec.json.encode(body)
    request = urllib.request.Request(url, payload, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - checked above
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise ShelfwiseError(_sentence(error.read()) or f"the hub answers {error.code}") from error
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise LinkError(f"the hub at {url} does not answer as a hub: {error}") from error


def _sentence(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refused).error.message
    except msgspec.MsgspecError:
        return ""


def _path(hub: str, store: str, *parts: str) -> str:
    names = [parse_slug("store", store), "stock-takes", *(quote(part, safe="") for part in parts)]
    return f"{hub.rstrip('/')}/v1/stores/{'/'.join(names)}"


def _report(step: Any) -> None:
    again = ", as before" if step["repeat"] else ""
    told = f", {step['commands']} commands to agents" if step["commands"] else ""
    typer.echo(f"{step['stock_take_id']}: {step['state']}{again}{told}")


@stock_take_app.command(
    "open", epilog="Example: shelfwise stock-take open --store popup-1 --take may --zone shelf-a --by li"
)
def open_take(
    store: StoreOption,
    take: TakeOption,
    zone: Annotated[
        list[str] | None, typer.Option(help="zone to count; without any, the whole store")
    ] = None,
    by: ByOption = "",
    note: Annotated[str, typer.Option(help="a word about it")] = "",
    hub_url: HubOption = DEFAULT_HUB,
) -> None:
    """Begin a stock-take."""
    body = {"stock_take_id": take, "zones": zone or [], "by": by, "note": note}
    _report(ask(_path(hub_url, store), "POST", body))


@stock_take_app.command(
    "count",
    epilog="Example: shelfwise stock-take count reads.csv --store popup-1 --take may --zone shelf-a --way handheld",
)
def count(
    file: Annotated[Path, typer.Argument(help="CSV: epc[,read_at][,zone] or code,quantity[,zone]")],
    store: StoreOption,
    take: TakeOption,
    zone: Annotated[str, typer.Option(help="zone of all rows, where the file has no such column")] = "",
    way: Annotated[
        str, typer.Option(help="handheld, fixed, scanner or hand; by the columns if left out")
    ] = "",
    by: ByOption = "",
    hub_url: HubOption = DEFAULT_HUB,
) -> None:
    """Send a count file; the same file again adds nothing."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read as UTF-8 text: {error}") from error
    for batch in batches(text, file.name, zone=zone, way=way, by=by):
        _report(ask(_path(hub_url, store, take, "counts"), "POST", batch))


def batches(text: str, file: str, *, zone: str, way: str, by: str) -> Iterator[dict[str, Any]]:
    """Yield the request bodies of a count file, one zone and at most 5000 rows each.

    Raises:
        ConfigError: a row is wrong, or nobody says which zone it is of; nothing has been yielded then.
    """
    header = text.partition("\n")[0].replace('"', "").split(",")
    of_tags = "epc" in (name.strip() for name in header)
    way = way or ("handheld" if of_tags else "hand")
    if way not in (("handheld", "fixed") if of_tags else ("scanner", "hand")):
        raise ConfigError(f"{file}: a file of {'tags' if of_tags else 'codes'} is not counted by {way!r}")
    needed, optional = (("epc",), TAG_COLUMNS) if of_tags else (("code", "quantity"), ("zone",))
    by_zone: dict[str, list[dict[str, Any]]] = {}
    for row in csv_rows(text, file, needed, optional):
        named = row.optional("zone", row.slug) or zone
        if not named:
            raise ConfigError(f"{file}: which zone was counted? Say --zone, or give the file a column 'zone'")
        by_zone.setdefault(named, []).append(_tag(row) if of_tags else _units(row))
    if zone and not by_zone and of_tags:
        by_zone[zone] = []
    for named, rows in by_zone.items():
        for start in range(0, len(rows) or 1, BATCH):
            some = rows[start : start + BATCH]
            digest = blake2b(msgspec.json.encode([named, way, start, some]), digest_size=8).hexdigest()
            yield {
                "batch_id": f"{file}-{digest}"[-200:], "zone": named, "way": way, "by": by,
                "epcs" if of_tags else "lines": some,
            }  # fmt: skip


def _tag(row: CsvRow) -> dict[str, Any]:
    epc, read_at = row.epc("epc"), row.optional("read_at", row.text)
    if read_at is not None:
        row.moment("read_at")
        return {"epc": epc, "read_at": read_at}
    return {"epc": epc}


def _units(row: CsvRow) -> dict[str, Any]:
    code, quantity = row.text("code"), row.text("quantity")
    if not (quantity.isascii() and quantity.isdigit() and int(quantity) <= 1_000_000):
        raise row.fail("quantity", "a whole number from 0 to 1000000")
    return {"code": code, "quantity": int(quantity)}


@stock_take_app.command(
    "close", epilog="Example: shelfwise stock-take close --store popup-1 --take may --by li"
)
def close(store: StoreOption, take: TakeOption, by: ByOption = "", hub_url: HubOption = DEFAULT_HUB) -> None:
    """End the counting and compare it with what the hub expected."""
    _report(ask(_path(hub_url, store, take, "close"), "POST", {"by": by}))
    show(store, take, hub_url=hub_url)


@stock_take_app.command("show", epilog="Example: shelfwise stock-take show --store popup-1 --take may")
def show(
    store: StoreOption,
    take: Annotated[str, typer.Option("--take", help="name of the stock-take; without it, a list")] = "",
    tags: Annotated[
        bool, typer.Option("--tags", help="name every missing, unexpected and misplaced tag")
    ] = False,
    hub_url: HubOption = DEFAULT_HUB,
) -> None:
    """Show a stock-take with its variance, or list them all."""
    if not take:
        for one in ask(_path(hub_url, store), "GET"):
            typer.echo(f"{one['stock_take_id']}: {one['state']}, {' '.join(one['zones']) or 'whole store'}")
        return
    found = ask(_path(hub_url, store, take), "GET")
    typer.echo(f"{take}: {found['state']}, {len(found['batches'])} batches")
    if found["not_counted"]:
        typer.echo(f"not counted: {' '.join(found['not_counted'])}")
    table = Table(
        "sku",
        "zone",
        "expected",
        "counted",
        "difference",
        "moved",
        "value",
        "missing",
        "unexpected",
        "misplaced",
    )
    for line in found["lines"]:
        figures = [line[name] for name in ("expected", "counted", "difference", "moved", "value")]
        lists = [len(line[name]) for name in ("missing", "unexpected", "misplaced")]
        cells = [line["sku"] or "?", line["zone"] or "-", *figures, *lists]
        table.add_row(*("-" if cell is None else str(cell) for cell in cells))
    if found["lines"]:
        Console(width=120).print(table)
    if tags:
        for line in found["lines"]:
            for word in ("missing", "unexpected"):
                for epc in line[word]:
                    typer.echo(f"{word} {epc} {line['sku'] or '?'} {line['zone'] or '-'}")
            for one in line["misplaced"]:
                typer.echo(
                    f"misplaced {one['epc']} {line['sku'] or '?'} {line['zone']}, expected in {one['expected_zone']}"
                )


@stock_take_app.command(
    "approve", epilog="Example: shelfwise stock-take approve --store popup-1 --take may --by wang"
)
def approve(
    store: StoreOption,
    take: TakeOption,
    by: Annotated[str, typer.Option("--by", help="the person who approves")],
    hub_url: HubOption = DEFAULT_HUB,
) -> None:
    """Post a closed stock-take: on-hand starts from it. Twice posts once."""
    _report(ask(_path(hub_url, store, take, "approve"), "POST", {"by": by}))


@stock_take_app.command(
    "cancel", epilog="Example: shelfwise stock-take cancel --store popup-1 --take may --by li"
)
def cancel(store: StoreOption, take: TakeOption, by: ByOption = "", hub_url: HubOption = DEFAULT_HUB) -> None:
    """Give up a stock-take; no figure changes."""
    _report(ask(_path(hub_url, store, take, "cancel"), "POST", {"by": by}))
