select
    flow, centre_id, day as date, feature, psi, psi_critical, ks_statistic, ks_pvalue,
    n_current, n_reference, status
from {{ source('monitoring', 'drift') }}
