"""What the shop is: stores with their plan, products, and which SKU a code or an EPC means.

Functions of a connection, like :mod:`hub.ledger.reads`. The catalogue is as of now: figures are folded
by code and by EPC, and resolved when they are read, so a product or a binding that comes late names what
was sold or seen before it.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from contract.epc import EpcIdentity, identify
from contract.errors import NotFoundError
from hub.ledger import gate_tables as g
from hub.ledger import side_tables as side
from hub.ledger import tables as t
from hub.model import EVERY_STORE, Gate, Product, Store, Zone

_SGTIN_SERIAL_DIGITS: Final = 9


def store(connection: Connection, name: str) -> Store:
    """Return a store of the catalogue, or one with defaults for a store only its edges have named.

    Raises:
        NotFoundError: neither the catalogue nor any agent knows it.
    """
    row = connection.execute(select(t.stores).where(t.stores.c.store == name)).first()
    if row is None:
        known = connection.execute(select(t.streams.c.id).where(t.streams.c.store == name).limit(1)).first()
        if known is None:
            raise NotFoundError(
                f"store {name!r} is not known: no store file names it and no agent has reported from it"
            )
        return Store(store=name)
    c = t.zones.c
    plan = connection.execute(select(t.zones).where(c.store == name).order_by(c.zone))
    zones = tuple(
        Zone(zone=z.zone, name=z.name, name_zh=z.name_zh, kind=z.kind, x=z.x, y=z.y, w=z.w, h=z.h)
        for z in plan
    )
    return Store(
        store=row.store, name=row.name, name_zh=row.name_zh, time_zone=row.time_zone, opens=row.opens, closes=row.closes,
        currency=row.currency, zones=zones, gates=gates(connection, name),
    )  # fmt: skip


def gates(connection: Connection, store_id: str) -> tuple[Gate, ...]:
    """Return the gates of a store's file."""
    columns = [column for column in g.gates.columns if column.name != "store"]
    rows = connection.execute(select(*columns).where(g.gates.c.store == store_id).order_by(g.gates.c.gate))
    return tuple(Gate(**row._asdict()) for row in rows)


def store_names(connection: Connection) -> list[str]:
    """Return all stores that the catalogue or any agent has named."""
    named = {row[0] for row in connection.execute(select(t.stores.c.store))}
    return sorted(
        named | {row[0] for row in connection.execute(select(t.streams.c.store).distinct())} - {EVERY_STORE}
    )


def products(connection: Connection) -> dict[str, Product]:
    """Return the catalogue by SKU."""
    names = [column.name for column in t.products.columns]
    rows = connection.execute(select(t.products).order_by(t.products.c.sku)).all()
    return {row[0]: Product(**dict(zip(names, row, strict=True))) for row in rows}


class Naming:
    """Which SKU a code or an EPC means, as far as catalogue and bindings tell today.

    A binding wins over the GTIN in the EPC; queries join it and hand it over. Decoding is by **kind**, not
    by EPC: the serial number's bits are dropped first (see :mod:`hub.ledger.reads`), so that a store's worth of tags
    costs one decoding per product.
    """

    def __init__(self, catalogue: dict[str, Product], codes: Mapping[str, str] | None = None) -> None:
        self.catalogue = catalogue
        self._codes = codes or {}
        self._by_gtin = {product.gtin.zfill(14): sku for sku, product in catalogue.items() if product.gtin}
        self._sku_of_kind: dict[str, str | None] = {}

    def sku_of_code(self, code: str) -> str:
        """Return the SKU for a SKU, a code that staff have mapped or a GTIN; the code when nobody knows it."""
        if code in self.catalogue:
            return code
        if code in self._codes:
            return self._codes[code]
        return self._by_gtin.get(code.zfill(14), code)

    def sku_of_item(self, bound: str | None, kind: str) -> str | None:
        """Return the SKU of an item by its binding or its EPC's kind, None when nothing explains it."""
        if bound is not None:
            return bound
        if not kind:
            return None
        if kind not in self._sku_of_kind:
            serial = "0" * _SGTIN_SERIAL_DIGITS
            epc = kind[:14] + format(int(kind[14], 16) & 0xC, "X") + serial if len(kind) == 15 else kind
            self._sku_of_kind[kind] = self._sku_of_gtin(epc)
        return self._sku_of_kind[kind]

    def sku_of_identity(self, identity: EpcIdentity | None) -> str | None:
        """Return the SKU whose GTIN a tag carries, None when it carries none or nobody has it."""
        return self._by_gtin.get(identity.gtin) if identity is not None and identity.gtin else None

    def _sku_of_gtin(self, epc: str) -> str | None:
        return self.sku_of_identity(identify(epc))


def codes(connection: Connection) -> dict[str, str]:
    """Return code → SKU as staff have mapped them."""
    return {row.code: row.sku for row in connection.execute(select(side.codes.c.code, side.codes.c.sku))}


def naming(connection: Connection) -> Naming:
    """Return the naming as of now."""
    return Naming(products(connection), codes(connection))
