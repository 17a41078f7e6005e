"""Blocks that several pages are built of: each shows one part of a page.

What a block shows is handed over or read through `data/`; its words are in `texts/`.
"""
