"""How long ago something was, in words."""

from __future__ import annotations

from datetime import timedelta

from streamlit_app.view import View

HOUR = timedelta(hours=1)
# From here on an age is given in days.
_DAYS_FROM = timedelta(hours=48)


def age(view: View, span: timedelta) -> str:
    """A span of time to the hour, from two days on to the day: "2 hours", "9 days"."""
    if span >= _DAYS_FROM:
        return view.text("age.days", n=str(span.days))
    hours = max(int(span / HOUR), 0)
    if hours >= 1:
        return view.text("age.hour") if hours == 1 else view.text("age.hours", n=str(hours))
    return view.text("age.minutes", n=str(max(int(span.total_seconds() // 60), 0)))
