"""Pure forecasting core: as-of frames, candidates, backtests, intervals and selection.

Takes and returns frames and bytes. No Dagster, no SQL, no files: `assets` bring data in and out.
"""
