"""Which kinds of customers there are: features as of a month, K-Means, how many segments, names."""
