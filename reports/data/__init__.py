"""MLflow's records → the tables that the pages start from."""
