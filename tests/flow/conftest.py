"""Whole stores for the flow tests: real programs, a real broker, a real database."""

import sqlite3
import time

import pytest

from cli.store import LocalStore


@pytest.fixture
def open_store(tmp_path):
    """Return a function that makes a LocalStore whose programs end with the test."""
    stores = []

    def make(scenario="busy"):
        store = LocalStore(tmp_path / f"store-{len(stores)}", scenario)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.client.close()
        for child in reversed(store.family.children.values()):
            child.stop()


@pytest.fixture
def until():
    """Wait until a question is answered with yes; fail with its last answer."""

    def wait(ask, within_s=30.0, every_s=0.2):
        deadline = time.monotonic() + within_s
        while True:
            answer = ask()
            if answer:
                return answer
            assert time.monotonic() < deadline, f"still {answer!r} after {within_s} s"
            time.sleep(every_s)

    return wait


@pytest.fixture
def ledger():
    """Ask the hub's database file, from outside and read-only."""

    def ask(store, sql, *args):
        connection = sqlite3.connect(f"file:{store.folder / 'hub.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql, args).fetchall()
        finally:
            connection.close()

    return ask


@pytest.fixture
def outbox():
    """Ask the edge's outbox file, from outside and read-only."""

    def ask(store, sql, *args):
        connection = sqlite3.connect(f"file:{store.folder / 'outbox.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql, args).fetchall()
        finally:
            connection.close()

    return ask
