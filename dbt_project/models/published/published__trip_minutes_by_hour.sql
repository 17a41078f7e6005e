{{ trip_means_by('local_hour') }}
