"""One simulated LLRP reader in a process of its own, so that its cost is not the edge's.

Usage: ``python -m cli.bench.llrp_reader RATE PREFIX``; prints its port, and ends when standard input does.
"""

import sys
from typing import Final

from firmware_sim.devices.llrp import LlrpTwin, SteadyTags
from firmware_sim.links.llrp import LlrpLink

TAGS: Final = 200


def main() -> None:
    """Body of the reader's process."""
    rate, prefix = float(sys.argv[1]), sys.argv[2]
    steady = SteadyTags(rate, tags=TAGS, prefix=prefix)
    with LlrpLink(LlrpTwin(), feed=steady.seen) as link:
        print(link.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
