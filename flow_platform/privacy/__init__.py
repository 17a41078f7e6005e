"""What is held of a person: handing it out, erasing it, removing what was kept long enough.

How persons become pseudonyms is in `sources/pseudonyms.py`; the register is docs/privacy.md.
"""
