#!/usr/bin/env python3
"""Ask a program on this machine over HTTP whether it is well: exit code 0 for yes, 1 for no, with the reason.

Example: python health.py http://127.0.0.1:8080/readyz
"""

import sys
import urllib.error
import urllib.request

TIMEOUT_S = 4


def ask(url: str) -> str | None:
    """Return what is wrong, None for nothing; past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1]))
