"""Flow Platform: as-of forecasts for logistics flows, as one Dagster lineage graph."""
