"""Engines for SQLite and PostgreSQL, and the migration that opens a ledger.

SQLite runs in WAL mode with ``synchronous=FULL``; transactions begin with BEGIN IMMEDIATE on the
writer and are plain snapshots on readers (the driver's own transaction guessing is switched off).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from contract.errors import ConfigError, LedgerError
from hub.addresses import HIDDEN, redact


class UnavailableError(LedgerError):
    """The database cannot be written right now, whatever the content; trying again makes sense."""


_WRITER_LOCK: Final = 0x5368656C66776973
"""Key of PostgreSQL's advisory lock ("Shelfwis"); such keys are per database."""

_DRIVERS: Final = {
    "sqlite": ("sqlite+pysqlite", "sqlite+aiosqlite"),
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
}


def parse_url(database: str) -> URL:
    """Read a database setting: a file path, ``sqlite:///path`` or ``postgresql://…``.

    Raises:
        ConfigError: it is none of these.
    """
    text = database if "://" in database else f"sqlite:///{database}"
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            f"database {redact(database)!r} is neither a file path nor a database URL"
        ) from error
    if url.get_backend_name() not in _DRIVERS:
        raise ConfigError(f"database {url.get_backend_name()!r} is not supported; use sqlite or postgresql")
    return url


def open_engine(database: str) -> Engine:
    """Return the writer's engine: one connection, used by one thread at a time.

    On PostgreSQL that connection holds an advisory lock, also after it had to be made anew; a second
    writer's first use raises UnavailableError.
    """
    url = parse_url(database)
    backend = url.get_backend_name()
    url = url.set(drivername=_DRIVERS[backend][0])
    if backend != "sqlite":
        engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        _lock_postgresql(engine)
        return engine
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False})
    _prepare_sqlite(engine, "BEGIN IMMEDIATE")
    return engine


def open_read_engine(database: str, *, threads: int = 0) -> Engine:
    """Return a synchronous engine for reads: a connection per use, or kept ones for so many threads."""
    url = parse_url(database)
    backend = url.get_backend_name()
    options: dict[str, Any] = {} if backend == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    if threads:
        options |= {"pool_size": threads, "max_overflow": 0, "pool_pre_ping": backend != "sqlite"}
        if backend == "sqlite":
            options["connect_args"] = {"check_same_thread": False}
    else:
        options["poolclass"] = NullPool
    engine = create_engine(url.set(drivername=_DRIVERS[backend][0]), **options)
    if backend == "sqlite":
        _prepare_sqlite(engine, "BEGIN")
    return engine


def open_async_engine(database: str) -> AsyncEngine:
    """Return the engine of the API's reads."""
    url = parse_url(database)
    backend = url.get_backend_name()
    options: dict[str, Any] = (
        {} if backend == "sqlite" else {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
    )
    engine = create_async_engine(
        url.set(drivername=_DRIVERS[backend][1]), pool_size=4, max_overflow=4, **options
    )
    if backend == "sqlite":
        _prepare_sqlite(engine.sync_engine, "BEGIN")
    return engine


def _lock_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            (taken,) = cursor.execute("SELECT pg_try_advisory_lock(%s)", (_WRITER_LOCK,)).fetchone()
        connection.commit()
        if not taken:
            connection.close()
            raise UnavailableError("the database is in use by another hub; stop it, or use its API")


def _prepare_sqlite(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "cache_size=-65536",
            "busy_timeout=10000",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)


def migrate(engine: Engine) -> None:
    """Bring the schema to this program's version; a new database gets all of it.

    Raises:
        LedgerError: the database is newer than this program, or cannot be opened.
    """
    config = Config()
    config.set_main_option(
        "script_location", os.fspath(str(resources.files("hub.ledger") / "migrations")).replace("%", "%%")
    )
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    try:
        with engine.begin() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise LedgerError(
                    f"the database has schema version {current!r}, which this version of Shelfwise does not know; "
                    "run the newer version that wrote it"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        text = first_line(error)
        if engine.url.password:
            text = text.replace(str(engine.url.password), HIDDEN)
        raise LedgerError(f"the database cannot be opened: {text}") from error


@contextmanager
def hold_database(database: str) -> Iterator[None]:
    """Be the one program that writes to this database while the block runs.

    SQLite files have a lock file beside them; on PostgreSQL the writer's own connection holds a lock
    (see :func:`open_engine`).

    Raises:
        LedgerError: another program holds it.
    """
    url = parse_url(database)
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    path = f"{url.database}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LedgerError(f"the database {url.database} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise LedgerError(
            f"the database {url.database} is in use by a running hub; stop it, or use its API"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def first_line(error: Exception) -> str:
    """Return the first line of a database error, which names the cause without the statement."""
    return str(error).partition("\n")[0]
