"""The operations that serve all flows, one module for each subject, listed in `api/app.py`.

Operations of one flow are in its package (`flows/<flow>/api`).
"""
