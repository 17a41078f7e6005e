"""What every engine shares: its interface, trained models, champions, promotion, metrics, boosters.

Pure: no Dagster, no SQL. What a kind of flow forecasts or scores with is in `forecasting/` and in
the flows' own packages; where vintages are kept is in `registry/`.
"""
