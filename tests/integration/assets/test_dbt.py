"""dbt's own unit tests hold, and its documentation builds, on a real PostgreSQL."""

from __future__ import annotations

import pytest

from flow_platform.platform import Platform

pytestmark = pytest.mark.integration


def test_every_dbt_unit_test_passes(filled: Platform) -> None:
    outcome = filled.dbt.run(filled.server, ["test", "--select", "test_type:unit"], {})
    assert len(outcome.results) >= 1
    assert {str(result.status) for result in outcome.results} == {"pass"}


def test_every_dbt_data_test_passes_over_the_whole_history(filled: Platform) -> None:
    window = {"centres": list(filled.centre_ids), "from_day": "2020-01-01", "to_day": "2030-01-01"}
    outcome = filled.dbt.run(filled.server, ["test", "--select", "test_type:data"], window)
    failed = [result.node.name for result in outcome.results if str(result.status) != "pass"]
    assert failed == []


def test_seeding_twice_leaves_the_centres_as_they_were_written(filled: Platform) -> None:
    """A seed outside the project was replaced by the SQL that loaded it; the second time failed."""
    filled.dbt.manifest(filled.centres_by_flow)
    centres = filled.dbt.seeds / "centres.csv"
    written = centres.read_text()
    for _ in range(2):
        filled.dbt.run(filled.server, ["seed"], {})
        assert centres.read_text() == written


def test_the_next_run_of_a_process_has_no_more_flags_to_look_for(filled: Platform) -> None:
    """dbt's adapters lengthen their list with every run, and search the stack for each of them."""
    from dbt.adapters.base import impl

    found = []
    for _ in range(3):
        filled.dbt.run(filled.server, ["seed", "--select", "centres"], {})
        found.append(len(impl.DEFAULT_BASE_BEHAVIOR_FLAGS))
    assert len(set(found)) == 1


def test_the_dbt_documentation_builds(filled: Platform) -> None:
    catalogue = filled.dbt.home / "target" / "catalog.json"
    catalogue.unlink(missing_ok=True)
    filled.dbt.document(filled.server)
    assert catalogue.exists()
