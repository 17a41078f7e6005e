"""The chart of how often ranges held: one bar a group, against the target."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from streamlit_app.charts import drawing
from streamlit_app.view import View

# Figures on more bars than these would run into each other on a phone.
_FIGURED_BARS = 14


def shares_held(
    view: View,
    names: Sequence[str],
    shares: Sequence[float],
    hovers: Sequence[str],
    few: Sequence[bool],
    *,
    target: float,
) -> go.Figure:
    """One bar a name: the share of forecasts whose range held, and a line at the `target` share.

    Bars of `few` forecasts are pale: chance alone may take them far from the target.
    """
    figure = go.Figure(
        go.Bar(
            x=list(names),
            y=list(shares),
            text=[view.number(share * 100) for share in shares]
            if len(names) <= _FIGURED_BARS
            else None,
            # At the foot, where the line of the target does not cross them.
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
            constraintext="none",
            textfont={"size": 11, "color": [drawing.INK if pale else "#ffffff" for pale in few]},
            marker={"color": [drawing.BAND_80 if pale else drawing.ACCENT for pale in few]},
            hovertext=list(hovers),
            hoverinfo="text",
        )
    )
    figure.add_hline(y=target, line={"color": drawing.WARNING, "width": 1.5, "dash": "dash"})
    figure.update_layout(**drawing.look(view, height=230), showlegend=False, bargap=0.2)
    figure.update_xaxes(type="category", fixedrange=True, automargin=True)
    levels = (0.0, 0.5, target, 1.0)
    figure.update_yaxes(
        range=[0, 1.02],
        tickvals=levels,
        ticktext=[view.percent(level) for level in levels],
        **drawing.AXIS,
    )
    return figure
