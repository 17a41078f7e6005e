-- Which model versions make the predictions now: a champion may have been promoted or rolled back since its month began.
{{ union_of_flows('model_use') }}
