-- depends_on: {{ source('monitoring', 'retail_drift') }}
-- depends_on: {{ source('monitoring', 'traffic_drift') }}
-- depends_on: {{ source('monitoring', 'trips_drift') }}
-- depends_on: {{ source('monitoring', 'deliveries_drift') }}
select
    flow, centre_id, day as date, feature, psi, psi_critical, ks_statistic, ks_pvalue,
    n_current, n_reference, status
from {{ source('monitoring', 'drift') }}
