{{ union_of_flows('accuracy_daily') }}
