"""How the package starts its own processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner import processes
from runner.processes import command_in, python_command, variables_in, with_one_thread
from tests.pythons import python_of


def test_a_module_of_the_folder_a_process_starts_in_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    (tmp_path / "runner" / "__init__.py").write_text("raise ZeroDivisionError")
    command = python_command("runner.local.host", str(tmp_path), "no-such-job")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "ZeroDivisionError" not in done.stderr
    assert f"No such file or directory: '{tmp_path}/jobs/no-such-job/lock'" in done.stderr


def test_a_process_has_a_file_as_programs_have_which_is_safe_to_be_run_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "says.py").write_text(
        "import __main__, runpy\n"
        "def main():\n"
        "    print(__main__.__file__)\n"
        "    runpy.run_path(__main__.__file__, run_name='__mp_main__')\n"
    )
    command = python_command("says")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{processes.__file__}\n", "")


def test_spark_without_a_package_of_its_connection_does_not_end_our_process(
    tmp_path: Path,
) -> None:
    (tmp_path / "loads.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.partition('.')[0] == 'grpc_status':\n"
        "            raise ModuleNotFoundError(name)\n"
        "def main():\n"
        "    sys.meta_path.insert(0, Hidden())\n"
        "    try:\n"
        # MLflow does so when it loads a Spark ML model, and knows what to make of an ImportError.
        "        import pyspark.ml.connect\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        python_command("loads"), env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "grpcio-status" in done.stdout


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_process_has_one_thread_unless_somebody_says_otherwise(name: str) -> None:
    assert with_one_thread({"HOME": "/"})[name] == "1"
    assert with_one_thread({name: "4"})[name] == "4"


def test_another_python_finds_this_package_and_nothing_else_of_this_environment(
    tmp_path: Path,
) -> None:
    (tmp_path / "click.py").touch()
    (tmp_path / "declared").mkdir()
    (tmp_path / "declared" / "says.py").write_text(
        "import importlib.util, sys\n"
        "from runner import installing\n"
        "def main(*arguments):\n"
        "    print(*arguments, importlib.util.find_spec('click'), sys.flags.no_user_site,\n"
        "          installing.in_declared_environment())\n"
    )
    python = python_of("3.9")
    shell = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nowhere"}
    variables = variables_in(python, shell, {"PYTHONPATH": str(tmp_path / "declared")})
    done = subprocess.run(
        command_in(python, "says", "a word"),
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("a word None 1 True\n", "")


def test_the_variables_of_another_python_lead_to_that_one(tmp_path: Path) -> None:
    own = Path(sys.prefix, "bin")
    shell = {
        "PATH": f"{own}:/bin",
        "VIRTUAL_ENV": "/runner",
        "CONDA_PREFIX": "/conda",
        "HOME": "/me",
    }
    venv = tmp_path / "venv" / "bin"
    venv.mkdir(parents=True)
    python = str(venv / "python")
    plain = {"PATH": f"{venv}:/bin", "HOME": "/me", "PYTHONNOUSERSITE": "1"}
    assert variables_in(python, shell, {}) == plain
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert variables_in(python, shell, {}) == plain | {"VIRTUAL_ENV": str(tmp_path / "venv")}
    assert variables_in(python, shell, {"PATH": "/declared"})["PATH"] == "/declared"
