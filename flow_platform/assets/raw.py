"""Raw assets: the calendar, the weather, and the rows of each flow as they were loaded."""

from collections.abc import Iterator

import dagster as dg

from flow_platform.assets.common import (
    ONE_RUN,
    SHARED_GROUP,
    SHARED_OWNER,
    PlatformParam,
    by_centre_and_day,
    centres_metadata,
    columns_metadata,
    log_rectangle,
    rectangle_rows,
    rows_metadata,
    unpartitioned,
)
from flow_platform.assets.keys import raw_key, table_key
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow
from flow_platform.ground.tables import Table
from flow_platform.partitions import centre_day_partitions, rectangle_of
from flow_platform.parts import RawRows, parts_of
from flow_platform.platform import Platform
from flow_platform.sources.weather_options import WeatherSource
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.loading import Balance
from flow_platform.stages.refusals import sentences
from flow_platform.stages.weather import load_weather

CALENDAR = table_key("raw.calendar")
WEATHER = table_key("raw.weather")
CALENDAR_TABLE = Table.of(
    "raw.calendar",
    """
        flow                text      The flow whose centre it is.
        centre_id
        day                 date      Local day.
        weekday             smallint  0 = Monday.
        holiday             text      Name of the public holiday.
        is_public_holiday   boolean   Whether it is a public holiday.
        is_bridge_day       boolean   A working day between a holiday and a weekend.
        is_school_holiday   boolean   School holidays of the centre's zone.
        school_holiday      text      Name of the school holidays.
        days_to_holiday     smallint  Days to the next public holiday, at most 30.
        days_since_holiday  smallint  Days since the last one, at most 30.
        is_month_start      boolean   First day of the month.
        is_month_end        boolean   Last day of the month.
        event               text      Name of a known event: a campaign, a strike.
        is_event            boolean   Whether there is an event.
        event_announced     date      Day on which the event became known; null: always.
        shop_holiday        text      Public holiday of the shop's own country; retail alone.
    """,
)
WEATHER_TABLE = Table.of(
    "raw.weather",
    """
        centre_id
        day               date              Partition day: when it became known.
        vintage           text              forecast or observed.
        target_day        date              Local day that the weather is of.
        lead_days         smallint          Days from `day` to `target_day`.
        available_at
        temperature_mean  double precision  Mean temperature, degrees Celsius.
        temperature_min   double precision  Lowest temperature, degrees Celsius.
        temperature_max   double precision  Highest temperature, degrees Celsius.
        precipitation_mm  double precision  Precipitation, mm.
        snowfall_cm       double precision  Snowfall, cm.
        wind_max_kmh      double precision  Strongest wind, km/h.
    """,
)


def build_raw_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """The raw assets of one installation: the centres of each flow are its partitions."""
    return [_calendar(), _weather(platform), *(_rows_of(platform, flow) for flow in CATALOGUE)]


def _calendar() -> dg.AssetsDefinition:
    @dg.asset(
        key=CALENDAR,
        **unpartitioned(SHARED_GROUP, SHARED_OWNER, CALENDAR_TABLE),
        deps=[table_key("staging.centres")],
        description="Public and school holidays, bridge days and known events of every centre,"
        " 2005 to 2030.",
    )
    def calendar(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> dg.MaterializeResult:
        rows = load_calendar(platform)
        context.log.info("raw.calendar: %d rows stored", rows)
        return dg.MaterializeResult(metadata=rows_metadata(rows))

    return calendar


def _weather(platform: Platform) -> dg.AssetsDefinition:
    @dg.asset(
        key=WEATHER,
        group_name=SHARED_GROUP,
        kinds={"python", "postgres"},
        owners=[SHARED_OWNER],
        partitions_def=centre_day_partitions(platform.centre_ids, platform.settings.first_day),
        backfill_policy=ONE_RUN,
        metadata={**columns_metadata(WEATHER_TABLE), **centres_metadata(platform.centres)},
        description="What became known of the weather on a day: the forecasts for the next 14 days"
        " and the observation, each with available_at.",
    )
    def weather(context: dg.AssetExecutionContext, platform: PlatformParam) -> dg.MaterializeResult:
        rectangle = rectangle_of(context.partition_keys)
        log_rectangle(context, "weather", rectangle, platform.centres)
        rows, balance = load_weather(platform, rectangle)
        section = WeatherSource.section
        platform.loads.append((section, balance))
        warnings = sentences(section, balance)
        for warning in warnings:
            context.log.warning(warning)
        context.log.info("raw.weather: %d rows stored", rows)
        return dg.MaterializeResult(metadata=rows_metadata(rows, warnings=len(warnings)))

    return weather


def _rows_of(platform: Platform, flow: Flow) -> dg.AssetsDefinition:
    """The asset of a flow's own rows, with every row of its files accounted for."""
    key = raw_key(flow)
    rows = parts_of(flow).raw

    @dg.asset(
        key=key,
        **by_centre_and_day(platform, flow, rows.table),
        deps=[dg.AssetKey(one) for one in rows.after],
        description=f"{rows.description} Rows that cannot be used are in ops.quarantine, whole.",
        check_specs=_checks(key, rows),
    )
    def loaded(
        context: dg.AssetExecutionContext, platform: PlatformParam
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        rectangle = rectangle_rows(context, platform, flow)
        balance = rows.load(platform, rectangle)
        platform.loads.append((flow.name, balance))
        for warning in sentences(flow.name, balance):
            context.log.warning(warning)
        context.log.info(
            "%s: %d rows read, %d stored, %d in quarantine, %d of other partitions left out",
            rows.table.name,
            balance.rows_read,
            balance.rows_stored,
            balance.rows_quarantined,
            balance.rows_left,
        )
        yield dg.MaterializeResult(
            metadata=rows_metadata(
                balance.rows_stored,
                rows_read=balance.rows_read,
                rows_quarantined=balance.rows_quarantined,
                rows_left=balance.rows_left,
                rows_repeated=balance.rows_repeated,
                empty_partitions=balance.empty_partitions,
                days_not_whole=balance.days_not_whole,
                **{f"lines_{name}": count for name, count in balance.classes.items()},
                **{f"rejected_{name}": count for name, count in balance.rejected.items()},
            ),
            check_results=_judged(balance, rows, len(rectangle)),
        )

    return loaded


def _checks(key: dg.AssetKey, rows: RawRows) -> list[dg.AssetCheckSpec]:
    described = {
        "rows_balance": "Rows read = rows stored + rows quarantined.",
        "files_readable": "Every file could be read.",
        "days_reported": rows.empty_means,
        "rows_kept": f"At most {rows.most_rejected:.0%} of the rows of each file were rejected;"
        " counted by reason.",
    }
    return [
        dg.AssetCheckSpec(name, asset=key, description=text) for name, text in described.items()
    ]


def _judged(balance: Balance, rows: RawRows, partitions: int) -> list[dg.AssetCheckResult]:
    """The results of the checks of a load."""
    return [
        dg.AssetCheckResult(
            check_name="rows_balance",
            passed=balance.rows_read == balance.rows_stored + balance.rows_quarantined,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"quarantined": balance.rows_quarantined},
        ),
        dg.AssetCheckResult(
            check_name="files_readable",
            passed=not balance.broken_files,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"broken": dg.MetadataValue.json(list(balance.broken_files))},
        ),
        dg.AssetCheckResult(
            check_name="days_reported",
            passed=balance.empty_partitions == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"empty": balance.empty_partitions, "partitions": partitions},
        ),
        _rows_kept(balance, rows.most_rejected),
    ]


def _rows_kept(balance: Balance, most: float) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="rows_kept",
        passed=all(one.rows_quarantined <= most * one.rows_in_file for one in balance.files),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_in_files": balance.rows_in_files,
            "rejected": balance.rows_quarantined,
            **balance.rejected,
        },
    )
