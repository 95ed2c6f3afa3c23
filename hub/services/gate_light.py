"""Light a gate's stack light: ``ok`` when all that came through was expected, ``doubt`` otherwise.

The verdict is there in the transaction that stores the batch; the commands are queued in the same one. A light
speaks of the gate's newest batch only, and of nothing that happened long ago: an edge that was cut off tells its
batches late, to people who see other goods in the gate.
"""

from collections.abc import Sequence
from typing import Final

from contract.messages import GateBatch, SetOutput
from contract.topics import StreamAddress
from hub.ledger import catalogue, gate_reads
from hub.ledger.writer import Transaction
from hub.model import Gate
from hub.services.commands import CommandOrder, queue
from hub.services.sell import ConflictError

LATE_MS: Final = 60_000
EXPIRES_MS: Final = 30_000


def signal(transaction: Transaction, told: Sequence[tuple[StreamAddress, GateBatch]], now: int) -> None:
    """Queue commands for the lights of gates that told of a batch; to be called after it was stored."""
    for (store, gate), (address, event) in {
        (address.store, event.gate): (address, event) for address, event in told
    }.items():
        config = next(
            (one for one in catalogue.gates(transaction.connection, store) if one.gate == gate), None
        )
        if config is None or config.device is None:
            continue
        row = next(
            iter(gate_reads.verdict_rows(transaction.connection, store, gate=gate, before=None, limit=1)),
            None,
        )
        if row is None or row.batch_id != event.batch_id or row.state != "waiting":
            continue
        if row.light != "empty" and (event.suspect or now - event.at <= LATE_MS):
            switch(transaction, address, config, row.light, now)


def switch(transaction: Transaction, address: StreamAddress, gate: Gate, light: str, now: int) -> None:
    """Queue what switches a gate's outputs so that they show one light, or none for an empty word."""
    assert gate.device is not None
    for word, port in (("ok", gate.ok_output), ("doubt", gate.doubt_output)):
        if port is None:
            continue
        order = CommandOrder(
            store=address.store,
            agent=address.agent,
            device=gate.device,
            action=SetOutput(port=port, on=word == light),
            expires_ms=now + EXPIRES_MS,
            by="gate",
        )
        try:
            queue(transaction, order, now)
        except ConflictError:
            # The agent has as many open commands as it may have; the light of a later batch is tried again.
            return
