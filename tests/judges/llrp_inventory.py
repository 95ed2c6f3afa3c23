# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory a reader with sllurp, an LLRP client that is not ours, and print what it read as JSON.

A program of its own under sllurp's licence: it runs in the judges' environment, imports nothing of this
project, is imported by nothing, and goes into no distribution.

Usage: llrp_inventory.py PORT SECONDS
"""

import json
import os
import sys
import threading
import time

from sllurp.llrp import LLRPReaderClient, LLRPReaderConfig

port, seconds = int(sys.argv[1]), float(sys.argv[2])
reads: list[dict] = []

config = LLRPReaderConfig(
    {
        "antennas": [0],
        "report_every_n_tags": 1,
        "start_inventory": True,
        "tag_content_selector": {
            "EnableROSpecID": False,
            "EnableSpecIndex": False,
            "EnableInventoryParameterSpecID": False,
            "EnableAntennaID": True,
            "EnableChannelIndex": True,
            "EnablePeakRSSI": True,
            "EnableFirstSeenTimestamp": True,
            "EnableLastSeenTimestamp": True,
            "EnableTagSeenCount": True,
            "EnableAccessSpecID": False,
        },
    }
)
reader = LLRPReaderClient("127.0.0.1", port, config)
reader.add_tag_report_callback(lambda _, tags: reads.extend(tags))
reader.connect()
started = time.monotonic()
while not reads and time.monotonic() - started < 10:
    time.sleep(0.01)
before = len(reads)
time.sleep(seconds)
counted = len(reads) - before
first = reads[0] if reads else {}
print(
    json.dumps(
        {
            "reads": counted,
            "epcs": sorted({read["EPC"].decode().upper() for read in reads}),
            "antennas": sorted({read["AntennaID"] for read in reads}),
            "fields": sorted(key for key in first if isinstance(key, str)),
            "rssi": first.get("PeakRSSI"),
        }
    ),
    flush=True,
)

# Its disconnect waits without an end when the machine is busy; what it read is told by then.
last = threading.Timer(10.0, os._exit, [0])
last.daemon = True
last.start()
reader.disconnect()
