"""``shelfwise bench …``: scoreboards, each beside a yardstick taken in the same run."""

import typer

from cli.bench.codecs import codecs
from cli.bench.dashboard import dashboard
from cli.bench.fuzz import fuzz
from cli.bench.ingest import ingest
from cli.bench.llrp import llrp
from cli.bench.memory import memory
from cli.bench.sensing.command import sensing
from cli.bench.sensing.report import sensing_report

bench_app = typer.Typer(help="Measurements beside a yardstick taken in the same run.", no_args_is_help=True)


bench_app.command("ingest")(ingest)
bench_app.command("dashboard")(dashboard)
bench_app.command("memory")(memory)
bench_app.command("fuzz")(fuzz)
bench_app.command("codecs")(codecs)
bench_app.command("llrp")(llrp)
bench_app.command("sensing")(sensing)
bench_app.command("sensing-report")(sensing_report)
