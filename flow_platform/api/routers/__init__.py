"""The operations of the service, one module a subject. Each is listed in `api/app.py`."""
