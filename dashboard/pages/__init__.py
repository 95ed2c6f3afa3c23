"""One file per page; Streamlit runs them as scripts inside the frame of ``dashboard.app``."""
