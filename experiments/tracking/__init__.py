"""The tracking database: MLflow's runs, written by one process.

What MLflow reads from the environment while it is imported is set here, before any module of this package imports it.
"""

import os

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # its errors become a UserError, without its traceback
# The journal tries again, without making the study wait: MLflow's own seven attempts would take minutes each time.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "false")
