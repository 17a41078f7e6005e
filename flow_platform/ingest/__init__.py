"""Streams that stay open: what receives messages, settles them in the warehouse, and their state.

What a message means is in `sources/`; sources that are asked, day by day, land in `stages/`.
"""
