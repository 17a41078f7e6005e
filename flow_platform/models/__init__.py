"""What every engine shares: the record of a trained model, champions, promotion, metrics, boosters.

Pure: no Dagster, no SQL. What a kind of flow forecasts or scores with is in `forecasting/` and in
the flows' own packages; where vintages are kept is in `registry/`.
"""
