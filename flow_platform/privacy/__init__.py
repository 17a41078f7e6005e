"""The data of a person: exporting them, erasing them, removing them when their retention is over.

How persons become pseudonyms is in `sources/pseudonyms.py`; the register is docs/privacy.md.
"""
