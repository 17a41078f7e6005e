"""The database roles, one for each part of the platform, by name.

How they are created and sign in is in `warehouse/server.py`; their rights are granted where tables
are made.
"""

from __future__ import annotations

# Owns schemas and tables; cannot sign in.
OWNER = "flow_owner"
# The administrator of the server: no role of the platform.
ADMIN = "admin"

INGEST_ROLE = "flow_ingest"
TRANSFORM_ROLE = "flow_transform"
ML_ROLE = "flow_ml"
API_ROLE = "flow_api"
DASHBOARD_ROLE = "flow_dashboard"
DESK_ROLE = "flow_desk"
DAGSTER_ROLE = "flow_dagster"

# Roles that sign in, and what each may do.
LOGIN_ROLES: dict[str, str] = {
    INGEST_ROLE: "insert raw rows, loads, quarantine and offsets",
    TRANSFORM_ROLE: "read raw, write staging and merged, define the published views",
    ML_ROLE: "read merged, write models, forecasts and monitoring; own mlflow and optuna",
    API_ROLE: "own its sign-in tables, read published views",
    DASHBOARD_ROLE: "read published views only",
    DESK_ROLE: "read published views, add notes and resolutions of the deliveries desk",
    DAGSTER_ROLE: "own the database dagster: runs and events",
}
