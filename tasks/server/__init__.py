"""A Prefect server for one run."""
