"""Segments of customers: features as of a month, K-Means, the number of segments, names."""
