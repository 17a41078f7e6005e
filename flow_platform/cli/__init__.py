"""The `flow` command: a module a subject. `app.py` puts them together; nothing is computed here."""
