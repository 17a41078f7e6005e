"""The flow `traffic`: vehicles past road counters by the hour."""
