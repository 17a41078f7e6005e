"""The engine of daily series: frame, candidates, bands, training, tuning, explanation, what-if.

Pure: no Dagster, no SQL, and no feature that was unknown at the issue time.
"""
