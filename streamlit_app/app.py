"""The app: its pages, its language, and what stands there when nothing can be read.

Start: `streamlit run streamlit_app/app.py`, with the read-only DSN in FLOW_DASHBOARD_DSN.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path, not the one that holds the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import streamlit as st

from streamlit_app import choices, data, layout, texts

language = choices.language()
say = texts.speaker(language)

pages = [
    st.Page("pages_/parcels.py", title=say("parcels.title"), url_path="parcels", default=True),
    st.Page("pages_/retail.py", title=say("retail.title"), url_path="retail"),
    st.Page("pages_/traffic.py", title=say("traffic.title"), url_path="traffic"),
    st.Page("pages_/trips.py", title=say("trips.title"), url_path="trips"),
    st.Page("pages_/deliveries.py", title=say("desk.title"), url_path="deliveries"),
    st.Page("pages_/customers.py", title=say("customers.title"), url_path="customers"),
    st.Page("pages_/data_state.py", title=say("state.title"), url_path="data-state"),
]
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · {say('app')}", layout="wide")
layout.begin(language)
try:
    page.run()
except data.DataError as error:
    layout.failed(error, say)
