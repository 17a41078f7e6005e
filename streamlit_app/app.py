"""The app: its pages, its language, and what is shown when nothing can be read.

Start: `streamlit run streamlit_app/app.py`, with the read-only DSN in FLOW_DASHBOARD_DSN.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path, not the one that holds the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import streamlit as st

from streamlit_app import navigation, texts
from streamlit_app.blocks import layout
from streamlit_app.data import database

view = layout.view_of(texts.COMMON)
pages = [
    st.Page(
        page.file,
        title=texts.catalog(page.name).text("title", view.language),
        url_path=page.address,
        default=place == 0,
    )
    for place, page in enumerate(navigation.pages())
]
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · {view.text('app')}", layout="wide")
layout.begin(view)
try:
    page.run()
except database.DataError as error:
    layout.failed(view, error)
