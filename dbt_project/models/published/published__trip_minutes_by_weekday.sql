{{ trip_means_by('weekday') }}
