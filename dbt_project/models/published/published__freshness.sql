-- By the data itself: a backfill of an old day makes nothing fresh.
{{ union_of_flows('freshness') }}
