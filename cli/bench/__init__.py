"""``shelfwise bench …``: scoreboards, each beside a yardstick taken in the same run."""

import typer

from cli.bench.ingest import ingest

bench_app = typer.Typer(help="Measurements beside a yardstick taken in the same run.", no_args_is_help=True)


@bench_app.callback()
def _group() -> None:
    """Keep the scoreboards sub-commands."""


bench_app.command("ingest")(ingest)
