"""``shelfwise bench codecs``: frames per second of each codec, beside a bare loop over the same bytes.

The codec is fed as a line feeds it, in chunks; the bare loop (:mod:`cli.bench.bare`) gets the whole
stream at once and believes it. Both run in turn in the same process, several rounds; the median of the
rounds' ratios is reported, so a machine that slows down slows both. Payload protocols are measured per
payload.
"""

import json
import statistics
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cli.bench import bare
from cli.drivers.conformance import build
from contract.gtin import gtin_check_digit
from contract.wire import (
    and_scale,
    barcode,
    chafon,
    hx711,
    impinj_json,
    kern,
    llrp,
    m6e,
    m6e_tags,
    m100,
    milesight_json,
    milesight_lora,
    modbus_rtu,
    mt_sics,
    ohaus,
    openepaperlink,
    r2000,
    roode,
    terabee,
    xovis_json,
    zebra_json,
)
from contract.wire.base import Codec, Reject
from edge.driver import StreamDriver
from edge.drivers import drivers

CHUNK: Final = 512
TARGET: Final = 0.5
FRAMES: Final = 4_000
ROUNDS: Final = 7


class Course(NamedTuple):
    """What is measured of one protocol.

    Attributes:
        frames: different whole frames, sent round and round.
        codec: returns how many frames it finds in a stream.
        bare: likewise, the yardstick.
    """

    frames: list[bytes]
    codec: Callable[[bytes], int]
    bare: bare.Bare


def _stream(name: str) -> Callable[[bytes], int]:
    driver = build(drivers()[name])
    assert isinstance(driver, StreamDriver)

    def run(stream: bytes) -> int:
        return drain(driver.fresh_codec(), stream)

    return run


def drain(codec: Codec[Any], stream: bytes) -> int:
    """Feed a stream in chunks and return how many frames were found.

    Raises:
        BareError: bytes were refused; the benchmark's own frames are at fault.
    """
    found = 0
    for at in range(0, len(stream), CHUNK):
        codec.feed(stream[at : at + CHUNK])
        while (item := codec.next_frame()) is not None:
            if isinstance(item, Reject):
                raise bare.BareError(item.detail)
            found += 1
    return found


def _payloads(parse: Callable[[bytes], list[Any]]) -> Callable[[bytes], int]:
    def run(stream: bytes) -> int:
        found = 0
        for payload in stream.split(b"\n"):
            if payload:
                for frame in parse(payload):
                    if isinstance(frame, Reject):
                        raise bare.BareError(payload)
                found += 1
        return found

    return run


def _epcs(count: int = 40) -> Iterator[bytes]:
    for number in range(count):
        yield bytes.fromhex(f"E28011606000020{number:09d}")


def courses() -> dict[str, Course]:
    """Return every course by protocol name."""
    gram = [round(7.3 * number, 2) for number in range(1, 40)]
    tags = list(_epcs())
    record = drivers()["m6e"].examples[0]
    return {
        "m100": Course(
            [m100.encode(m100.TagNotification(-55, m100.pc_word(epc), epc)) for epc in tags],
            _stream("m100"),
            bare.m100,
        ),
        "m6e": Course(_m6e_records(record, tags), _stream("m6e"), bare.m6e),
        "r2000": Course(
            [
                r2000.encode(r2000.TagReport(0x89, channel=29, antenna=1, pc=0x3000, epc=epc, rssi_dbm=-60))
                for epc in tags
            ],
            _stream("r2000"),
            bare.r2000,
        ),
        "chafon18": Course(
            [chafon.encode(chafon.TagList(3, (chafon.Tag(epc),))) for epc in tags],
            _stream("chafon18"),
            bare.chafon18,
        ),
        "chafon288": Course(
            [chafon.encode(chafon.TagList(3, (chafon.Tag(epc, 107),), 1)) for epc in tags],
            _stream("chafon288"),
            bare.chafon288,
        ),
        "terabee": Course(
            [terabee.encode(terabee.Count(number + 3, number, 3)) for number in range(40)],
            _stream("terabee"),
            bare.terabee,
        ),
        "modbus-counter": Course(
            [
                modbus_rtu.encode(modbus_rtu.Response(1, 3, (0, number, 0, number + 3)))
                for number in range(40)
            ],
            _stream("modbus_counter"),
            bare.modbus,
        ),
        "mt-sics": Course([mt_sics.weight_line(weight) for weight in gram], _stream("mt_sics"), bare.mt_sics),
        "and-scale": Course(
            [and_scale.standard_line(weight) for weight in gram], _stream("and_scale"), bare.and_scale
        ),
        "ohaus": Course([ohaus.weight_line(weight) for weight in gram], _stream("ohaus"), bare.ohaus),
        "kern": Course([kern.short_line(weight) for weight in gram], _stream("kern"), bare.kern),
        "hx711": Course(
            [hx711.weight_line(weight, label="Load_cell output val: ") for weight in gram],
            _stream("hx711"),
            bare.hx711,
        ),
        "barcode": Course(
            [barcode.scan_line(_ean(number), symbology="E0") for number in range(40)],
            _stream("barcode"),
            bare.barcode,
        ),
        "llrp": Course([_llrp(epc, number) for number, epc in enumerate(tags)], _reports, bare.llrp),
        "r700": Course([_r700(epc) for epc in tags], _payloads(impinj_json.parse_payload), bare.impinj),
        "zebra": Course(
            [_zebra(epc, number) for number, epc in enumerate(tags)],
            _stream_of(zebra_json.ZebraCodec),
            bare.zebra,
        ),
        "xovis": Course(
            [drivers()["xovis"].examples[0] + b"\n"], _payloads(xovis_json.parse_payload), bare.xovis
        ),
        "milesight": Course(
            [drivers()["milesight"].examples[1] + b"\n"],
            _payloads(milesight_json.parse_payload),
            bare.milesight,
        ),
        "milesight-lora": Course(
            [_uplink(number) for number in range(40)],
            _payloads(milesight_lora.parse_payload),
            bare.milesight_lora,
        ),
        "roode": Course([example + b"\n" for example in drivers()["roode"].examples], _messages, bare.roode),
        "openepaperlink": Course([_page() + b"\n"], _payloads(_page_labels), bare.openepaperlink),
    }


def _ean(number: int) -> str:
    digits = f"211234{number:06d}"
    return digits + gtin_check_digit(digits)


def _llrp(epc: bytes, number: int) -> bytes:
    tag = llrp.TagReport(
        epc.hex().upper(),
        antenna=1,
        rssi_dbm=-57.0,
        frequency_khz=866_900,
        pc="3000",
        first_seen_us=1_717_000_000_000_000 + number,
    )
    body = llrp.encode_report([tag], {866_900: 2})
    return llrp.encode(llrp.Message(llrp.RO_ACCESS_REPORT, number, body))


def _reports(stream: bytes) -> int:
    codec, channels, found = llrp.LlrpCodec(), {2: 866_900}, 0
    for at in range(0, len(stream), CHUNK):
        codec.feed(stream[at : at + CHUNK])
        while (item := codec.next_frame()) is not None:
            if isinstance(item, Reject):
                raise bare.BareError(item.detail)
            found += len(llrp.parse_report(item.body, channels))
    return found


def _uplink(number: int) -> bytes:
    content = b64encode(milesight_lora.encode_totals(number + 3, number)).decode("ascii")
    message = {
        "deviceInfo": {"devEui": "24e124126a148401"},
        "fCnt": number,
        "fPort": 85,
        "data": content,
    }
    return msgspec.json.encode(message) + b"\n"


def _messages(stream: bytes) -> int:
    found = 0
    for line in stream.split(b"\n"):
        if line:
            topic, _, payload = line.partition(b" ")
            (count,) = roode.parse_message(topic.decode("utf-8"), payload)
            if isinstance(count, Reject):
                raise bare.BareError(count.detail)
            found += 1
    return found


def _page() -> bytes:
    return openepaperlink.encode_page(
        [
            openepaperlink.Label(
                mac=f"00007E23907F{number:04X}",
                digest="4eaf64af5f3dcc50" * 2,
                pending=0,
                content_mode=openepaperlink.DRAWING,
                config="{}",
                next_update=openepaperlink.NEVER,
                update_count=45,
                update_last=1_780_228_800,
                battery_mv=3_062,
                hw_type=0x33,
            )
            for number in range(20)
        ]
    )


def _page_labels(payload: bytes) -> list[Any]:
    page = openepaperlink.parse_page(payload)
    return [page] if isinstance(page, Reject) else [*page.labels, *page.rejects]


def _stream_of(codec: Callable[[], Codec[Any]]) -> Callable[[bytes], int]:
    return lambda stream: drain(codec(), stream)


def _m6e_records(sample: bytes, epcs: list[bytes]) -> list[bytes]:
    host = build(drivers()["m6e"])
    assert isinstance(host, StreamDriver)
    codec = host.fresh_codec()
    codec.feed(sample)
    report = codec.next_frame()
    assert isinstance(report, m6e_tags.TagReport)
    (tag,) = report.tags
    return [
        m6e.encode(
            msgspec.structs.replace(
                report, tags=(msgspec.structs.replace(tag, epc=epc, epc_bits=8 * (len(epc) + 4)),)
            )
        )
        for epc in epcs
    ]


def _r700(epc: bytes) -> bytes:
    event = impinj_json.TagEvent(
        epc=epc.hex().upper(), antenna=1, rssi_dbm=-57.5, timestamp="2024-05-01T10:00:00.123Z"
    )
    return impinj_json.encode_event(event) + b"\n"


def _zebra(epc: bytes, number: int) -> bytes:
    event = zebra_json.TagEvent(
        epc=epc.hex().upper(),
        event_num=number,
        antenna=1,
        rssi_dbm=-57.0,
        timestamp="2024-11-21T13:20:53.319-0600",
    )
    return zebra_json.encode_event(event) + b"\n"


def measure(course: Course, frames: int, rounds: int) -> dict[str, float]:
    """Return frames per second of codec and bare loop, and the ratio of codec to bare loop."""
    stream = b"".join(course.frames * (frames // len(course.frames) + 1))
    figures: dict[str, list[float]] = {"codec": [], "bare": []}
    for _ in range(rounds):
        for name, run in (("codec", course.codec), ("bare", course.bare)):
            started = time.perf_counter()
            found = run(stream)
            figures[name].append(found / (time.perf_counter() - started))
    ratios = [codec / loop for codec, loop in zip(figures["codec"], figures["bare"], strict=True)]
    return {
        "frames_per_s": round(statistics.median(figures["codec"])),
        "bare_per_s": round(statistics.median(figures["bare"])),
        "ratio": round(statistics.median(ratios), 3),
    }


def codecs(
    *,
    frames: Annotated[int, typer.Option(min=100, help="frames per round")] = FRAMES,
    rounds: Annotated[int, typer.Option(min=1, help="rounds; their median is told")] = ROUNDS,
    only: Annotated[
        list[str] | None, typer.Option(help="measure this protocol only; may be repeated")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Measure every codec beside a bare parse-and-checksum loop; exits with 1 below half its speed.

    Example: shelfwise bench codecs --json
    """
    chosen = {name: course for name, course in courses().items() if not only or name in only}
    rows = {
        name: measure(course, frames, rounds)
        for name, course in track(chosen.items(), "measuring …", console=Console(stderr=True), transient=True)
    }
    worst = min((row["ratio"] for row in rows.values()), default=0.0)
    if as_json:
        print(json.dumps({"codecs": rows, "worst_ratio": worst, "target": TARGET}))
    else:
        table = Table(
            "protocol", "frames/s", "bare loop/s", "ratio", title=f"target {TARGET} of the bare loop"
        )
        for name, row in rows.items():
            ratio = f"{row['ratio']:.2f}" if row["ratio"] >= TARGET else f"[red]{row['ratio']:.2f}[/red]"
            table.add_row(name, f"{row['frames_per_s']:,}", f"{row['bare_per_s']:,}", ratio)
        Console().print(table)
    raise typer.Exit(0 if worst >= TARGET else 1)
