"""Run the screen's web server with the options it needs, all of them here.

Streamlit collects garbage completely after every run of a page unless ``runner.postScriptGC`` is off;
with it on, twenty viewers at one second saturate a core. The server listens on the loopback interface,
accepts only the host names it is given, keeps cross-site protection on, and tells nobody about its use.
The hub's address travels in the environment, because Streamlit owns the command line of a page.
"""

import os
from pathlib import Path
from typing import Any, Final

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import bootstrap

from dashboard.style import THEME

APP: Final = Path(__file__).with_name("app.py")
HUB_URL: Final = "SHELFWISE_HUB_URL"
DEFAULT_HUB_URL: Final = "http://127.0.0.1:8080"


def options(*, host: str, port: int, allowed_hosts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return Streamlit's options by name."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": sorted({"localhost", "127.0.0.1", host, *allowed_hosts}),
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.maxUploadSize": 1,
        "runner.postScriptGC": False,
        "runner.magicEnabled": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        "logger.level": "warning",
        **THEME,
    }


def serve(
    hub_url: str, *, host: str = "127.0.0.1", port: int = 8501, allowed_hosts: tuple[str, ...] = ()
) -> None:
    """Serve the screen until SIGTERM or Ctrl-C."""
    os.environ[HUB_URL] = hub_url
    chosen = options(host=host, port=port, allowed_hosts=allowed_hosts)
    flags = {name.replace(".", "_"): value for name, value in chosen.items()}
    bootstrap.load_config_options(flags)
    # What st.navigation does at its first call; without it, the first visitor of /stock gets that page without its frame.
    PagesManager.uses_pages_directory = False
    bootstrap.run(str(APP), False, [], flags)
