"""Scoring scripts: good ones, and every way to be a bad one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from ast import literal_eval
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.drivers.script import _lines, modules
from runner.engine.plan import read_plan, write_plan

from .job import Outcome, plan_job, run_job, score

FILES = {"a": b"1", "b": b"2", "c": b"3"}


def run(place: Path, body: str, *, init: str = "pass", top: str = "", **job: object) -> Outcome:
    """Score three files in one mini-batch with `run(mini_batch)` of that body."""
    script = f"{top}\ndef init():\n    {init}\ndef run(mini_batch):\n    {body}\n"
    return score(place, FILES, script=script, **{"max_retries": 0, **job})


def test_init_is_called_once_a_process_and_run_with_a_list_of_paths(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        "kind = type(mini_batch).__name__; return [f'{kind} {p!r} {CALLS}' for p in mini_batch]",
        top="CALLS = []",
        init="CALLS.append(1)",
        mini_batch_size=2,
    )
    assert outcome.output is not None
    assert outcome.output.decode().splitlines() == [
        f"list {str(tmp_path / 'input' / name)!r} [1]" for name in FILES
    ]


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        ("['x', 2, 3.5]", b"x\n2\n3.5\n"),
        ("('x', 2, None)", b"x\n2\nNone\n"),
        ("[[1, 'a,b'], ('c', 'd'), [None, True]]", b"[1, 'a,b']\n('c', 'd')\n[None, True]\n"),
        ("numpy.array([1, 2, 3])", b"1\n2\n3\n"),
        ("numpy.array([[1, 2], [3, 4], [5, 6]])", b"[1, 2]\n[3, 4]\n[5, 6]\n"),
        ("['two\\nlines', 'and\\r\\nthree', 'or\\rmore\\n']", b"two lines\nand three\nor more\n"),
        ("[['two\\nlines', 1], 'b', 'c']", b"['two\\nlines', 1]\nb\nc\n"),
        ("[{'k': 1}, 'b', 'c']", b"{'k': 1}\nb\nc\n"),
        ("['\\udcff', 'b', 'c']", b"\\udcff\nb\nc\n"),
    ],
)
def test_an_element_returned_is_a_line(tmp_path: Path, returned: str, output: bytes) -> None:
    outcome = run(tmp_path, f"import numpy; return {returned}")
    assert outcome.error is None
    assert outcome.output == output


def test_a_data_frame_is_written_with_blanks_without_header_and_index(tmp_path: Path) -> None:
    top = "import pandas as pd"
    frame = (
        "pd.DataFrame({'file': ['a b', 'c,d', '\\udcff'], 'prediction': [1, 1, 0]}, dtype=object)"
    )
    outcome = run(tmp_path / "frame", f"return {frame}", top=top)
    assert outcome.output == b'"a b" 1\nc,d 1\n\\udcff 0\n'
    assert outcome.attempts[0].tally["classes"] == {"0": 1, "1": 2}
    series = run(tmp_path / "series", "return pd.Series([1.5, 2, 3])", top=top)
    assert series.output == b"1.5\n2.0\n3.0\n"


@given(
    st.lists(
        st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
        min_size=2,
    )
)
@settings(deadline=None)
def test_a_row_of_any_cells_reads_back_as_pandas_and_python_read_it(cells: list[object]) -> None:
    (line,) = _lines([cells])
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert literal_eval(line.decode()) == cells
    frame = pd.DataFrame([cells], dtype=object)
    (text,) = _lines(frame)
    kinds = {"header": None, "dtype": str, "keep_default_na": False, "skip_blank_lines": False}
    read = pd.read_csv(io.BytesIO(text), sep=" ", lineterminator="\n", **kinds)  # type: ignore[call-overload]
    assert read.to_numpy().tolist() == [[_as_written(cell) for cell in cells]]


def _as_written(cell: object) -> str:
    return str(cell).encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize(
    "returned",
    [
        "[numpy.arange(5000)] * 3",
        "[[name, numpy.arange(5000)] for name in mini_batch]",
        "pandas.DataFrame({'file': mini_batch, 'values': [numpy.arange(5000)] * 3})",
        "[pandas.Series(range(5000))] * 3",
    ],
)
def test_a_long_array_is_written_whole(tmp_path: Path, returned: str) -> None:
    outcome = run(tmp_path, f"import numpy, pandas; return {returned}")
    assert outcome.output is not None
    lines = outcome.output.decode().splitlines()
    assert len(lines) == 3
    assert all("4321" in line and "..." not in line for line in lines)


def test_shutdown_is_called_once_a_process_when_there_is_no_more_to_do(tmp_path: Path) -> None:
    top = "import os\ndef shutdown(): print('shut down after', CALLS)\nCALLS = []"
    outcome = run(tmp_path, "CALLS.append(1); return mini_batch", top=top, mini_batch_size=1)
    assert outcome.error is None
    assert outcome.log == "shut down after [1, 1, 1]\n"
    assert outcome.said == ()


@pytest.mark.parametrize("failure", ["1 / 0", "raise SystemExit(3)"])
def test_what_shutdown_raises_is_told_and_fails_nothing(tmp_path: Path, failure: str) -> None:
    top = f"def shutdown():\n    {failure}\nleft = open('left.txt', 'w')"
    outcome = run(tmp_path, "left.write('whole'); return mini_batch", top=top)
    assert outcome.error is None
    assert outcome.output is not None
    (said,) = outcome.said
    assert said.startswith("warning: worker 0 did not end as it should: its process exited with")
    assert (tmp_path / "code" / "left.txt").read_text() == "whole"
    if failure == "1 / 0":
        assert "shutdown() raised ZeroDivisionError: division by zero (line 2)" in outcome.log


def test_a_shutdown_that_is_no_function_is_left_alone(tmp_path: Path) -> None:
    outcome = run(tmp_path, "return mini_batch", top="shutdown = 'later'")
    assert outcome.error is None
    assert outcome.said == ()


@given(st.text())
def test_a_text_of_any_kind_is_one_line(text: str) -> None:
    line = b"".join(_lines([text])).decode()
    assert line.endswith("\n")
    assert not set(line[:-1]) & set("\r\n")


def test_more_rows_than_files_are_all_written_and_counted(tmp_path: Path) -> None:
    outcome = run(tmp_path, "return [1, 2, 3, 4, 5]")
    assert outcome.output == b"1\n2\n3\n4\n5\n"
    assert outcome.attempts[0].rows == 5
    assert {file.rows for file in outcome.attempts[0].files} == {None}


def test_results_too_few_are_failed_files(tmp_path: Path) -> None:
    outcome = run(tmp_path, "return ['only one']")
    assert outcome.error is None
    assert outcome.output == b"only one\n"
    assert outcome.attempts[0].failed_files == 2
    assert outcome.said == (
        "mini-batch 0, attempt 1: run() returned 2 results too few; 2 files failed",
    )


def test_results_too_few_count_against_the_threshold(tmp_path: Path) -> None:
    outcome = run(tmp_path, "return ['only one']", error_threshold=1)
    assert outcome.error == (
        "2 files failed and error_threshold is 1; the last: a script returned 2 results too few"
    )


def test_no_results_at_all_fail_the_job(tmp_path: Path) -> None:
    outcome = run(tmp_path, "return []")
    assert outcome.error == (
        "none of the 3 files could be scored; the first: a script returned 3 results too few"
    )


@pytest.mark.parametrize(
    ("returned", "type_name"),
    [
        ("None", "NoneType"),
        ("'text'", "str"),
        ("{'a': 1}", "dict"),
        ("3", "int"),
        ("(i for i in range(3))", "generator"),
        ("__import__('numpy').array(3)", "ndarray"),
    ],
)
def test_a_result_of_the_wrong_type_fails_the_job_at_once(
    tmp_path: Path, returned: str, type_name: str
) -> None:
    outcome = run(tmp_path, f"return {returned}", max_retries=3)
    assert outcome.error == (
        f"script {tmp_path}/code/score.py: run() returned {type_name};"
        " it must return a DataFrame, an array or a list"
    )
    assert outcome.retries == []


@pytest.mark.parametrize("missing", ["init", "run"])
def test_a_script_without_one_of_its_functions_fails_the_job(tmp_path: Path, missing: str) -> None:
    other = "run" if missing == "init" else "init"
    outcome = score(tmp_path, FILES, script=f"def {other}(*_): pass\n{missing} = 3\n")
    assert outcome.error == (
        f"script {tmp_path}/code/score.py has no function {missing}();"
        " a scoring script defines init() and run(mini_batch)"
    )


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (
            "\nimport no_such_package",
            "can't be imported: ModuleNotFoundError: No module named 'no_such_package' (line 2)",
        ),
        (
            "from runner.features import wide",
            "can't be imported: ModuleNotFoundError: No module named 'runner.features' (line 1);"
            " runner is the package that runs this code here: give yours another name",
        ),
        ("1 / 0", "can't be imported: ZeroDivisionError: division by zero (line 1)"),
        ("import sys; sys.exit(3)", "can't be imported: it calls exit(3)"),
        ("def run(:", "can't be imported: SyntaxError: invalid syntax (score.py, line 1)"),
        ("", "has no function init(); a scoring script defines init() and run(mini_batch)"),
    ],
)
def test_a_script_that_fails_on_import_fails_the_job_with_its_line(
    tmp_path: Path, script: str, error: str
) -> None:
    outcome = score(tmp_path, FILES, script=script)
    assert outcome.error is not None
    assert outcome.error.partition("score.py")[2].lstrip(": ") == error
    assert outcome.attempts == []


def test_a_script_whose_init_raises_fails_the_job_and_its_log_has_the_traceback(
    tmp_path: Path,
) -> None:
    outcome = run(tmp_path, "return []", init="raise RuntimeError('no weights\\nat all')")
    assert outcome.error == (
        f"script {tmp_path}/code/score.py: init() raised RuntimeError: no weights at all (line 3)"
    )
    assert "Traceback" in outcome.log
    assert "raise RuntimeError" in outcome.log


def test_a_script_that_does_not_exist_is_named(tmp_path: Path) -> None:
    folder = plan_job(tmp_path, FILES, script="")
    (tmp_path / "code" / "score.py").unlink()
    assert run_job(folder).error == f"script {tmp_path}/code/score.py does not exist"


def test_what_run_raises_is_in_the_log_with_its_traceback(tmp_path: Path) -> None:
    outcome = run(tmp_path, "raise ValueError('bad\\nday ' + 'x' * 9999)")
    assert "ValueError: bad" in outcome.log
    (file, *_) = outcome.attempts[-1].files
    assert file.error is not None
    assert file.error.startswith("ValueError: bad day xxx")
    assert len(file.error) < 600


def test_what_a_script_prints_is_in_its_log(tmp_path: Path) -> None:
    body = (
        "print('to stdout 환자 \\udcff'); import os; os.system('echo from a child'); return [1]*3"
    )
    outcome = run(tmp_path, body, init="import sys; print('to stderr', file=sys.stderr)")
    assert outcome.log == "to stderr\nto stdout 환자 \\udcff\nfrom a child\n"


def test_a_script_finds_its_neighbours_and_works_in_its_own_folder(tmp_path: Path) -> None:
    script = (
        "import neighbour\ndef init(): pass\n"
        "def run(mini_batch): return [neighbour.WORD, open('words.txt').read(), 3]\n"
    )
    folder = plan_job(tmp_path, FILES, script=script)
    (tmp_path / "code" / "neighbour.py").write_text("WORD = 'hello'")
    (tmp_path / "code" / "words.txt").write_text("there")
    assert run_job(folder).output == b"hello\nthere\n3\n"
    assert not (tmp_path / "code" / "__pycache__").exists()


def test_a_script_imports_from_an_archive_and_runs_a_program_by_its_path(tmp_path: Path) -> None:
    script = (
        "import runpy, sys\nsys.path.append('packed.zip')\nimport packed\ndef init(): pass\n"
        "def run(batch): return [packed.VALUE, runpy.run_path('program.py')['VALUE'], 3]\n"
    )
    folder = plan_job(tmp_path, FILES, script=script)
    (tmp_path / "code" / "program.py").write_text("VALUE = 2\n")
    with zipfile.ZipFile(tmp_path / "code" / "packed.zip", "w") as archive:
        archive.writestr("packed.py", "VALUE = 1\n")
    assert run_job(folder).output == b"1\n2\n3\n"


@pytest.mark.parametrize("python", [None, sys.executable], ids=["this python", "another python"])
def test_a_script_named_like_a_module_that_everybody_needs_is_only_itself(
    tmp_path: Path, python: str | None
) -> None:
    source = """
import csv, pickle
class Row:
    pass
def init(): pass
def run(mini_batch):
    assert type(pickle.loads(pickle.dumps(Row()))) is Row
    return [[csv.QUOTE_ALL, "a,b"] for _ in mini_batch]
"""
    folder = plan_job(tmp_path, FILES, script="", python=python)
    (tmp_path / "code" / "csv.py").write_text(source)
    plan = read_plan(folder / "plan.json")
    write_plan(replace(plan, script=str(tmp_path / "code" / "csv.py")), folder / "plan.json")
    outcome = run_job(folder)
    assert outcome.error is None
    assert outcome.output == b"[1, 'a,b']\n" * 3


def test_the_classes_of_a_script_pickle_by_its_own_name(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        "return [pickle.loads(pickle.dumps(Row())).__module__] * 3",
        top="import pickle\nclass Row: pass",
    )
    assert outcome.output == b"score\n" * 3


def test_a_package_that_is_broken_is_the_scripts_to_complain_about(tmp_path: Path) -> None:
    (tmp_path / "broken" / "pandas").mkdir(parents=True)
    (tmp_path / "broken" / "pandas" / "__init__.py").write_text(
        "raise ValueError('numpy.dtype size changed')"
    )
    folder = plan_job(tmp_path, FILES, script="import pandas")
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(tmp_path / "broken")!r})
from runner.errors import JobFailed
from runner.engine.plan import read_plan
from runner.engine.run import run
folder = Path({str(folder)!r})
try:
    run(read_plan(folder / "plan.json"), folder, began=0)
except JobFailed as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.endswith(
        "score.py can't be imported: ValueError: numpy.dtype size changed (line 1)\n"
    ), done.stderr


def test_a_script_reads_its_variables_and_where_its_output_goes(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        "return [os.environ['COLOUR'], SEEN, os.environ['AZUREML_BI_OUTPUT_PATH']]",
        top="import os\nSEEN = os.environ['COLOUR']",
        variables={"COLOUR": "blue"},
    )
    assert outcome.output == f"blue\nblue\n{tmp_path}/job/output\n".encode()
    assert "COLOUR" not in os.environ


def test_a_script_can_read_no_standard_input(tmp_path: Path) -> None:
    assert run(tmp_path, "import sys; return [sys.stdin.read()] * 3").output == b"\n\n\n"


def test_summary_only_appends_nothing_and_keeps_what_the_script_wrote(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        "[open(OUT + '/' + p[-1], 'w').write('scored') for p in mini_batch]; return mini_batch",
        top="import os\nOUT = os.environ['AZUREML_BI_OUTPUT_PATH']",
        output_action="summary_only",
        mini_batch_size=2,
    )
    assert outcome.error is None
    assert outcome.output is None
    written = {path.name: path.read_text() for path in (outcome.folder / "output").iterdir()}
    assert written == dict.fromkeys(FILES, "scored")
    assert sum(attempt.rows for attempt in outcome.attempts) == 3


def test_only_packages_worth_sharing_are_imported_early_and_the_script_is_not_run(
    tmp_path: Path,
) -> None:
    script = tmp_path / "score.py"
    script.write_text(
        "import numpy as np, os, sklearn.tree\nfrom pandas import DataFrame\nfrom . import me\n"
        "import my_own_module\nraise SystemExit\ndef f():\n    import pyarrow.csv\n"
    )
    assert modules(script) == ["numpy", "pandas", "pyarrow.csv", "sklearn.tree"]
    script.write_text("def broken(:")
    assert modules(script) == []
    assert modules(tmp_path / "nowhere.py") == []


def test_what_run_raises_names_the_file_and_the_line_it_comes_from(tmp_path: Path) -> None:
    script = "import neighbour\ndef init(): pass\ndef run(mini_batch):\n    {}\n"
    for number, (body, where) in enumerate(
        [
            ("raise ValueError('bad day')", "ValueError: bad day (score.py, line 4)"),
            ("neighbour.fail()", "KeyError: 'age' (parts/other.py, line 2)"),
            (
                "int('x')",
                "ValueError: invalid literal for int() with base 10: 'x' (score.py, line 4)",
            ),
            ("exit(3)", "SystemExit: 3 (score.py, line 4)"),
        ]
    ):
        place = tmp_path / str(number)
        folder = plan_job(place, FILES, script=script.format(body), max_retries=0)
        (place / "code" / "neighbour.py").write_text("from parts.other import fail\n")
        (place / "code" / "parts").mkdir()
        (place / "code" / "parts" / "other.py").write_text("def fail():\n    {}['age']\n")
        outcome = run_job(folder)
        assert outcome.error is not None
        assert outcome.error.endswith(f"the first: {where}")


@pytest.mark.parametrize("status", [0, 3])
def test_a_script_that_exits_while_it_starts_is_told_so(tmp_path: Path, status: int) -> None:
    outcome = run(tmp_path, "return mini_batch", init=f"raise SystemExit({status})")
    assert outcome.error is not None
    assert f"exited with status {status} after SystemExit: {status}, 3 times" in outcome.error
