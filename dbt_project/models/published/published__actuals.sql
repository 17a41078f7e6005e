-- A target without a value has no row.
{{ union_of_flows('actuals') }}
