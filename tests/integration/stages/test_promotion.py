"""Champions change by comparison, from their day on; past days stay; a rollback trains nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import psycopg
import pytest

from flow_platform.assets.keys import champion_key
from flow_platform.assets.models import CHAMPIONS_TAG, build_model_assets
from flow_platform.automation.promotion import build_promotion_jobs
from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.ground.errors import ConfigurationError, ModelError
from flow_platform.ground.periods import cutoff_of, months_between
from flow_platform.ground.rectangle import Rectangle
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import Vintage
from flow_platform.partitions import range_tags
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.stages.case import Case
from flow_platform.stages.daily import read_history
from flow_platform.stages.predictions import predict
from flow_platform.stages.promotion import promote, roll_back
from flow_platform.stages.training import decide_champions, ensure_vintages, train_vintage
from tests.integration.conftest import flow, land_history, make_settings, stopped_at_the_end

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FIRST, LAST = date(2025, 1, 1), date(2025, 10, 31)
MONTHS = months_between(date(2025, 7, 1), date(2025, 10, 1))
TODAY = date(2025, 10, 20)


@pytest.fixture(scope="module")
def settings(scratch: Path) -> Iterator[Settings]:
    yield from stopped_at_the_end(make_settings(scratch / "promo"))


def parcels(platform: Platform) -> Case:
    return Case(platform, PARCELS, "parcels")


@pytest.fixture(scope="module")
def home(settings: Settings) -> Platform:
    """Four months led by the seasonal naive; vintages of `effects` stand by."""
    platform = Platform(settings)
    land_history(platform, FIRST, LAST)
    case = parcels(platform)
    data = read_history(case, LAST)
    naive = replace(PARCELS, candidates=("seasonal_naive",))
    ensure_vintages(Case(platform, naive, "parcels"), MONTHS, lambda: data)
    trainer = Trainer(ENGINE)
    for month in MONTHS:
        train_vintage(case, trainer, "effects", month, data)
    return platform


@pytest.fixture(autouse=True)
def restored(home: Platform) -> Iterator[None]:
    """Each test finds the months' champions and no decision of people."""
    vintages = home.registry.vintages("parcels", "parcels")
    yield
    with home.store("admin").connect() as connection:
        connection.execute("delete from ml.promotions where kind not in ('first', 'monthly')")
        for flag in (False, True):
            for own in (v for v in vintages if v.is_champion is flag):
                connection.execute(
                    "update ml.vintages set is_champion = %s, cutoff = %s where model_version = %s",
                    (flag, own.cutoff.to_pydatetime(), own.model_version),
                )


def vintage(home: Platform, candidate: str, month: date = MONTHS[-1]) -> Vintage:
    vintages = home.registry.vintages("parcels", "parcels")
    return next(v for v in vintages if (v.candidate, v.month) == (candidate, month))


def issued(home: Platform, first: str, last: str) -> pd.DataFrame:
    """The forecasts of these days, made now."""
    rectangle = Rectangle(home.centre_ids, date.fromisoformat(first), date.fromisoformat(last))
    predict(home, PARCELS, rectangle)
    return home.store("admin").read(
        f"select * from ml.forecasts where day between '{first}' and '{last}'"
        " order by centre_id, day, horizon"
    )


def versions(rows: pd.DataFrame) -> dict[str, str]:
    return {
        str(day.date()): who for day, who in zip(rows["day"], rows["model_version"], strict=True)
    }


def test_a_better_challenger_serves_from_its_day_on_and_past_days_stay_to_the_bit(
    home: Platform,
) -> None:
    champion, challenger = vintage(home, "seasonal_naive"), vintage(home, "effects")
    before = issued(home, "2025-09-28", "2025-10-19")
    decision = promote(home, PARCELS, challenger, TODAY, TODAY, "tester")
    assert decision.promoted, decision.reason
    assert issued(home, "2025-09-28", "2025-10-19").equals(before)
    assert versions(issued(home, "2025-10-19", "2025-10-21")) == {
        "2025-10-19": champion.model_version,
        "2025-10-20": challenger.model_version,
        "2025-10-21": challenger.model_version,
    }
    row = home.store("flow_dashboard").read("select * from published.promotions").iloc[-1]
    assert (row["kind"], bool(row["promoted"])) == ("promote", True)
    assert row["effective_day"] == pd.Timestamp(TODAY)
    assert row["champion_version"] == champion.model_version
    assert row["challenger_mase"] < row["champion_mase"]
    assert row["difference_high"] < 0
    assert row["first_origin"] >= pd.Timestamp(MONTHS[0])
    assert row["last_origin"] < pd.Timestamp(TODAY)
    assert row["decided_by"] == "tester"


def test_a_worse_challenger_is_refused_and_the_comparison_is_kept(home: Platform) -> None:
    promote(home, PARCELS, vintage(home, "effects"), TODAY, TODAY, "tester")
    decision = promote(home, PARCELS, vintage(home, "seasonal_naive"), TODAY, TODAY, "tester")
    assert not decision.promoted
    assert decision.reason.startswith("not better beyond noise")
    row = home.registry.decisions("parcels", "parcels").iloc[-1]
    assert (row["kind"], bool(row["promoted"])) == ("refused", False)
    assert row["difference"] > 0
    assert set(versions(issued(home, "2025-10-20", "2025-10-20")).values()) == {
        vintage(home, "effects").model_version
    }


def test_rolling_back_brings_the_previous_champion_and_trains_nothing(home: Platform) -> None:
    promote(home, PARCELS, vintage(home, "effects"), TODAY, TODAY, "tester")
    trained = home.store("admin").read("select model_version, trained_at from ml.vintages")
    later = date(2025, 10, 22)
    decision = roll_back(home, PARCELS, "parcels", later, TODAY, "tester")
    assert decision.serving == vintage(home, "seasonal_naive")
    assert list(versions(issued(home, "2025-10-21", "2025-10-22")).values()) == [
        vintage(home, "effects").model_version,
        vintage(home, "seasonal_naive").model_version,
    ]
    again = roll_back(home, PARCELS, "parcels", later, TODAY, "tester")
    assert again.serving == vintage(home, "seasonal_naive", MONTHS[-2])
    now = home.store("admin").read("select model_version, trained_at from ml.vintages")
    assert now.equals(trained)


def test_the_next_month_refreshes_the_kind_that_was_promoted(home: Platform) -> None:
    september = vintage(home, "effects", MONTHS[-2])
    promote(home, PARCELS, september, date(2025, 9, 25), date(2025, 9, 25), "tester")
    assert decide_champions(parcels(home), MONTHS[-1:]) == [
        replace(vintage(home, "effects"), is_champion=False)
    ]
    last = home.registry.decisions("parcels", "parcels").iloc[-1]
    assert last["reason"] == "the current candidate has the best backtest"


def test_a_day_that_is_over_cannot_be_given_to_another_champion(home: Platform) -> None:
    with pytest.raises(ConfigurationError, match="2025-10-19 is over"):
        promote(home, PARCELS, vintage(home, "effects"), date(2025, 10, 19), TODAY, "tester")
    with pytest.raises(ModelError, match="already serves"):
        promote(home, PARCELS, vintage(home, "seasonal_naive"), TODAY, TODAY, "tester")


def test_a_challenger_whose_registered_cut_off_was_moved_back_is_refused(home: Platform) -> None:
    """It learned September and October claims it did not: its sealed artefacts say so."""
    cheat = vintage(home, "effects")
    with home.store("admin").connect() as connection:
        connection.execute(
            "update ml.vintages set cutoff = '2025-08-01' where model_version = %s",
            (cheat.model_version,),
        )
    cheat = home.registry.find(cheat.model_version)
    decision = promote(home, PARCELS, cheat, TODAY, TODAY, "cheat")
    assert not decision.promoted
    assert decision.reason.startswith("trained on test rows")
    assert home.registry.decisions("parcels", "parcels").iloc[-1]["kind"] == "refused"


def test_a_model_that_learned_after_the_cut_off_it_claims_is_not_registered(
    home: Platform,
) -> None:
    case = parcels(home)
    data, spec = read_history(case, LAST), case.spec
    learned_october = Trainer(ENGINE).train("effects", data, cutoff_of(date(2025, 10, 1)), spec)
    claimed = replace(learned_october, cutoff=cutoff_of(MONTHS[0]))
    for model in (claimed, learned_october, replace(claimed, train_last=claimed.train_first)):
        with pytest.raises(ModelError, match="trained on test rows"):
            home.registry.register("parcels", "parcels", MONTHS[0], model, "")


def test_champions_do_not_depend_on_the_order_in_which_months_were_decided(
    home: Platform,
) -> None:
    def champions() -> list[str]:
        return [v.model_version for v in home.registry.champions("parcels", "parcels")]

    decide_champions(parcels(home), MONTHS)
    in_order = champions()
    assert [name.split("-")[0] for name in in_order] == ["effects"] * 4
    with home.store("admin").connect() as connection:
        connection.execute("update ml.vintages set is_champion = false")
    assert len(decide_champions(parcels(home), MONTHS[2:3])) == 1
    assert len(champions()) == 1  # a month that nobody asked for is not decided
    for month in (MONTHS[3], MONTHS[0], MONTHS[1]):
        decide_champions(parcels(home), [month])
    assert champions() == in_order


def test_deciding_again_adds_nothing_to_the_log_and_nobody_can_change_it(home: Platform) -> None:
    decide_champions(parcels(home), MONTHS)
    before = home.registry.decisions("parcels", "parcels")
    decide_champions(parcels(home), MONTHS)
    assert home.registry.decisions("parcels", "parcels").equals(before)
    for statement in ("delete from ml.promotions", "update ml.promotions set promoted = true"):
        with (
            psycopg.connect(home.server.dsn("flow_ml")) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_the_command_lists_shows_promotes_refuses_and_rolls_back(
    home: Platform, settings: Settings
) -> None:
    champion, challenger = vintage(home, "seasonal_naive"), vintage(home, "effects")
    listed = json.loads(flow(settings, "models", "list", "parcels", "--json").stdout)
    assert len(listed) == 2 * len(MONTHS)
    assert [row["model_version"] for row in listed if row["is_serving"]] == [champion.model_version]

    won = flow(settings, "models", "promote", challenger.model_version)
    assert won.returncode == 0, won.stderr
    assert won.stdout.startswith("Promoted: better beyond noise: MASE")
    lost = flow(settings, "models", "promote", champion.model_version)
    assert lost.returncode == 1
    assert lost.stdout.startswith("Refused: not better beyond noise")
    assert f"{challenger.model_version} serves parcels parcels" in lost.stdout
    back = flow(settings, "models", "rollback", "parcels")
    assert back.returncode == 0, back.stderr
    assert f"{champion.model_version} serves parcels parcels" in back.stdout

    shown = json.loads(flow(settings, "models", "show", challenger.model_version, "--json").stdout)
    assert shown["sha256"] == challenger.sha256
    assert shown["train_last"] == "2025-09-30"
    assert [row["kind"] for row in shown["decisions"]][-3:] == ["promote", "refused", "rollback"]
    said = flow(settings, "models", "show", challenger.model_version).stdout
    assert "Reason: better beyond noise: MASE" in said
    table = flow(settings, "models", "list")
    assert "serves now" in table.stdout
    unknown = flow(settings, "models", "promote", "blend-2020-01-00000000")
    assert unknown.returncode == 1
    assert "There is no vintage blend-2020-01-00000000" in " ".join(unknown.stderr.split())


def run_job(home: Platform, name: str, config: dict[str, str]) -> list[dict[str, object]]:
    """What a promotion job tells of its decisions."""
    job = next(one for one in build_promotion_jobs(PARCELS) if one.name == name)
    (step,) = job.graph.node_dict
    result = job.execute_in_process(
        run_config={"ops": {step: {"config": config}}},
        resources={"platform": home},
    )
    (output,) = [one for one in result.all_events if one.is_successful_output]
    told = output.step_output_data.metadata["decisions"].value
    assert isinstance(told, list)
    return told


def test_the_jobs_promote_refuse_and_roll_back_and_tell_what_was_decided(home: Platform) -> None:
    better, worse = vintage(home, "effects"), vintage(home, "seasonal_naive")
    asked = {"decided_by": "somebody"}
    (won,) = run_job(home, "promote_parcels", asked | {"version": better.model_version})
    assert (won["promoted"], won["serving_version"]) == (True, better.model_version)
    (lost,) = run_job(home, "promote_parcels", asked | {"version": worse.model_version})
    assert (lost["kind"], lost["promoted"]) == ("refused", False)
    assert str(lost["reason"]).startswith("not better beyond noise")
    (back,) = run_job(home, "rollback_parcels", asked)
    assert (back["kind"], back["serving_version"]) == ("rollback", worse.model_version)
    last = home.registry.decisions("parcels", "parcels").iloc[-1]
    assert (last["kind"], last["decided_by"]) == ("rollback", "somebody")


def test_a_job_refuses_a_vintage_that_does_not_exist_and_a_day_that_is_over(home: Platform) -> None:
    version = vintage(home, "effects").model_version
    with pytest.raises(ConfigurationError, match="is over"):
        run_job(
            home,
            "promote_parcels",
            {"version": version, "decided_by": "x", "effective_day": "2025-01-01"},
        )
    with pytest.raises(ModelError, match="There is no vintage nope"):
        run_job(home, "promote_parcels", {"version": "nope", "decided_by": "x"})


def test_training_with_the_tag_also_names_the_champions(home: Platform) -> None:
    with home.store("admin").connect() as connection:
        connection.execute("update ml.vintages set is_champion = false")
    model = next(
        one for one in build_model_assets(home, PARCELS) if one.key.path[-1] == "parcels_model"
    )
    first, last = (f"{name}|{MONTHS[-1]}" for name in ("seasonal_naive", "effects"))
    with dg.DagsterInstance.ephemeral() as instance:
        for tags, expected in (({}, 0), ({CHAMPIONS_TAG: "name"}, 1)):
            result = dg.materialize(
                [model],
                instance=instance,
                resources={"platform": home},
                tags={**range_tags(first, last), **tags},
            )
            assert result.success
            champions = home.registry.champions("parcels", "parcels")
            assert len([one for one in champions if one.month == MONTHS[-1]]) == expected
        record = instance.get_latest_materialization_event(champion_key(PARCELS))
    assert record is not None and record.asset_materialization is not None
    assert str(record.asset_materialization.partition) == f"parcels|{MONTHS[-1]}"
