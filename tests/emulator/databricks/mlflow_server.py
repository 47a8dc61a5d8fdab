"""MLflow's own tracking server, as `mlflow server` is, in one process: `mlflow_server.py PORT`.

Where it keeps what, it is told by the variables that MLflow's command line sets for it.
"""

from __future__ import annotations

import sys

from mlflow.server import app
from werkzeug.serving import run_simple

if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
