"""The whole life of a real counter, twelve years of files, on a real PostgreSQL."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.traffic.stage import load_traffic
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.warehouse import embedded
from tests.integration.flows.traffic.roads import make_settings, read

pytestmark = pytest.mark.integration


@pytest.mark.real_data
def test_the_whole_life_of_a_counter_balances_and_years_without_volume_stay_missing(
    scratch: Path, real_data: Path
) -> None:
    home = scratch / "t5"
    chosen = make_settings(home, first_day=date(2010, 1, 1))
    (home / "in").mkdir()
    files = [
        *(real_data / "traffic" / "history").glob("*.csv"),
        *(real_data / "traffic").glob("convention_*.csv"),
    ]
    for file in files:
        (home / "in" / file.name).symlink_to(file)
    platform = Platform(chosen)
    try:
        prepare(platform)
        load_calendar(platform)
        platform.dbt.run(platform.server, ["seed"], {})
        rectangle = Rectangle(("5672",), date(2010, 1, 1), date(2022, 12, 31))
        balance = load_traffic(platform, rectangle)
        loads = read(platform, "select * from ops.loads where flow = 'traffic'")
        assert len(loads) == len(files)
        in_files = sum(len(file.read_text().splitlines()) - 1 for file in files)
        assert loads["rows_in_file"].sum() == in_files
        assert in_files == balance.rows_read + balance.rows_left + balance.rows_repeated
        assert balance.rows_read == balance.rows_stored + balance.rows_quarantined
        assert balance.rows_stored == read(platform, "select count(*) from raw.traffic").iloc[0, 0]
        platform.dbt.run(
            platform.server, build_arguments(["merged__traffic"]), window_variables(rectangle)
        )
        years = read(
            platform,
            "select extract(year from day)::integer as year, count(*) as hours,"
            " count(distinct target_at) as distinct_hours, count(vehicles) as vehicles,"
            " sum(source_rows)::integer as source_rows from merged.traffic group by 1",
        ).set_index("year")
        assert (years["hours"] == years["distinct_hours"]).all()
        assert {year: int(n) for year, n in years["hours"].items()} == {
            year: 8784 if year % 4 == 0 else 8760 for year in range(2010, 2023)
        }
        silent = years.loc[[2010, *range(2014, 2019)]]
        assert (silent["vehicles"] == 0).all()
        assert (silent["source_rows"] > 8000).all()
        assert (years.drop(index=silent.index)["vehicles"] > 0).all()
        october = read(
            platform,
            "select local_hour, target_at, vehicles from merged.traffic where local_day ="
            " '2021-10-31' order by target_at",
        )
        assert october["local_hour"].tolist() == [0, 1, 2, 2, *range(3, 24)]
        autumn = read(platform, "select count(*) from merged.traffic where day = '2021-10-31'")
        assert autumn.iloc[0, 0] == 24
    finally:
        embedded.stop(chosen.home_path)
