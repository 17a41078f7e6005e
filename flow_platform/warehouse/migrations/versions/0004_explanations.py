"""The reasons why each forecast differs from a usual same weekday, in the forecast's own row."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0004"
down_revision = "0003"

COLUMNS = ("usual", "by_calendar", "by_weather", "by_events", "by_recent_level", "by_trend")


def upgrade() -> None:
    added = ", ".join(f"add column {name} double precision" for name in COLUMNS)
    as_owner(
        f"alter table ml.forecasts {added}",
        "comment on column ml.forecasts.usual is"
        " 'The same weekday at the level of the last half year, nothing special; null where no"
        " model forecast. usual and the by_... columns add up to the prediction.'",
    )


def downgrade() -> None:
    dropped = ", ".join(f"drop column {name}" for name in COLUMNS)
    op.execute(f"alter table ml.forecasts {dropped}")
