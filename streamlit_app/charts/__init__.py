"""Charts as Plotly figures made from frames; where they are placed on a page is the page's matter.

Days and numbers on them are written in the reader's language here, because Plotly's own locales are
not loaded by Streamlit. Charts that only one page has are in that page's folder.
"""
