"""The entry script: header with store and language, the tabs, and the chosen page.

Language, store and filters live in the address, so that a shared link or a reconnect shows the same.
"""

from pathlib import Path

import streamlit as st

from dashboard.style import SHEET, SPEAKS
from dashboard.view import HEADER, PAGES, choose, header_of, kept_query, language, look
from dashboard.words import Words, plain

ICON = Path(__file__).with_name("icon.svg")
ICONS = {
    "now": ":material/bolt:",
    "floor": ":material/grid_view:",
    "stock": ":material/inventory_2:",
    "orders": ":material/local_shipping:",
    "gate": ":material/garage_door:",
    "setup": ":material/tune:",
}
ONLY_WITH_A_GATE = "gate"
OWN_NAMES = {"zh-CN": "中文", "en": "English"}


def main() -> None:
    """Draw the frame, then the page."""
    words = Words(language())
    st.set_page_config(page_title=words("app.title"), page_icon=ICON, layout="wide")
    # Said out loud, so that the address means the same in a browser of another language.
    st.query_params["lang"] = words.language
    st.html(SHEET)
    pages = {
        name: st.Page(
            f"pages/{name}.py", title=words(f"nav.{name}"), url_path=name, icon=icon, default=name == "now"
        )
        for name, icon in ICONS.items()
    }
    st.session_state[PAGES] = pages
    page = st.navigation(list(pages.values()), position="hidden")
    has_gate = _header(words)
    here = page.url_path or "now"
    with st.container(key="tabs", horizontal=True, gap="small"):
        for name, one in pages.items():
            if name == ONLY_WITH_A_GATE and not (has_gate or here == name):
                continue
            with st.container(key="tab_here" if name == here else f"tab_{name}", width="content"):
                st.page_link(one, label=words(f"nav.{name}"), icon=ICONS[name], query_params=kept_query())
    page.run()


def _header(words: Words) -> bool:
    """Draw the header and return whether the store has a gate."""
    screen = look(wait=True)
    st.session_state[HEADER] = header_of(screen)
    own = screen.snapshot.store if screen.snapshot else None
    first = words.name(own.name, own.name_zh, own.store) if own else words("app.title")
    second = (own.name if words.language == "zh-CN" else own.name_zh) if own else None
    with st.container(key="brand", horizontal=True, vertical_alignment="center"):
        with st.container(key="brand_names", gap=None):
            with st.container(key="brand_first"):
                st.text(first)
            if plain(second) and plain(second) != first:
                with st.container(key="brand_second"):
                    st.text(plain(second))
        if len(screen.view.stores) > 1:
            names = {one.store: words.name(one.name, one.name_zh, one.store) for one in screen.view.stores}
            st.selectbox(
                words("app.store"), list(names), format_func=names.__getitem__, key="choose_store", on_change=_keep_store,
                index=list(names).index(own.store) if own else 0, label_visibility="collapsed", width=220,
            )  # fmt: skip
        choose(words("app.language"), OWN_NAMES, words.language, parameter="lang")
    st.html(SPEAKS[words.language], unsafe_allow_javascript=True)
    return own is not None and bool(own.gates)


def _keep_store() -> None:
    st.query_params["store"] = st.session_state["choose_store"]


main()
