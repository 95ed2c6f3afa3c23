"""A load driver that speaks MQTT 3.1.1 on a raw socket, so that the driver is not what is measured.

Packets are built before the clock starts; up to ``window`` QoS 1 publishes are out at a time, and
PUBACKs are only counted (four bytes each). MQTT 3.1.1, sections 3.1 to 3.4 (OASIS, 2014).
"""

import select
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CONNACK_SIZE: Final = 4
PUBACK_SIZE: Final = 4


def connect(port: int, client_id: str) -> socket.socket:
    """Open a clean MQTT session on loopback and return its socket.

    Raises:
        ConnectionError: the broker refuses.
    """
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = _text("MQTT") + bytes([4, 2]) + struct.pack(">H", 0) + _text(client_id)
    link.sendall(bytes([0x10]) + _length(len(body)) + body)
    answer = link.recv(CONNACK_SIZE)
    if len(answer) != CONNACK_SIZE or answer[3] != 0:
        raise ConnectionError(f"the broker refused the driver: {answer.hex()}")
    return link


def publish_packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """Return a QoS 1 PUBLISH packet."""
    body = _text(topic) + struct.pack(">H", packet_id) + payload
    return bytes([0x32]) + _length(len(body)) + body


def packets(messages: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """Return publish packets for messages, packet ids going round."""
    return [
        publish_packet(topic, payload, 1 + index % 65_535) for index, (topic, payload) in enumerate(messages)
    ]


def firehose(port: int, prepared: Sequence[bytes], *, window: int = 2_000, client_id: str = "driver") -> None:
    """Publish as fast as the broker acknowledges; return when everything is acknowledged."""
    link = connect(port, client_id)
    sent = acknowledged = 0
    rest = b""
    while acknowledged < len(prepared):
        room = window - (sent - acknowledged)
        if room and sent < len(prepared):
            chunk = prepared[sent : sent + min(room, 200)]
            link.sendall(b"".join(chunk))
            sent += len(chunk)
        if sent == len(prepared) or sent - acknowledged >= window or select.select([link], [], [], 0)[0]:
            rest += link.recv(65_536)
            acknowledged += len(rest) // PUBACK_SIZE
            rest = rest[len(rest) // PUBACK_SIZE * PUBACK_SIZE :]
    link.close()


def paced(port: int, prepared: Sequence[bytes], rate: float, *, client_id: str = "driver") -> list[float]:
    """Publish one packet every 1/rate seconds; return when each left (monotonic seconds)."""
    link = connect(port, client_id)
    link.setblocking(True)
    left = []
    started = time.monotonic()
    for index, packet in enumerate(prepared):
        due = started + index / rate
        while (wait := due - time.monotonic()) > 0:
            time.sleep(min(wait, 0.001))
        left.append(time.monotonic())
        link.sendall(packet)
        if select.select([link], [], [], 0)[0]:
            link.recv(65_536)
    link.shutdown(socket.SHUT_WR)
    link.close()
    return left


def save(prepared: Sequence[bytes], file: Path) -> None:
    """Write packets for a driver in a process of its own."""
    with file.open("wb") as sink:
        for packet in prepared:
            sink.write(len(packet).to_bytes(4, "big") + packet)


def main() -> None:
    """Body of the driver's process: MQTT port and packet file; prints when the first packet leaves."""
    content = Path(sys.argv[2]).read_bytes()
    prepared, offset = [], 0
    while offset < len(content):
        size = int.from_bytes(content[offset : offset + 4], "big")
        prepared.append(content[offset + 4 : offset + 4 + size])
        offset += 4 + size
    print(time.monotonic(), flush=True)
    firehose(int(sys.argv[1]), prepared)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)
