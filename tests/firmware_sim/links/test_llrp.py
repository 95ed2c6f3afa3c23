"""The simulated LLRP reader under llrpkit's own client: what the emulator under it gets wrong is mended."""

import asyncio
import time

import pytest
from llrpkit.client import LLRPClient, check_status
from llrpkit.exceptions import LLRPConnectionError, LLRPStatusError, LLRPTimeoutError
from llrpkit.inventory import TagReport, build_rospec
from llrpkit.protocol import enums, messages, params

from contract.errors import LinkError
from firmware_sim.devices.llrp import QUEUE_REPORTS, LlrpTwin, SteadyTags
from firmware_sim.links.llrp import LlrpLink
from firmware_sim.model import Sighting


@pytest.fixture
def twin():
    return LlrpTwin()


@pytest.fixture
def link(twin):
    with LlrpLink(twin, feed=SteadyTags(400, tags=12).seen) as running:
        yield running


def played(link, script):
    async def run():
        async with LLRPClient("127.0.0.1", link.port) as client:
            return await script(client)

    return asyncio.run(run())


def immediate(**changes):
    spec = build_rospec(**changes)
    trigger = spec.ro_boundary_spec.ro_spec_start_trigger
    trigger.ro_spec_start_trigger_type = enums.ROSpecStartTriggerType.Immediate
    return spec


async def taken(client, count):
    return [tag for _ in range(count) for tag in (await client.reports.get()).tag_report_datas]


async def ok(client, message):
    return check_status(await client.transact(message))


def test_an_immediate_rospec_starts_when_it_is_enabled(link, twin):
    async def script(client):
        await ok(client, messages.ADD_ROSPEC(ro_spec=immediate()))
        assert not twin.transmitting
        await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=1))
        assert twin.transmitting
        return await taken(client, 50)

    tags = played(link, script)
    assert {TagReport.from_param(tag).epc_hex.upper() for tag in tags} == {f"E2{n:022X}" for n in range(12)}


def test_rospec_zero_means_all_and_an_active_one_may_be_disabled(link, twin):
    async def script(client):
        await ok(client, messages.DELETE_ROSPEC(ro_spec_id=0))
        for number in (1, 2):
            await ok(client, messages.ADD_ROSPEC(ro_spec=build_rospec(ro_spec_id=number)))
        await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=0))
        await ok(client, messages.START_ROSPEC(ro_spec_id=2))
        assert twin.transmitting
        await ok(client, messages.DISABLE_ROSPEC(ro_spec_id=2))
        assert not twin.transmitting
        await ok(client, messages.DELETE_ROSPEC(ro_spec_id=0))
        with pytest.raises(LLRPStatusError):
            await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=2))

    played(link, script)


def test_events_and_reports_are_enabled_without_an_answer(link):
    async def script(client):
        with pytest.raises(LLRPTimeoutError):
            await client.transact(messages.ENABLE_EVENTS_AND_REPORTS(), timeout=0.3)

    played(link, script)


@pytest.mark.parametrize("size", [1, 7])
def test_as_many_tags_in_a_report_as_were_asked_for(link, size):
    async def script(client):
        await ok(client, messages.ADD_ROSPEC(ro_spec=immediate(report_every_n=size)))
        await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=1))
        return [len((await client.reports.get()).tag_report_datas) for _ in range(5)]

    assert played(link, script) == [size] * 5


def test_finer_values_come_only_where_they_were_asked_for(link):
    async def script(client):
        await ok(client, messages.ADD_ROSPEC(ro_spec=immediate()))
        await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=1))
        return await taken(client, 3)

    assert all(not tag.custom for tag in played(link, script))


def test_a_second_client_is_refused(link):
    async def script(client):
        with pytest.raises(LLRPConnectionError, match="Client_Initiated_Connection_Already_Exists"):
            async with LLRPClient("127.0.0.1", link.port):
                pass
        return client.connected

    assert played(link, script)
    assert link.refused == 1
    assert played(link, lambda client: asyncio.sleep(0, True)), "and served when the first has left"


def test_keep_alives_come_and_are_lost_on_demand(link, twin):
    async def script(client):
        await client.transact(
            messages.SET_READER_CONFIG(
                keepalive_spec=params.KeepaliveSpec(
                    keepalive_trigger_type=enums.KeepaliveTriggerType.Periodic, periodic_trigger_value=50
                )
            )
        )
        await asyncio.sleep(0.5)
        came = link._reader.keepalive_acks
        twin.faults.keep_alives_lost = True
        await asyncio.sleep(0.1)
        quiet = link._reader.keepalive_acks
        await asyncio.sleep(0.3)
        return came, link._reader.keepalive_acks - quiet

    came, after = played(link, script)
    assert came >= 3
    assert after == 0


def test_a_restarted_reader_is_back_on_its_port_without_rospecs(link, twin):
    async def script(client):
        await ok(client, messages.ADD_ROSPEC(ro_spec=immediate()))
        await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=1))
        await taken(client, 1)
        await asyncio.to_thread(link.restart)

    port = link.port
    played(link, script)
    assert link.port == port
    assert not twin.transmitting
    answer = played(link, lambda client: client.transact(messages.GET_ROSPECS()))
    assert answer.ro_specs == []


def test_what_was_kept_while_nobody_was_connected_comes_first(twin):
    twin.faults.buffers = True
    begun = time.time_ns() // 1_000_000
    with LlrpLink(twin, feed=SteadyTags(400, tags=12).seen) as link:

        async def leave_it_running(client):
            await ok(client, messages.ADD_ROSPEC(ro_spec=immediate()))
            await ok(client, messages.ENABLE_ROSPEC(ro_spec_id=1))
            client._closing = True  # no goodbye

        played(link, leave_it_running)
        time.sleep(1.0)
        connected_us = time.time_ns() // 1_000
        tags = played(link, lambda client: taken(client, 200))
    seen_us = [tag.first_seen_timestamp_utc.microseconds for tag in tags]
    assert seen_us == sorted(seen_us)
    assert begun * 1_000 <= seen_us[0] < connected_us - 500_000


def test_a_port_that_is_taken_is_told(link):
    with pytest.raises(LinkError, match="cannot listen"):
        LlrpLink(LlrpTwin(), port=link.port).start()
    with pytest.raises(LinkError, match="runs already"):
        link.start()


def test_the_twin_sees_only_while_it_transmits_and_on_those_antennas(twin):
    seen = [Sighting(epc="E280", antenna=antenna, rssi_dbm=-60.0) for antenna in (1, 2, 3)]
    twin.see(seen, 0)
    twin.transmit((2, 3))
    twin.see(seen, 5)
    assert [[tag.antenna for tag in group] for group in twin.take(2)] == [[2, 3]]
    twin.transmit((0,))
    twin.see(seen, 5)
    assert [len(group) for group in twin.take(2)] == [2]
    assert [len(group) for group in twin.take(1)] == [1]


def test_the_twin_keeps_a_bounded_number_of_reports(twin):
    twin.transmit((0,))
    for now in range(30):
        twin.see([Sighting(epc="E280", antenna=1, rssi_dbm=-60.0)] * 1_000, now)
    assert twin.dropped_reports == 30_000 - QUEUE_REPORTS
    assert len(twin.take(1)) == QUEUE_REPORTS


def test_steady_tags_keep_their_rate():
    steady = SteadyTags(333.0, tags=5, antennas=2)
    assert sum(len(steady.seen(now)) for now in range(0, 10_001, 7)) == pytest.approx(3_330, abs=3)
