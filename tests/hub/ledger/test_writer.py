"""The writer under faults: jobs that fail, a disk that is full, a second writer, a newer database."""

import sqlite3

import pytest
from sqlalchemy.exc import DataError, OperationalError

from contract.errors import LedgerError, ShelfwiseError
from contract.topics import StreamAddress
from hub.app import LocalHub
from hub.ledger.engine import UnavailableError, hold_database, migrate, open_engine
from hub.ledger.writer import Transaction, Writer
from hub.ledger.writer_thread import WriterThread

ADDRESS = StreamAddress("s", "a", "x")


@pytest.fixture
def thread(database):
    engine = open_engine(database)
    migrate(engine)
    thread = WriterThread(Writer(engine))
    thread.start()
    yield thread
    thread.stop()
    engine.dispose()


def open_stream(transaction):
    return transaction.stream(ADDRESS, 1).id


def count_streams(transaction):
    return transaction.connection.exec_driver_sql("SELECT count(*) FROM streams").scalar()


def test_a_job_that_fails_leaves_no_trace_and_takes_no_other_down(thread):
    def refuse(transaction):
        open_stream(transaction)
        raise ShelfwiseError("no")

    def break_sql(transaction):
        transaction.connection.exec_driver_sql("SELECT nonsense FROM nowhere")

    failing, broken, good = (thread.submit(job) for job in (refuse, break_sql, open_stream))
    with pytest.raises(ShelfwiseError, match=r"^no$"):
        failing.result(10)
    with pytest.raises(LedgerError, match="the database refused"):
        broken.result(10)
    assert good.result(10) == 1
    assert thread.submit(count_streams).result(10) == 1


def test_a_database_that_fails_is_noticed_and_noticed_to_recover(thread):
    def full(_transaction):
        raise OperationalError("INSERT", (), sqlite3.OperationalError("database or disk is full"))

    with pytest.raises(UnavailableError, match="database or disk is full"):
        thread.submit(full).result(10)
    assert "database or disk is full" in thread.failing
    thread.submit(Transaction.touch).result(10)
    assert thread.failing is None


def test_content_the_database_refuses_is_no_failing_database(thread):
    def bad(_transaction):
        raise DataError("INSERT", (), ValueError("out of range"))

    with pytest.raises(LedgerError) as caught:
        thread.submit(bad).result(10)
    assert not isinstance(caught.value, UnavailableError)
    assert thread.failing is None


def test_a_disk_that_is_really_full_fails_the_probe_and_recovers(tmp_path):
    engine = open_engine(str(tmp_path / "hub.db"))
    migrate(engine)
    thread = WriterThread(Writer(engine))
    thread.start()
    try:

        def fill(transaction):
            pages = transaction.connection.exec_driver_sql("PRAGMA page_count").scalar()
            transaction.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        def grow(transaction):
            transaction.connection.exec_driver_sql("CREATE TABLE filler (a TEXT)")

        thread.submit(fill).result(10)
        with pytest.raises(UnavailableError, match="full"):
            thread.submit(grow).result(10)
        assert "full" in thread.failing
        thread.submit(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=100000") and None)
        thread.submit(grow).result(10)
        assert thread.failing is None
    finally:
        thread.stop()
        engine.dispose()


def test_a_probe_changes_nothing(thread):
    version = thread.submit(
        lambda tx: tx.connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
    ).result(10)
    thread.submit(Transaction.touch).result(10)
    assert (
        thread.submit(
            lambda tx: tx.connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
        ).result(10)
        == version
    )


def test_a_stopped_writer_refuses(thread):
    thread.stop()
    with pytest.raises(UnavailableError, match="closing"):
        thread.submit(open_stream)


def test_a_newer_database_is_refused_and_left_alone(database):
    hub = LocalHub(database, lambda: 1)
    hub.writer.run(
        lambda tx: tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'") and None
    )
    hub.close()
    with pytest.raises(LedgerError, match="schema version '9999', which this version of Shelfwise does not"):
        LocalHub(database, lambda: 1)


def test_only_one_writer_at_a_time_on_postgresql(postgresql_cluster):
    database = postgresql_cluster.new_database()
    first = LocalHub(database, lambda: 1)
    with pytest.raises(UnavailableError, match="in use by another hub"):
        LocalHub(database, lambda: 1)
    first.close()
    LocalHub(database, lambda: 1).close()


def test_a_postgresql_writer_that_lost_its_connection_takes_the_lock_again(postgresql_cluster):
    database = postgresql_cluster.new_database()
    first = LocalHub(database, lambda: 1)
    assert first.writer.run(open_stream) == 1
    with pytest.raises(UnavailableError):
        first.writer.run(
            lambda tx: tx.connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        )
    assert first.writer.run(count_streams) == 1
    with pytest.raises(UnavailableError, match="in use by another hub"):
        LocalHub(database, lambda: 1)
    first.close()


def test_only_one_program_at_a_time_on_an_sqlite_file(tmp_path):
    with (
        hold_database(str(tmp_path / "hub.db")),
        pytest.raises(LedgerError, match="is in use by a running hub; stop it, or use its API"),
        hold_database(str(tmp_path / "hub.db")),
    ):
        pass


@pytest.mark.parametrize("count", [1, 249, 250, 251, 1000])
def test_runs_of_every_length_are_stored_whole(hub, edge, arrived, count):
    for start in range(0, count, 500):
        edge.send(*(arrived(n) for n in range(start, min(count, start + 500))))
    assert (
        hub.writer.run(lambda tx: tx.connection.exec_driver_sql("SELECT count(*) FROM events").scalar())
        == count
    )
    assert hub.verify() == []
