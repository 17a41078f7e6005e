"""What the pages read: SQL on the published views, as frames.

No sentence, no chart, no Dagster, nothing of the platform's own code. Queries that only one page
asks are in that page's folder.
"""
