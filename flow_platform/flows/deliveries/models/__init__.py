"""How long orders take and which will be late: what is known of each, candidates, calibration."""
