"""``shelfwise dashboard …``: the live screen in a browser."""

from typing import Annotated

import typer

from dashboard.server import DEFAULT_HUB_URL, serve

dashboard_app = typer.Typer(no_args_is_help=True, help="The live screen: now, floor, stock, orders.")


@dashboard_app.callback()
def _group() -> None:
    """Keep ``run`` a sub-command."""


@dashboard_app.command(
    "run", epilog="Example: shelfwise dashboard run --hub-url http://127.0.0.1:8080 --port 8501"
)
def run_dashboard(
    hub_url: Annotated[
        str, typer.Option("--hub-url", envvar="SHELFWISE_HUB_URL", help="address of the hub's API")
    ] = DEFAULT_HUB_URL,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="port to listen on")] = 8501,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="host name a browser may use beside localhost; may be repeated")
    ] = None,
) -> None:
    """Show a store in the browser until Ctrl-C."""
    typer.echo(f"screen   http://{host}:{port}    hub {hub_url}    end with Ctrl-C", err=True)
    serve(hub_url, host=host, port=port, allowed_hosts=tuple(allow_host or ()))
