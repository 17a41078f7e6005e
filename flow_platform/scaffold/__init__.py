"""Writes the package of a new flow, with its SQL, migration, page and tests, from templates.

The templates are the files below `templates/<kind>/`, at the paths that they get in the project.
"""
