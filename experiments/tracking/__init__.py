"""The tracking database: MLflow's runs, written by one process."""
