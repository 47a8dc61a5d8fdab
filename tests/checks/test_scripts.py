"""Scoring scripts and programs of jobs, as they are read."""

from __future__ import annotations

import pytest

from .conftest import Checked

BATCH = "models/m/batch-deployment.yml"
ONLINE = "models/m/online-deployment.yml"
SCRIPT = "models/m/code/score.py"
INIT = "def init():\n    pass\n\n\n"


def only_batch(project: Checked) -> Checked:
    project.remove(ONLINE)
    return project


def only_online(project: Checked) -> Checked:
    project.remove(BATCH)
    return project


def test_a_syntax_error(project: Checked) -> None:
    project.write(SCRIPT, "def init():\n    pass\n\ndef run(given)\n    return given\n")
    assert project.found() == [f"syntax {SCRIPT}:4"]
    assert "expected ':'" in project.text()


def test_a_script_that_is_no_text(project: Checked) -> None:
    (project.root / SCRIPT).write_bytes(b"def init():\n    pass\n\x00")
    assert [code.split()[0] for code in project.found()] == ["syntax"]


def test_syntax_of_a_newer_python_than_is_declared(project: Checked) -> None:
    project.write(
        SCRIPT,
        INIT + "def run(given):\n    match given:\n        case _:\n            return given\n",
    )
    assert project.found() == []
    project.change("models/m/conda.yml", "python=3.11", "python=3.9")
    (only,) = [finding for finding in project.findings() if finding.code == "syntax"]
    assert only.place.line == 8
    assert "Python 3.9, which its environment has," in only.text


def test_syntax_of_a_python_that_is_newer_than_the_one_here(project: Checked) -> None:
    project.write(SCRIPT, INIT + "def run(given):\n    return given\n\nbrand new syntax\n")
    assert project.found() == [f"syntax {SCRIPT}:8"]
    project.change("models/m/conda.yml", "python=3.11", "python=3.99")
    assert "syntax" not in {finding.code for finding in project.findings()}


def test_a_broken_program_of_a_job(project: Checked) -> None:
    project.write("models/m/src/train.py", "import joblib\nprint(\n")
    assert project.found() == ["syntax models/m/src/train.py:2"]


def test_a_script_without_its_functions(project: Checked) -> None:
    project.write(SCRIPT, "def initialize():\n    pass\n")
    assert only_batch(project).found() == [f"functions {SCRIPT}", f"functions {SCRIPT}"]
    first, second = (finding.text for finding in project.findings())
    assert first.startswith("has no function init()")
    assert second == "has no function run(): define run(mini_batch)"


def test_what_is_asked_of_an_online_script_is_called_by_its_name(project: Checked) -> None:
    project.write(SCRIPT, INIT)
    assert "define run(raw_data)" in only_online(project).text()


@pytest.mark.parametrize(
    "text",
    [
        "from shared import init, run\n",
        "from shared import *\n",
        INIT + "run = lambda given: [given]\n",
        INIT + "try:\n    from fast import run\nexcept ImportError:\n    from slow import run\n",
        "globals().update(init=print, run=len)\n",
        "class Scorer:\n    pass\n\ninit = run = Scorer()\n",
    ],
)
def test_functions_may_come_from_anywhere(project: Checked, text: str) -> None:
    for name in ("shared", "fast", "slow"):
        project.write(f"models/m/code/{name}.py", "")
    project.write(SCRIPT, text)
    assert project.found() == []


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("def run():\n    return [1]\n", "run() takes no value"),
        ("def run(given, more):\n    return [1]\n", "run() needs 2 values"),
        ("def run(given, *, more):\n    return [1]\n", "run() needs 2 values"),
        ("def run(request_headers):\n    return [1]\n", "run() takes no value"),
        ("def run(*given):\n    return [1]\n", "run() takes *args"),
        ("def run(given, **more):\n    return [1]\n", "run() takes *args, **kwargs"),
        ("def run(given, /):\n    return [1]\n", "or values by position only"),
    ],
)
def test_a_run_that_azure_can_not_call(project: Checked, run: str, said: str) -> None:
    project.write(SCRIPT, INIT + run)
    assert only_online(project).found() == [f"parameters {SCRIPT}:5"]
    assert said in project.text()


def test_a_batch_run_that_asks_for_the_mini_batchs_context(project: Checked) -> None:
    project.write(SCRIPT, INIT + "def run(given, mini_batch_context):\n    return given\n")
    assert only_batch(project).found() == []


def test_a_batch_run_of_any_values(project: Checked) -> None:
    project.write(SCRIPT, INIT + "def run(*given, **more):\n    return given\n")
    assert only_batch(project).found() == []


def test_an_init_that_needs_a_value(project: Checked) -> None:
    project.write(SCRIPT, "def init(path):\n    pass\n\n\ndef run(given):\n    return given\n")
    assert only_batch(project).found() == [f"parameters {SCRIPT}:1"]


@pytest.mark.parametrize(
    "run",
    [
        "def run(given, more=None):\n    return [1]\n",
        "def run(given, request_headers):\n    return [1]\n",
        "def run(*, given, more=None):\n    return [1]\n",
        "async def run(given):\n    return [1]\n",
        "@input_schema('data', sample)\ndef run(data, params):\n    return 1\n",
        "@rawhttp\ndef run(request):\n    return 1\n",
    ],
)
def test_a_run_that_azure_can_call(project: Checked, run: str) -> None:
    project.write(SCRIPT, INIT + "sample = rawhttp = input_schema = output_schema = None\n" + run)
    assert only_online(project).found() == []


@pytest.mark.parametrize(
    "body",
    [
        "    print(given)\n",
        "    for one in given:\n        print(one)\n    return\n",
        "    return None\n",
    ],
)
def test_a_run_of_a_batch_deployment_that_returns_nothing(project: Checked, body: str) -> None:
    project.write(SCRIPT, INIT + "def run(given):\n" + body)
    assert only_batch(project).found() == [f"returns {SCRIPT}:5"]


def test_a_run_of_a_batch_deployment_that_yields(project: Checked) -> None:
    project.write(SCRIPT, INIT + "def run(given):\n    yield from given\n")
    assert only_batch(project).found() == [f"returns {SCRIPT}:5"]
    assert "generator" in project.text()


@pytest.mark.parametrize(
    "body",
    [
        "    if given:\n        return given\n",
        "    def inner():\n        return None\n    return inner()\n",
        "    raise NotImplementedError\n",
    ],
)
def test_a_run_that_may_return_something(project: Checked, body: str) -> None:
    project.write(SCRIPT, INIT + "def run(given):\n" + body)
    assert only_batch(project).found() == []


def test_an_online_run_may_return_nothing(project: Checked) -> None:
    project.write(SCRIPT, INIT + "def run(given):\n    print(given)\n")
    assert only_online(project).found() == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ('os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl")', "join model/model.pkl"),
        ('os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model", "mode.pkl")', "'model.pkl'"),
        ('Path(os.environ["AZUREML_MODEL_DIR"]) / "outputs" / "model.pkl"', "model: join that"),
        ('os.environ.get("AZUREML_MODEL_DIR") + "/model.pkl"', "join model/model.pkl"),
    ],
)
def test_a_path_below_the_models_folder_that_will_not_be_there(
    project: Checked, path: str, said: str
) -> None:
    project.write(
        SCRIPT,
        f"import os\nfrom pathlib import Path\n\n\ndef init():\n    open({path})\n\n\n"
        "def run(given):\n    return given\n",
    )
    assert only_batch(project).found() == [f"model-path {SCRIPT}:6"]
    assert said in project.text()


@pytest.mark.parametrize(
    "path",
    [
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "model.pkl")',
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], "model")',
        'Path(os.environ["AZUREML_MODEL_DIR"], "model") / "MLmodel"',
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], name)',
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], "*", "model.pkl")',
        'os.path.join(os.getenv("AZUREML_MODEL_DIR", "."), name)',
        'os.path.join(os.environ["OTHER"], "model.pkl")',
    ],
)
def test_a_path_that_will_be_there_or_is_not_written_out(project: Checked, path: str) -> None:
    project.write(
        SCRIPT,
        f'import os\nfrom pathlib import Path\n\nname = "x"\n\n\ndef init():\n    open({path})\n\n'
        "def run(given):\n    return given\n",
    )
    assert only_batch(project).found() == []


def test_a_script_that_asks_whether_a_path_is_there(project: Checked) -> None:
    project.write(
        SCRIPT,
        "import os\n\n\ndef init():\n"
        '    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "x")\n'
        "    if os.path.exists(path):\n        open(path)\n\n\ndef run(given):\n    return given\n",
    )
    assert project.found() == []


def test_a_model_that_is_a_file_lies_in_the_models_folder_itself(project: Checked) -> None:
    project.write("models/m/model.yml", "name: m\ntype: custom_model\npath: ./model/model.pkl\n")
    project.remove("models/m/batch-deployment-plain.yml")
    project.change("models/m/batch-endpoint.yml", "plain", "script")
    project.remove("models/m/online-deployment-plain.yml")
    project.change("models/m/online-endpoint.yml", "plain", "script")
    assert project.found() == [f"model-path {SCRIPT}:9"]
    project.change(SCRIPT, '"model", "model.pkl"', '"model.pkl"')
    assert project.found() == []


def test_a_script_that_asks_for_the_workspace_of_a_file_that_is_not_sent(project: Checked) -> None:
    project.write(
        SCRIPT,
        "def init():\n    from azureml.core import Workspace\n    Workspace.from_config()\n\n\n"
        "def run(given):\n    return given\n",
    )
    assert project.found() == [f"workspace-config {SCRIPT}:3"]
    project.write("models/m/code/config.json", "{}")
    assert project.found() == []


def test_a_script_that_opens_a_file_of_somebodys_machine(project: Checked) -> None:
    project.change(
        SCRIPT, "    global model\n", "    global model\n    open('C:\\\\me\\\\x.csv')\n"
    )
    (only,) = project.findings()
    assert (only.code, only.place.line, only.severity) == ("own-path", 9, "warning")
    assert only.text.startswith("C:\\me\\x.csv is a path of one machine")


@pytest.mark.parametrize(
    "path", ["/var/x.csv", "x/home/y", "/mnt/azureml/x", "https://x.org/home/"]
)
def test_other_paths_are_left_alone(project: Checked, path: str) -> None:
    project.change(SCRIPT, "    global model\n", f"    global model\n    open({path!r})\n")
    assert project.found() == []
