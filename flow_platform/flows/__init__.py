"""The flows of the platform: a package each, and the catalogue that lists them.

A flow's package holds all that is its own. Its `flow.py` declares what is predicted and who owns
it, and is light; its `parts.py` binds what the rest of the platform calls.
"""
