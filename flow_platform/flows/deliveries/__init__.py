"""The flow `deliveries`: how long orders of a marketplace take, which will be late, and
its customers' segments.
"""
