"""Why the first forecast day differs from an ordinary one, as published.explanations has it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from streamlit_app.blocks import layout
from streamlit_app.blocks.issue import Issue
from streamlit_app.data import series

# A cause that moves a forecast by less than this share of an ordinary day is left out.
_LEAST_SHARE = 0.01


def why(issue: Issue) -> None:
    """The causes by which the first day differs from an ordinary same weekday, largest first."""
    rows = series.explanations(*issue.series, issue.centre.centre_id, issue.issued_on)
    if rows.empty:
        return
    view = issue.view
    row: Any = rows.iloc[0]
    least = _LEAST_SHARE * max(row["usual"], 1.0)
    moved = {name.removeprefix("by_"): row[name] for name in rows.columns if name.startswith("by_")}
    causes = sorted((n for n in moved if abs(moved[n]) >= least), key=lambda n: -abs(moved[n]))
    lines = [
        view.text(
            "why.more" if moved[name] > 0 else "why.less",
            amount=view.rounded(abs(moved[name])),
            driver=view.text(f"driver.{name}"),
        )
        for name in causes
    ]
    layout.heading(view.text("why"))
    st.markdown(
        view.text(
            "why.usual",
            day=view.long_day(row["date"].date()),
            usual=view.rounded(row["usual"]),
            prediction=view.rounded(row["prediction"]),
        )
    )
    st.markdown("\n".join(f"- {line}" for line in lines) if lines else view.text("why.nothing"))
