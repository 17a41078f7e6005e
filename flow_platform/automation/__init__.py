"""Jobs, schedules and how Dagster's events are stored."""
