"""The process behind a served model: `scoring_process.py MODEL PORT`, MLflow's scoring server."""

from __future__ import annotations

import sys

import uvicorn
from mlflow.pyfunc import load_model, scoring_server

if __name__ == "__main__":
    served = scoring_server.init(load_model(sys.argv[1]))
    uvicorn.run(served, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
