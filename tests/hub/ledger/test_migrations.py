"""A ledger of an earlier version opens with what it had, on both databases."""

from importlib import resources

from alembic import command
from alembic.config import Config

from hub.app import LocalHub
from hub.ledger import tag_reads
from hub.ledger.engine import open_engine
from hub.ledger.rebuild import rebuild, snapshot, verify
from hub.services.bindings import Wanted, bind

T0 = 1_790_000_000_000
OLD, NEW = "E2" + "0" * 22, "E2" + "0" * 21 + "1"


def make_0001(database):
    """Make a ledger as version 0.1 made it, with a sale and a binding in it."""
    engine = open_engine(database)
    config = Config()
    config.set_main_option("script_location", str(resources.files("hub.ledger") / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            f"INSERT INTO bindings (epc, sku) VALUES ('{OLD}', 'ring')",
            f"INSERT INTO streams VALUES (1, 's', 'hub', 'hub', 1, 7, 0, 0, 0, {T0}, {T0})",
            f"""INSERT INTO events VALUES (1, 1, 1, 7, 'sale', {T0}, {T0},
            '{{"kind":"sale","at":{T0},"sale_id":"a","line":1,"code":"ring","quantity":2}}')""",
            f"""INSERT INTO movements (position, store, kind, ref, line, code, quantity, at_ms, epcs)
            VALUES (1, 's', 'sold', 'a', 1, 'ring', 2, {T0}, 0)""",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_bindings_and_sales_from_before_the_log_stay(database):
    make_0001(database)
    hub = LocalHub(database, lambda: T0)
    try:
        assert hub.reader.read(lambda c: tag_reads.bound(c, [OLD]))[OLD].sku == "ring"
        assert verify(hub.writer) == []
        hub.writer.run(
            lambda tx: bind(tx, "s", [Wanted("bead", epc=NEW)], way="api", by="", replace=False, now=T0)
        )
        live = hub.writer.run(snapshot)
        assert hub.writer.run(rebuild) == 2
        assert hub.writer.run(snapshot) == live
        assert [(line.sku, line.sold) for line in hub.stock("s").lines] == [("ring", 2)]
    finally:
        hub.close()


def test_people_counted_before_estimates_stand_for_themselves(database):
    make_0001(database)
    engine = open_engine(database)
    with engine.begin() as connection:
        for statement in (
            f"""INSERT INTO events VALUES (2, 2, 1, 7, 'people_counted', {T0}, {T0},
            '{{"kind":"people_counted","at":{T0},"device":"c","line":"door","entered":3,"left":1}}')""",
            f"INSERT INTO streams VALUES (2, 's', 'x1', 'pi-1', 1, 7, 0, 0, 0, {T0}, {T0})",
            f"INSERT INTO footfall VALUES ('s', 'door', {T0 - T0 % 900_000}, 3, 1)",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    hub = LocalHub(database, lambda: T0)
    try:
        assert verify(hub.writer) == []
        [line] = hub.footfall("s").lines
        assert (line.entered, line.left, line.estimated_entered, line.estimated_left) == (3, 1, 3.0, 1.0)
    finally:
        hub.close()


def test_where_items_arrived_and_moved_before_there_was_a_table_of_it(database):
    make_0001(database)
    engine = open_engine(database)
    bodies = (
        ("tag_arrived", f'{{"kind":"tag_arrived","at":{T0},"device":"r","epc":"{OLD}","zone":"a"}}'),
        (
            "tag_moved",
            f'{{"kind":"tag_moved","at":{T0 + 5},"device":"r","epc":"{OLD}","zone":"b","from_zone":"a"}}',
        ),
        ("parked", ""),
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO streams VALUES (2, 's', 'pi-1', 'x1', 3, 7, 0, 0, 0, {T0}, {T0})"
        )
        for seq, (kind, body) in enumerate(bodies, 1):
            connection.exec_driver_sql(
                f"INSERT INTO events VALUES ({seq + 1}, 2, {seq}, 7, '{kind}', {T0}, {T0}, '{body}')"
            )
    engine.dispose()
    hub = LocalHub(database, lambda: T0)
    try:
        live = hub.writer.run(snapshot)
        assert live["placements"] == {("s", "x1", 1, OLD, "a", T0), ("s", "x1", 2, OLD, "b", T0 + 5)}
        hub.writer.run(rebuild)
        rebuilt = hub.writer.run(snapshot)
        assert rebuilt["placements"] == live["placements"]
        assert rebuilt["fitting_trials"] == live["fitting_trials"] == set()
    finally:
        hub.close()
