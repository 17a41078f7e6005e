"""The app that business users read: published views in, pages out.

Stands alone: it needs this folder, a DSN and nothing of the platform's own code.
"""
