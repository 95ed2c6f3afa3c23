"""MQTT topics and NATS subjects, built and parsed in one place.

=================================================  ==========  ===  ======  ==========================
topic                                              direction   QoS  retain  payload
=================================================  ==========  ===  ======  ==========================
``shelfwise/v1/STORE/AGENT/STREAM/observations``   edge → hub  1    no      envelope
``shelfwise/v1/STORE/AGENT/STREAM/hello``          edge → hub  1    no      Hello
``shelfwise/v1/STORE/AGENT/STREAM/receipt``        hub → edge  1    no      Receipt
``shelfwise/v1/STORE/AGENT/command``               hub → edge  1    no      Command
``shelfwise/v1/STORE/AGENT/result``                edge → hub  1    no      CommandResult
=================================================  ==========  ===  ======  ==========================

Nothing is retained: a receipt or a command from yesterday must not meet a new session. The NATS
server maps ``/`` to ``.``; ids never contain either (see :mod:`contract.ids`).
"""

from typing import Final, Literal, NamedTuple

from contract.errors import MessageError
from contract.ids import AgentId, StoreId, StreamId, parse_slug

ROOT: Final = "shelfwise/v1"
QOS: Final = 1

StreamLeaf = Literal["observations", "hello", "receipt"]
AgentLeaf = Literal["command", "result"]


class StreamAddress(NamedTuple):
    """Whose stream a message belongs to."""

    store: StoreId
    agent: AgentId
    stream: StreamId


def stream_topic(address: StreamAddress, leaf: StreamLeaf) -> str:
    """Return the topic of one stream's observations, hello or receipt."""
    return f"{ROOT}/{address.store}/{address.agent}/{address.stream}/{leaf}"


def agent_topic(store: str, agent: str, leaf: AgentLeaf) -> str:
    """Return the topic of an agent's commands or results."""
    return f"{ROOT}/{store}/{agent}/{leaf}"


def stream_filter(leaf: StreamLeaf) -> str:
    """Return the MQTT filter that the hub subscribes to for every stream."""
    return f"{ROOT}/+/+/+/{leaf}"


def to_subject(topic: str) -> str:
    """Map an MQTT topic or filter to a NATS subject."""
    return topic.replace("/", ".").replace("+", "*").replace("#", ">")


def to_topic(subject: str) -> str:
    """Map a NATS subject to an MQTT topic."""
    return subject.replace(".", "/")


def parse_stream_topic(topic: str) -> tuple[StreamAddress, str]:
    """Return address and leaf of a stream topic.

    Raises:
        MessageError: ``bad_topic`` for another shape, ``bad_id`` for a level that is no id.
    """
    levels = topic.split("/")
    if len(levels) != 6 or f"{levels[0]}/{levels[1]}" != ROOT:
        raise MessageError("bad_topic", f"topic {topic!r} is not {ROOT}/STORE/AGENT/STREAM/LEAF")
    store, agent, stream = (
        parse_slug(kind, level) for kind, level in zip(("store", "agent", "stream"), levels[2:5], strict=True)
    )
    return StreamAddress(StoreId(store), AgentId(agent), StreamId(stream)), levels[5]
