"""Load what a shop knows: store files, products, bindings, sales. Errors name file, line and column.

Files are read whole and checked before anything is stored; a load replaces rows of the same key and
leaves others alone, so loading the same file twice changes nothing.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from contract.errors import ConfigError, MessageError
from contract.ids import parse_slug
from contract.settings import read_settings
from hub.ledger.writer import Transaction
from hub.model import Gate, Product, Store, Zone
from hub.services.bindings import bind_file
from hub.services.csv_rows import csv_rows
from hub.services.sell import SaleEvent, event_of

_TIME_OF_DAY: Final = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


class _ZoneTable(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    name_zh: str | None = None
    kind: str = "shelf"
    x: float = 0.0
    y: float = 0.0
    w: float = 1.0
    h: float = 1.0


class _GateTable(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    name_zh: str | None = None
    zone: str | None = None
    device: str | None = None
    ok_output: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    doubt_output: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None


class _StoreTable(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    name_zh: str | None = None
    timezone: str = "UTC"
    opens: str = "10:00"
    closes: str = "22:00"
    currency: str = "CNY"
    zones: tuple[_ZoneTable, ...] = ()
    gates: tuple[_GateTable, ...] = ()


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is loaded together."""

    stores: tuple[Store, ...] = ()
    products: tuple[Product, ...] = ()
    bindings: Mapping[str, str] = msgspec.field(default_factory=dict)
    tids: Mapping[str, str] = msgspec.field(default_factory=dict)


def parse_store(text: str, file: str) -> Store:
    """Read a store file (TOML): a section ``[store]``, a ``[[zones]]`` per zone and a ``[[gates]]`` per gate.

    Raises:
        ConfigError: names file, section and key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from error
    if not isinstance(document.get("store"), Mapping):
        raise ConfigError(f"{file}: section [store] is missing")
    mapping: dict[str, Any] = {**document["store"]}
    mapping |= {key: document[key] for key in ("zones", "gates") if key in document}
    table = read_settings(_StoreTable, mapping, file=file, section="store")
    for key, value in (("opens", table.opens), ("closes", table.closes)):
        if not _TIME_OF_DAY.match(value):
            raise ConfigError(f"{file}: [store] key {key!r}: {value!r} is not a time of the form HH:MM")
    try:
        ZoneInfo(table.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"{file}: [store] key 'timezone': {table.timezone!r} is no IANA time zone"
        ) from error
    try:
        store = parse_slug("store", table.id)
        zones = tuple(_zone(zone) for zone in table.zones)
        gates = tuple(_gate(gate) for gate in table.gates)
    except MessageError as error:
        raise ConfigError(f"{file}: {error}") from error
    _check_gates(gates, zones, file)
    return Store(
        store=store, name=table.name, name_zh=table.name_zh, time_zone=table.timezone, opens=table.opens, closes=table.closes,
        currency=table.currency, zones=zones, gates=gates,
    )  # fmt: skip


def _zone(table: _ZoneTable) -> Zone:
    zone = parse_slug("zone", table.id)
    return Zone(
        zone=zone,
        name=table.name,
        name_zh=table.name_zh,
        kind=table.kind,
        x=table.x,
        y=table.y,
        w=table.w,
        h=table.h,
    )


def _gate(table: _GateTable) -> Gate:
    return Gate(
        gate=parse_slug("gate", table.id),
        name=table.name,
        name_zh=table.name_zh,
        zone=table.zone,
        device=parse_slug("device", table.device) if table.device is not None else None,
        ok_output=table.ok_output,
        doubt_output=table.doubt_output,
    )


def _check_gates(gates: Sequence[Gate], zones: Sequence[Zone], file: str) -> None:
    names = [gate.gate for gate in gates]
    known = {zone.zone for zone in zones}
    for gate in gates:
        where = f"{file}: [[gates]] {gate.gate!r}"
        if names.count(gate.gate) > 1:
            raise ConfigError(f"{where} is there twice")
        if gate.zone is not None and gate.zone not in known:
            raise ConfigError(f"{where} key 'zone': {gate.zone!r} is none of the file's zones")
        ports = [port for port in (gate.ok_output, gate.doubt_output) if port is not None]
        if ports and gate.device is None:
            raise ConfigError(f"{where} names outputs and no device that has them; add the key 'device'")
        if len(ports) != len(set(ports)):
            raise ConfigError(f"{where} has one output for ok and doubt; give each its own")


def parse_products(text: str, file: str) -> list[Product]:
    """Read a catalogue file (CSV).

    Raises:
        ConfigError: names file, line, column and what was expected.
    """
    optional = ("name_zh", "gtin", "unit_weight_g", "case_pack", "lead_time_days", "price")
    products: dict[str, Product] = {}
    gtins: dict[str, str] = {}
    for row in csv_rows(text, file, ("sku", "name"), optional):
        lead_time_days = row.optional("lead_time_days", row.number)
        product = Product(
            sku=row.text("sku"),
            name=row.text("name"),
            name_zh=row.optional("name_zh", row.text),
            gtin=row.optional("gtin", row.gtin),
            unit_weight_g=row.optional("unit_weight_g", row.number),
            case_pack=row.optional("case_pack", row.whole) or 1,
            lead_time_days=3.0 if lead_time_days is None else lead_time_days,
            price=row.optional("price", row.number),
        )
        if product.sku in products:
            raise row.fail("sku", "unique in this file")
        if product.gtin is not None and gtins.setdefault(product.gtin, product.sku) != product.sku:
            raise row.fail("gtin", f"unique in this file (SKU {gtins[product.gtin]!r} has it)")
        products[product.sku] = product
    return list(products.values())


def parse_bindings(text: str, file: str) -> dict[str, str]:
    """Read EPC to SKU bindings from a file of bindings (CSV); see :func:`parse_tags`."""
    return parse_tags(text, file)[0]


def parse_tags(text: str, file: str) -> tuple[dict[str, str], dict[str, str]]:
    """Read a file of bindings (CSV): EPC to SKU, and TID to SKU. A row names the tag by either, or by both.

    Raises:
        ConfigError: names file, line, column and what was expected.
    """
    bound: dict[str, dict[str, str]] = {"epc": {}, "tid": {}}
    for row in csv_rows(text, file, ("sku",), ("epc", "tid")):
        sku = row.text("sku")
        tags = {column: row.optional(column, row.epc) for column in bound}
        if not any(tags.values()):
            raise row.fail("epc", "given, nor is a tid")
        for column, tag in tags.items():
            if tag is not None and bound[column].setdefault(tag, sku) != sku:
                raise row.fail(column, f"bound once (it is bound to {bound[column][tag]!r} above)")
    return bound["epc"], bound["tid"]


def parse_sales(text: str, file: str, store: str | None = None) -> dict[str, list[SaleEvent]]:
    """Read a till's export (CSV) and return its sales and returns by store.

    Args:
        text: the file's content.
        file: its name, for messages.
        store: the store of rows without a ``store`` column.

    Raises:
        ConfigError: names file, line, column and what was expected.
    """
    optional = ("line", "store", "sku", "gtin", "quantity", "price", "epc")
    sales: dict[str, list[SaleEvent]] = {}
    for row in csv_rows(text, file, ("sale_id", "sold_at"), optional):
        place = row.optional("store", row.slug) or store
        code = row.optional("sku", row.text) or row.optional("gtin", row.gtin)
        if place is None:
            raise row.fail("store", "given, and no store is named for the whole file")
        if code is None:
            raise row.fail("sku", "given, nor is a gtin")
        sale = event_of(
            (row.text("sale_id"), row.optional("line", row.whole) or 1),
            at=row.moment("sold_at"),
            code=code,
            quantity=row.optional("quantity", row.units) or 1,
            price=row.optional("price", row.number),
            epc=row.optional("epc", row.epc),
        )
        sales.setdefault(place, []).append(sale)
    return sales


def read_catalogue(
    *, stores: Iterable[Path] = (), products: Path | None = None, bindings: Path | None = None
) -> Catalogue:
    """Read and check catalogue files.

    Raises:
        ConfigError: a file cannot be read, or see the parsers.
    """
    epcs, tids = parse_tags(read_text(bindings), bindings.name) if bindings else ({}, {})
    return Catalogue(
        stores=tuple(parse_store(read_text(path), path.name) for path in stores),
        products=tuple(parse_products(read_text(products), products.name)) if products else (),
        bindings=epcs,
        tids=tids,
    )


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 file. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def load(transaction: Transaction, catalogue: Catalogue, now: int) -> None:
    """Store catalogue rows; rows of the same key are replaced, a store's zones as a whole. Bind tags."""
    transaction.put_catalogue(catalogue.stores, catalogue.products, {})
    bind_file(transaction, catalogue.bindings, catalogue.tids, now)
