"""Set-up: codes no product has, tags on the enrolment antenna, duplicates, shelf labels.

All of it is one live block. What the hub is asked for it is asked only while somebody looks at this page,
and each section says how old its own answer is.
"""

import streamlit as st

from dashboard.sections.codes import draw_codes
from dashboard.sections.duplicates import draw_duplicates
from dashboard.sections.labels import draw_labels
from dashboard.sections.tags import draw_log, draw_tags
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, live


def draw(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the page."""
    for section in (draw_codes, draw_tags, draw_log, draw_duplicates, draw_labels):
        with st.container(key=f"section_{section.__name__}", gap="small"):
            section(screen, snapshot)


live(draw)
