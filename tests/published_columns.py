"""Columns of published tables that tests of the API and of the app make alike."""

SHARED = {
    "predictions": "flow text, measure text, centre_id text, target_at timestamptz, date date,"
    " horizon int, prediction float8, lower_80 float8, upper_80 float8, lower_95 float8,"
    " upper_95 float8, issued_at timestamptz, issued_on date, model_version text, level text",
    "accuracy": "flow text, measure text, centre_id text, horizon int, first_date date,"
    " last_date date, n int, mae float8, rmse float8, mape float8, wape float8, mase float8,"
    " bias float8, coverage_80 float8, coverage_95 float8, mean_actual float8,"
    " against_persistence float8",
    "coverage": "flow text, measure text, cut text, key text, forecasts bigint, coverage_80 float8,"
    " coverage_95 float8, expected_80 float8, expected_95 float8, mean_width_80 float8,"
    " first_day date, last_day date",
    "drift": "flow text, centre_id text, date date, feature text, psi float8, psi_critical float8,"
    " ks_statistic float8, ks_pvalue float8, n_current int, n_reference int, status text",
    "trip_zones": "zone_id int, zone text, centre_id text, latitude float8, longitude float8",
    "delivery_predictions": "order_id text, centre_id text, scored_at timestamptz, stage text,"
    " predicted_days float8, lower_80 float8, upper_80 float8, late_probability float8,"
    " actual_days float8, was_late bool, model_version text, day date, late_version text,"
    " threshold float8, is_high_risk bool",
    "freshness": "flow text, dataset text, newest_day date, newest_at timestamptz, rows bigint",
}
