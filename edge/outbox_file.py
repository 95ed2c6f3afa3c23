"""The outbox's file: opened, checked, made; and its transactions.

SQLite in WAL mode with ``synchronous=FULL``. A damaged file is set aside, never repaired in place: what
is left of it is for a person to look at, and a new stream begins.
"""

import logging
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from contract.errors import ConfigError, LinkError

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
SCHEMA: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value)",
    "CREATE TABLE rows (seq INTEGER PRIMARY KEY, line BLOB NOT NULL, digest INTEGER NOT NULL, telemetry INTEGER NOT NULL)",
    "CREATE TABLE lost (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE checkpoints (stage TEXT PRIMARY KEY, state BLOB NOT NULL)",
    (
        "CREATE TABLE dead_letters (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, device TEXT NOT NULL, reason TEXT NOT NULL,"
        " raw BLOB NOT NULL, detail TEXT NOT NULL)"
    ),
    "CREATE TABLE commands (command_id TEXT PRIMARY KEY, at INTEGER NOT NULL)",
)


def open_file(path: Path) -> tuple[sqlite3.Connection, str]:
    """Open the outbox's file, make it when it is missing, set it aside when it is damaged.

    Returns:
        The connection, and what had to be done about a damaged file (empty for nothing).

    Raises:
        ConfigError: the file cannot be opened, or a newer Shelfwise wrote it.
    """
    recovered = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not _is_sound(path):
            recovered = _set_aside(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            _make_schema(connection)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"outbox {path} cannot be opened: {error}; expected a writable file") from error
    if version > SCHEMA_VERSION:
        connection.close()
        raise ConfigError(
            f"outbox {path} was written by a newer Shelfwise (schema {version}, this one knows {SCHEMA_VERSION})"
        )
    return connection, recovered


class Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK; SQLite's errors become LinkError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise LinkError(f"outbox cannot be written: {error}") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as failure:
            error = failure
        if error is not None and self._connection.in_transaction:
            # SQLite itself has already rolled back after some errors, a full disk among them.
            self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise LinkError(f"outbox cannot be written: {error}") from error


def _set_aside(path: Path) -> str:
    aside = path.with_suffix(f".damaged-{secrets.token_hex(4)}")
    path.rename(aside)
    for tail in ("-wal", "-shm"):
        Path(f"{path}{tail}").unlink(missing_ok=True)
    log.error("event=outbox_damaged file=%s kept_as=%s", path, aside.name)
    return f"outbox file was damaged and is set aside as {aside.name}; a new stream begins"


def _is_sound(path: Path) -> bool:
    """False for a file that is no database or a malformed one; a busy or unreadable one is not damaged."""
    try:
        connection = sqlite3.connect(path)
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        finally:
            connection.close()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return False


def _make_schema(connection: sqlite3.Connection) -> None:
    with Transaction(connection):
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
