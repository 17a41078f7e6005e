"""Traffic levels: how each is named and drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

from streamlit_app.charts import drawing
from streamlit_app.view import View


class Look(NamedTuple):
    """How a level is drawn: colour, shape and size each suffice to recognise it."""

    colour: str
    symbol: str
    size: float


# From the best to the worst. The colours differ in lightness too, and without red against green.
LEVELS: dict[str, Look] = {
    "fluid": Look("#8bb8de", "circle", 10),
    "dense": Look("#e0a800", "square", 12),
    "saturated": Look("#c2410c", "triangle-up", 15),
    "blocked": Look("#4a0d1f", "x", 15),
}
NO_LEVEL = Look(drawing.MUTED, "circle-open", 9)
CONGESTED = ("dense", "saturated", "blocked")


def level_name(view: View, level: object) -> str:
    """The word for a level; for none, that it is unknown."""
    return view.text(f"level.{level if isinstance(level, str) else 'none'}")


def marker(look: Look, scale: float) -> dict[str, Any]:
    """The marker of a level, `scale` times its usual size."""
    is_open = look.symbol.endswith("-open")
    return {
        "color": look.colour,
        "symbol": look.symbol,
        "size": look.size * scale,
        "opacity": 1,
        "line": {"width": 2, "color": look.colour}
        if is_open
        else {"width": 0.8, "color": "#ffffff"},
    }
