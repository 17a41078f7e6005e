"""The app that business users read: published views in, pages out.

It needs this folder and a DSN, and nothing of the platform's own code.
"""
