"""Drift statistics, pure: frames in, frames out. No Dagster, no SQL."""
