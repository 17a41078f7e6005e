"""The page Road traffic: counters on a map, and the next 24 hours of one of them."""
