"""One true table of each flow, written in the many ways in which people write tables.

How a table is written is in `writing.py`, which tables there are in `tables.py`, and what a reader
made of them in `reading.py`.
"""
