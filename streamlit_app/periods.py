"""Days that a page looks at together, and as many days before them to compare with.

How a period is chosen and told is the matter of the page.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple


class Period(NamedTuple):
    """Days (UTC) that are looked at together, both ends included."""

    first: date
    last: date

    @property
    def before(self) -> Period:
        """As many days, just before."""
        days = self.last - self.first + timedelta(days=1)
        return Period(self.first - days, self.first - timedelta(days=1))
