"""``shelfwise gate`` against a running hub on a real port."""

import asyncio
import contextlib
import socket
import threading

import pytest
import uvicorn
from typer.testing import CliRunner

from cli.main import build
from contract.messages import GateBatch, GatePassage, encode_envelope, encode_observation
from hub.app import RunningHub
from hub.config import HubSettings
from hub.ingest.source import Backlog
from hub.services.record import record

T0 = 1_790_000_000_000


class NoBroker:
    connected = True
    backlog = Backlog(0, 0.0, 0)

    async def publish(self, topic, payload):
        pass

    async def open(self):
        pass

    async def close(self):
        pass

    async def next_batch(self):
        await asyncio.Event().wait()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        yield


def epc(number):
    return f"E2{number:022X}"


@pytest.fixture
def hub_url(tmp_path):
    """A hub on a port of its own, to which a gate has told of one batch."""
    (tmp_path / "store.toml").write_text('[store]\nid = "popup-1"\n')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready, done = threading.Event(), threading.Event()

    async def serve():
        settings = HubSettings(
            database=str(tmp_path / "hub.db"), stores=(str(tmp_path / "store.toml"),), replan_minutes=0
        )
        hub = RunningHub(settings, lambda: T0, NoBroker())
        await hub.start()
        passages = tuple(GatePassage(epc=epc(n), direction="in", probability=1.0) for n in (1, 2))
        told = GateBatch(
            at=T0, device="r-1", batch_id="b-1", gate="gate-1", started_at=T0 - 9, passages=passages, undecided=(epc(3),)
        )  # fmt: skip
        payload = encode_envelope(1, [encode_observation(told)], sent_at=T0)
        topic = "shelfwise/v1/popup-1/pi-1/x1/observations"
        await asyncio.wrap_future(hub.writer.submit(lambda tx: record(tx, [(topic, payload)], T0)))
        server = _Server(
            uvicorn.Config(hub.application, port=port, log_config=None, lifespan="off", access_log=False)
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        ready.set()
        await asyncio.to_thread(done.wait)
        server.should_exit = True
        hub.quiet()
        await serving
        await hub.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{port}"
    done.set()
    thread.join(20)


@pytest.fixture
def run(hub_url):
    def call(*words, store=("--store", "popup-1")):
        return CliRunner().invoke(build("gate"), ["gate", *words, *store, "--hub-url", hub_url])

    return call


def test_announce_look_and_confirm(run, tmp_path):
    file = tmp_path / "asn.csv"
    file.write_text(f"notice_id,epc,sku,quantity\nasn-1,{epc(1)},,\nasn-1,,ring,4\n")
    expect = ("expect", str(file), "--gate", "gate-1")
    assert run(*expect).output == "1 notices recorded, 0 known already\n"
    assert run(*expect).output == "0 notices recorded, 1 known already\n"
    listed = run("batches").output
    assert "b-1  2026-09-21T14:13:20+00:00  gate-1 in  waiting  against asn-1" in listed
    assert "expected 1  missing 4  unexpected 1  undecided 1" in listed
    shown = run("show", "b-1").output.splitlines()
    assert shown[1:] == [
        f"  expected  {epc(1)}",
        "  missing  4 × ring",
        f"  unexpected  {epc(2)}",
        f"  undecided  {epc(3)}",
    ]
    refused = run("confirm", "b-1", "--by", "li")
    assert "2 EPCs are unexpected or undecided" in str(refused.exception)
    confirm = ("confirm", "b-1", "--by", "li", "--accept", epc(3).lower(), "--reject-all")
    assert run(*confirm).output.splitlines() == [
        "b-1 is confirmed: 2 units received as gate:b-1",
        "notice asn-1 is open",
    ]
    assert "b-1 was confirmed already: 2 units received" in run(*confirm).output
    assert run("notices").output == "asn-1  gate-1 in  open  4 of 5 open\n"
    assert run("close", "asn-1", "--by", "li").output == "asn-1 is closed; 4 of 5 had not come\n"
    assert run("notices", "--state", "open").output == "nothing was announced\n"
    assert '"batch_id": "b-1"' in run("batches", "--json").output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "b-9"), "no gate has told of a batch 'b-9' in store 'popup-1'"),
        (("show", "B 9"), "batch id 'B 9' is not allowed"),
        (("close", "nine"), "notice 'nine' is not known in store 'popup-1'"),
        (("confirm", "b-1", "--by", "li", "--accept", "zz"), "--accept: EPC 'zz' is not hex"),
        (("expect", "/nowhere/asn.csv"), "/nowhere/asn.csv: cannot be read: No such file"),
    ],
)
def test_errors_are_one_sentence(run, words, sentence):
    assert sentence in str(run(*words).exception)


def test_a_bad_file_names_line_and_column(run, tmp_path):
    file = tmp_path / "asn.csv"
    file.write_text("notice_id,epc\nasn-1,zz\n")
    assert str(run("expect", str(file), "--gate", "gate-1").exception) == (
        "asn.csv line 2, column 'epc': 'zz' is not an EPC in hex of whole 16-bit words"
    )


def test_a_hub_that_is_not_there():
    for url, sentence in (("http://127.0.0.1:1", "does not answer"), ("hub", "does not start with http://")):
        words = ["gate", "batches", "--store", "popup-1", "--hub-url", url]
        assert sentence in str(CliRunner().invoke(build("gate"), words).exception)
