-- Which model versions make the predictions now: since its month began, a champion may have been promoted or rolled
-- back.
{{ union_of_flows('model_use') }}
