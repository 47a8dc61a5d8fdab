"""One-time runs of a Python file on a workspace's cluster, for tests."""

from __future__ import annotations

import uuid
from typing import Any

from tests.emulator.databricks.seed import SeededLake


def submission(lake: SeededLake, source: str, *parameters: str, **more: Any) -> dict[str, Any]:
    """Return the body of a one-time run of a Python file."""
    path = f"code/{uuid.uuid4().hex}/task.py"
    lake.put_file(path, source.encode())
    file = {"python_file": f"{lake.volume}/{path}", "parameters": list(parameters)}
    task = {
        "task_key": "train",
        "existing_cluster_id": lake.cluster_id,
        "spark_python_task": file,
    }
    return {"run_name": "train", "tasks": [task], **more}


def submit(lake: SeededLake, source: str, *parameters: str, **more: Any) -> int:
    """Begin a one-time run of a Python file; give its number."""
    body = submission(lake, source, *parameters, **more)
    run_id: int = lake.do("POST", "/api/2.2/jobs/runs/submit", body)["run_id"]
    return run_id
