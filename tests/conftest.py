"""What all tests share: where the real data is, and homes that are theirs alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_platform.settings import PROJECT_ROOT, Settings

os.environ.setdefault("OMP_NUM_THREADS", "1")


# Files that take more than a minute, longest first: dealt out in this order, no worker is left with
# a long one at the end.
LONGEST = (
    "integration/test_traffic.py",
    "integration/test_backfill.py",
    "api/service/test_real_run.py",
    "browser/test_services.py",
    "integration/test_erasure_end_to_end.py",
    "integration/test_kafka.py",
    "integration/test_tuning.py",
    "integration/test_demo.py",
    "api/frame/test_description.py",
    "integration/test_mqtt.py",
    "integration/test_retail.py",
    "integration/test_promotion.py",
    "browser/test_deliveries_page.py",
    "integration/test_privacy.py",
    "api/frame/test_accounts.py",
    "browser/test_parcels_page.py",
    "unit/evaluation/test_evaluation.py",
    "unit/forecasting/test_forecasting_training.py",
    "unit/scoring/test_delivery_models.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first; all else stays in its order."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test is skipped, and says so, where it is absent."""
    folder = Path(os.environ.get("FLOW_REAL_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"No real data in {folder}; set FLOW_REAL_DATA to run this test.")
    return folder


def new_settings(home: Path, **changes: object) -> Settings:
    """Settings of a home of its own, whatever the environment of the developer says."""
    return Settings(home=home, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A short path: a Unix socket's name has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="flow", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
