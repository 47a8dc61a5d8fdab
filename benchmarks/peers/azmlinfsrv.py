"""`azmlinfsrv` on 127.0.0.1: the command itself listens on every address, and has no option for it.

    python benchmarks/peers/azmlinfsrv.py --entry_script SCRIPT --port PORT --worker_count COUNT

Needs azureml-inference-server-http, in an environment of its own.
"""

from __future__ import annotations

from azureml_inference_server_http import amlserver

amlserver.DEFAULT_HOST = "127.0.0.1"
amlserver.run()
