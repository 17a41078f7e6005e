"""Any panel of rows `unique_id, ds, y`: candidates, a champion chosen by backtest, honest scores.

`evaluation` is where to begin; `flow evaluate` is the command. Nothing here reads a database or
knows Dagster. The flows' own models, which know calendars, weather and when facts became known,
are in `forecasting` and share no code with these.
"""
