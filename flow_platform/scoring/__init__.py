"""Models of single records. Pure: arrays and frames in and out, no Dagster, no SQL."""
