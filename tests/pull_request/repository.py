"""A git repository with a project in it, for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"


def git(root: Path, *words: str) -> str:
    """Run git in a repository, as nobody in particular, and return what it prints."""
    settings = [
        *("-c", "user.name=test", "-c", "user.email=test@example.org"),
        *("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"),
    ]
    command = ["git", "-C", str(root), *settings, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(root: Path) -> str:
    """Commit all files of a folder, which becomes a repository, and return the commit."""
    if not (root / ".git").exists():
        git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "more")
    return git(root, "rev-parse", "HEAD")


def stack(*pins: str) -> str:
    """Return a stack file with pins, each ENDPOINT/DEPLOYMENT=MODEL."""
    text = "config:\n  scoring:endpoints:\n"
    for pin in pins:
        place, _, model = pin.partition("=")
        endpoint, _, deployment = place.partition("/")
        text += f"    {endpoint}:\n      deployments:\n        {deployment}: {{model: '{model}'}}\n"
    return text if pins else "config: {}\n"


def write(root: Path, files: dict[str, str]) -> None:
    """Write files into a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


PROJECT = {
    "Pulumi.yaml": "name: sample\nruntime: python\n",
    "Pulumi.dev.yaml": stack("echo/main=azureml:greeting:2"),
    "models/echo/greeting/greeting.txt": "hello\n",
    "models/echo/model.yml": (
        f"$schema: {SCHEMAS}/model.schema.json\nname: greeting\ntype: custom_model\n"
        "path: ./greeting\n"
    ),
    "models/echo/batch-endpoint.yml": (
        f"$schema: {SCHEMAS}/batchEndpoint.schema.json\nname: echo\n"
        "defaults: {deployment_name: main}\n"
    ),
    "models/echo/batch-deployment.yml": (
        f"$schema: {SCHEMAS}/modelBatchDeployment.schema.json\nname: main\nendpoint_name: echo\n"
        "type: model\nmodel: azureml:greeting@latest\ncompute: azureml:cpu-cluster\n"
        "code_configuration: {code: ./code, scoring_script: score.py}\n"
        "environment: {image: example.org/image}\n"
    ),
    "models/echo/code/score.py": "def run(batch): return []\n",
}
