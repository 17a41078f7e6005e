"""Models of few trees, for tests of hours: what they forecast is not at stake."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from flow_platform.forecasting.hourly.data import HourlyBoosting, HourlySpec
from flow_platform.stages import hourly


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Few trees in this process too."""
    with pytest.MonkeyPatch.context() as patch:
        spec = partial(HourlySpec, boosting=HourlyBoosting(rounds=20))
        patch.setattr(hourly, "HourlySpec", spec)
        yield
