"""From a job's events to MLflow's runs: first into a journal on disk, from there to the server, each exactly once."""
