"""What every door of the REST API shares; the doors themselves stand in each application's `api.py`."""
