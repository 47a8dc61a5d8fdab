"""Importing a scoring script as Azure does, for batch and for online deployments."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from runner.errors import JobFailed


def import_script(path: Path, folder: Path, name: str) -> ModuleType:
    """Run a script's file as the module `name`, with `folder` as the working folder.

    Raises JobFailed where there is no such file, and whatever the script raises.
    """
    if not path.is_file():
        raise JobFailed(f"script {path} does not exist")
    # A script finds its neighbours as it does on Azure: beside it and in the working folder.
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    sys.dont_write_bytecode = True
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise JobFailed(f"script {path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
