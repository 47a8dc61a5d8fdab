"""The generated driver: files in, rows out, for scikit-learn and MLflow's other kinds of model."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner.engine.drivers.mlflow_model import MlflowDriver, modules, refuse_unsupported
from runner.engine.drivers.result import Result
from runner.engine.plan import InputFile
from runner.errors import JobFailed

from .job import run_job, score, write_files
from .models import inputs, lay_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*An input example was not provided", "ignore:.*Add type hints to the"
)

# Classes made from source belong to no module that a worker could import, so their pickle
# carries them whole, as the pickle of a notebook's class does.
ESTIMATORS = """
import os, signal
from pathlib import Path

class Doubler:
    def predict(self, frame):
        return frame["a"].to_numpy() * 2

class Mortal:
    '''Dies as often as column `deaths` says, over the file whose number is in column `file`.'''
    def predict(self, frame):
        marks = Path(os.environ["MARKS"])
        name, deaths = int(frame["file"].iloc[0]), int(frame["deaths"].iloc[0])
        for number in range(deaths):
            try:
                os.close(os.open(marks / f"{name}.{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return frame["a"].to_numpy() * 2

class Returns:
    def __init__(self, value):
        self.value = value
    def predict(self, frame):
        return self.value

class Raises:
    def __init__(self, at, error):
        self.at, self.error = at, error
    def predict(self, frame):
        if (frame["a"] == self.at).any():
            raise self.error
        return frame["a"].to_numpy()

class Counts:
    calls = 0
    def predict(self, frame):
        self.calls += 1
        return [f"call {self.calls} of {len(frame)} rows"] * len(frame)
"""


def estimator(name: str, *arguments: Any) -> bytes:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(ESTIMATORS, space)  # noqa: S102
    pickled: bytes = cloudpickle.dumps(space[name](*arguments))
    return pickled


def lay(place: Path, name: str, *arguments: Any, **types: str) -> Path:
    signature = inputs(**(types or {"a": "double"}))
    return lay_model(place / "model", signature, pickle=estimator(name, *arguments))


@dataclass(frozen=True)
class Scored:
    result: Result
    text: str

    @property
    def rows(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.text, newline="")))

    @property
    def errors(self) -> dict[str, str | None]:
        return {file.name: file.error for file in self.result.files}


def run(model: Path, folder: Path, files: Mapping[str, bytes]) -> Scored:
    """Score files in one mini-batch, in this process."""
    write_files(folder, files)
    written: list[bytes] = []
    driver = MlflowDriver(model)
    result = driver.run([folder / name for name in files], lambda part: written.append(bytes(part)))
    return Scored(result, b"".join(written).decode())


def test_each_file_is_one_call_of_the_model(tmp_path: Path) -> None:
    model = lay(tmp_path, "Counts")
    scored = run(model, tmp_path / "in", {"x.csv": b"a\n1\n2\n", "y.csv": b"a\n3\n"})
    assert scored.text == (
        "0,call 1 of 2 rows,x.csv\n1,call 1 of 2 rows,x.csv\n0,call 2 of 1 rows,y.csv\n"
    )
    assert [(file.name, file.rows) for file in scored.result.files] == [("x.csv", 2), ("y.csv", 1)]
    assert scored.result.tally["classes"] == {"call 1 of 2 rows": 2, "call 2 of 1 rows": 1}


def test_a_bad_file_fails_alone_naming_file_row_and_column_and_is_not_tried_again(
    tmp_path: Path,
) -> None:
    model = lay(tmp_path, "Doubler")
    files = {
        "good.csv": b"a\n1\n",
        "text.csv": b"a\n1\n2\nnope\n",
        "empty.csv": b"",
        "ragged.csv": b"a\n1,2\n",
        "last.CSV": b"a\n4\n",
    }
    scored = run(model, tmp_path / "in", files)
    assert scored.text == "0,2.0,good.csv\n0,8.0,last.CSV\n"
    assert scored.errors == {
        "good.csv": None,
        "text.csv": "text.csv: row 2, column 'a': 'nope' is not a double",
        "empty.csv": "empty.csv: is empty",
        "ragged.csv": "ragged.csv: row 0: has 2 cells and the header 1",
        "last.CSV": None,
    }
    assert scored.result.retry is None


def test_columns_the_model_does_not_know_are_ignored_with_a_warning(tmp_path: Path) -> None:
    scored = run(lay(tmp_path, "Doubler"), tmp_path / "in", {"x.csv": b"b,a,c\n9,1,9\n"})
    assert scored.text == "0,2.0,x.csv\n"
    assert scored.result.warnings == (
        "x.csv: columns the model doesn't know are ignored: 'b', 'c'",
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "the model returned no predictions"),
        (None, "the model returned a single NoneType"),
        (7.5, "the model returned a single float"),
    ],
)
def test_a_model_that_returns_no_list_of_answers_fails_the_file_and_is_not_asked_again(
    tmp_path: Path, value: Any, reason: str
) -> None:
    scored = run(lay(tmp_path, "Returns", value), tmp_path / "in", {"x.csv": b"a\n1\n2\n"})
    assert scored.text == ""
    assert scored.errors["x.csv"] is not None
    assert scored.errors["x.csv"].startswith(f"x.csv: {reason}")
    assert scored.result.retry is None


@pytest.mark.parametrize("value", [[5], [5, 6, 7], np.arange(5)])
def test_a_model_may_give_more_answers_than_rows_or_fewer(tmp_path: Path, value: Any) -> None:
    scored = run(lay(tmp_path, "Returns", value), tmp_path / "in", {"x.csv": b"a\n1\n2\n"})
    assert scored.text == "".join(f"{place},{answer},x.csv\n" for place, answer in enumerate(value))
    (file,) = scored.result.files
    assert file.rows == len(value)


def test_a_model_that_raises_over_one_file_asks_for_another_attempt_and_keeps_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = lay(tmp_path, "Raises", 2.0, ValueError("not\n2"))
    scored = run(model, tmp_path / "in", {"x.csv": b"a\n1\n", "y.csv": b"a\n2\n"})
    assert scored.text == "0,1.0,x.csv\n"
    assert scored.errors == {"x.csv": None, "y.csv": "y.csv: ValueError: not 2"}
    assert scored.result.retry == "y.csv: ValueError: not 2"
    assert "Traceback" in capfd.readouterr().err


def test_parquet_is_scored_as_csv_is(tmp_path: Path) -> None:
    write_files(tmp_path / "in", {})
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(tmp_path / "in" / "x.parquet")
    content = (tmp_path / "in" / "x.parquet").read_bytes()
    scored = run(lay(tmp_path, "Doubler"), tmp_path / "in", {"x.parquet": content})
    assert scored.text == "0,2.0,x.parquet\n1,4.0,x.parquet\n"


@pytest.mark.parametrize("name", ["x.txt", "README", "x.csv.gz", "환자.xlsx", ".csv"])
def test_a_file_that_no_deployment_without_a_script_reads_is_refused_before_anything_runs(
    name: str,
) -> None:
    dot_alone = " behind something else, so rename '.csv'"
    with pytest.raises(JobFailed) as raised:
        refuse_unsupported([InputFile("a.csv", 0, 0), InputFile(name, 0, 0)], "/in it")
    assert str(raised.value) == (
        f"input file {name!r} is not supported by a deployment without a script; it reads names"
        " that end in .bmp, .csv, .gif, .jpeg, .jpg, .parquet, .png, .pqt, .tiff"
        f"{'' if name != '.csv' else dot_alone}; take it out, or score the one file it reads with"
        " `--data '/in it/*.csv'`"
    )
    refuse_unsupported(
        [InputFile(name, 0, 0) for name in ("a.csv", "b.PNG", "c.Parquet", "d.pqt")], "/in"
    )


def test_all_the_files_that_are_not_read_are_named_up_to_a_bound() -> None:
    def refusal(*names: str) -> str:
        with pytest.raises(JobFailed) as raised:
            refuse_unsupported([InputFile(name, 0, 0) for name in names], "in")
        return str(raised.value)

    text = refusal("_SUCCESS", ".DS_Store", "a.CSV", "b.CSV", "c.png", "README.txt", "d.csv.gz")
    assert text.startswith(
        "input files '_SUCCESS', '.DS_Store', 'README.txt', 'd.csv.gz' are not supported"
    )
    assert text.endswith("score the 2 files it reads with `--data 'in/*.CSV'`")
    many = refusal(*(f"{number}.txt" for number in range(1012)))
    assert "'9.txt' and 1,002 more are not" in many
    assert "--data" not in many
    assert many.endswith("; give it such files, or deploy the model with a scoring script")
    assert refusal("a.csv.gz").endswith("; unpack it: `gunzip in/a.csv.gz`")
    assert refusal("a.csv.gz", "b.CSV.GZ").endswith("; unpack them: `gunzip in/*`")
    assert refusal("a.csv.gz", "b.txt").endswith("with a scoring script")


def test_an_image_for_a_model_of_columns_fails_alone(tmp_path: Path) -> None:
    image = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), dtype="uint8")).save(image, "PNG")
    files = {"x.csv": b"a\n1\n", "y.png": image.getvalue()}
    scored = run(lay(tmp_path, "Doubler"), tmp_path / "in", files)
    assert scored.text == "0,2.0,x.csv\n"
    assert scored.errors["y.png"] == (
        "y.png: is an image, and the model takes columns: an image goes to a model without a"
        " signature, with one tensor or with one column of type binary"
    )
    assert scored.result.retry is None


def test_a_plain_model_needs_no_mlflow_before_workers_are_forked(tmp_path: Path) -> None:
    model = lay(tmp_path, "Doubler")
    assert modules(model) == ["pyarrow.csv", "pyarrow.compute"]
    assert modules(lay(tmp_path / "text", "Doubler", a="string"))[2:] == ["pandas"]
    other = lay_model(tmp_path / "other", sklearn={"serialization_format": "skops"})
    assert "mlflow.pyfunc" in modules(other)


# Whole jobs.


@given(
    tables=st.lists(
        st.tuples(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=4), st.integers(0, 1)),
        min_size=1,
        max_size=5,
    ),
    size=st.integers(1, 3),
    processes=st.integers(1, 2),
)
@settings(deadline=None, max_examples=5)
def test_however_a_models_workers_die_the_output_is_that_of_one_plain_pass(
    tables: list[tuple[list[float], int]], size: int, processes: int
) -> None:
    files, expected = {}, ""
    for number, (values, deaths) in enumerate(tables):
        name = f"{number:02d}.csv"
        rows = "".join(f"{value!r},{number},{deaths}\n" for value in values)
        files[name] = f"a,file,deaths\n{rows}".encode()
        expected += "".join(f"{row},{value * 2!r},{name}\n" for row, value in enumerate(values))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "marks").mkdir()
        outcome = score(
            place,
            files,
            # A column of text, though optional, has pandas imported once for all workers.
            model=lay(place, "Mortal", a="double", file="long", deaths="long", text="string?"),
            variables={"MARKS": str(place / "marks")},
            mini_batch_size=size,
            processes=processes,
        )
        assert outcome.error is None
        assert len(outcome.retries) == sum(deaths for _, deaths in tables)
        assert outcome.output is not None
        read = [line.split(",") for line in outcome.output.decode().splitlines()]
        plain = [line.split(",") for line in expected.splitlines()]
        assert [(r, float(v), n) for r, v, n in read] == [(r, float(v), n) for r, v, n in plain]


def test_a_job_says_which_files_failed_and_scores_the_others(tmp_path: Path) -> None:
    names = ["good.csv", 'odd,"name"\n.csv', os.fsdecode(b"\xff.csv"), "환" * 83 + ".csv"]
    files = dict.fromkeys(names, b"x,a\n0,1\n0,2\n") | {"bad.csv": b"a\n1\nbad\n"}
    outcome = score(tmp_path, files, model=lay(tmp_path, "Doubler"))
    assert outcome.error is None
    assert outcome.retries == []
    assert "failed: bad.csv: row 1, column 'a': 'bad' is not a double" in outcome.said
    assert outcome.output is not None
    text = outcome.output.decode()
    shown = {name.encode("utf-8", "backslashreplace").decode() for name in names}
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {tuple(row) for row in rows} == {
        (str(row), value, name) for name in shown for row, value in enumerate(("2.0", "4.0"))
    }
    frame = pd.read_csv(io.StringIO(text), index_col=0, names=["row", "prediction", "file"])
    assert set(frame["file"]) == shown


def test_a_bad_file_that_was_mended_is_scored_on_resume(tmp_path: Path) -> None:
    files = {"bad.csv": b"a\nbad\n", "good.csv": b"a\n1\n", "other.csv": b"a\n3\n"}
    model = lay(tmp_path, "Doubler", a="double", text="string?")
    first = score(tmp_path, files, model=model, mini_batch_size=2)
    assert first.output == b"0,2.0,good.csv\n0,6.0,other.csv\n"
    (tmp_path / "input" / "bad.csv").write_bytes(b"a\n2\n")
    again = run_job(first.folder)
    assert again.output == b"0,4.0,bad.csv\n0,2.0,good.csv\n0,6.0,other.csv\n"
    assert [attempt.mini_batch for attempt in again.attempts[2:]] == [0]


def test_a_model_that_always_raises_is_retried_and_the_job_fails(tmp_path: Path) -> None:
    model = lay(tmp_path, "Raises", 1.0, ValueError("never"))
    outcome = score(tmp_path, {"x.csv": b"a\n1\n"}, model=model, max_retries=1)
    reason = "x.csv: ValueError: never"
    assert outcome.retries == [reason]
    assert outcome.error == f"the one file could not be scored: {reason}"


@pytest.mark.parametrize("content", [b"", b"\x80\x05corrupt", b"cno_such_package.x\nY\n."])
def test_a_model_that_can_not_be_loaded_fails_the_job_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    model = lay_model(tmp_path / "model", inputs(a="double"), pickle=content)
    outcome = score(tmp_path, {"x.csv": b"a\n1\n"}, model=model, processes=2)
    assert outcome.error is not None
    assert str(model) in outcome.error
    assert "\n" not in outcome.error
    assert outcome.attempts == []
    assert "Traceback" in outcome.log


def test_a_job_with_an_unsupported_file_fails_before_a_model_is_loaded(tmp_path: Path) -> None:
    outcome = score(tmp_path, {"a.csv": b"a\n1\n", "b.txt": b""}, model=tmp_path / "nowhere")
    assert outcome.error is not None
    assert outcome.error.startswith("input file 'b.txt' is not supported by a deployment without")


@pytest.mark.parametrize(
    ("document", "text"),
    [(None, "has no MLmodel file"), ("flavors: {sklearn: {}}", "has no python_function flavor")],
)
def test_a_folder_that_is_no_model_fails_the_job(
    tmp_path: Path, document: str | None, text: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    if document is not None:
        (model / "MLmodel").write_text(document)
    outcome = score(tmp_path, {"x.csv": b"a\n1\n"}, model=model)
    assert outcome.error is not None
    assert outcome.error.startswith(f"model {model} {text}")


def test_a_pickle_is_only_ever_loaded_in_a_worker(tmp_path: Path) -> None:
    mark = str(tmp_path / "process")

    class Tells:
        def __reduce__(self) -> Any:
            return (exec, (f"import os; open({mark!r}, 'a').write(f'{{os.getppid()}} ')",))

    model = lay_model(tmp_path / "model", inputs(a="double"), pickle=pickle.dumps(Tells()))
    outcome = score(tmp_path, {"x.csv": b"a\n1\n"}, model=model)
    assert outcome.error == f"model {model} has no predict()"
    # Loaded once, by a child of the job's process; a load in that process would name us.
    (parent,) = (tmp_path / "process").read_text().split()
    assert int(parent) != os.getpid()


# Models of MLflow's other kinds, through mlflow.pyfunc.


def save_pyfunc(folder: Path, predict: Callable[..., Any], signature: Any = None) -> Path:
    import mlflow.pyfunc

    python_model: Any = mlflow.pyfunc.PythonModel

    class Model(python_model):  # type: ignore[misc]
        # MLflow reads annotations as a schema, so there are none.
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return predict(model_input)

    mlflow.pyfunc.save_model(
        str(folder), python_model=Model(), signature=signature, pip_requirements=[]
    )
    return folder


def columns(**types: str) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    return ModelSignature(Schema([ColSpec(kind, name) for name, kind in types.items()]))


def tensor(kind: str, *shape: int) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    return ModelSignature(Schema([TensorSpec(np.dtype(kind), shape)]))


def png(*pixels: int) -> bytes:
    image = io.BytesIO()
    Image.fromarray(np.array(pixels, dtype="uint8").reshape(2, 2)).save(image, "PNG")
    return image.getvalue()


def test_a_python_model_is_given_a_data_frame_of_its_signatures_types(tmp_path: Path) -> None:
    def describe(frame: Any) -> list[str]:
        return [f"{dict(row)} {list(map(str, frame.dtypes))}" for _, row in frame.iterrows()]

    import mlflow.pyfunc

    signature = columns(b="double", s="string", n="integer")
    model = save_pyfunc(tmp_path / "model", describe, signature)
    scored = run(model, tmp_path / "in", {"x.csv": b"s,b,n,extra\nred,1,2,9\ngreen,2.5,3,9\n"})
    expected = mlflow.pyfunc.load_model(str(model)).predict(
        pd.read_csv(tmp_path / "in" / "x.csv", dtype={"b": "float64", "n": "int32", "s": "object"})
    )
    assert [row[1] for row in scored.rows] == expected
    assert scored.result.warnings == ("x.csv: columns the model doesn't know are ignored: 'extra'",)


def test_a_python_model_without_a_signature_is_given_what_pandas_reads(tmp_path: Path) -> None:
    def describe(frame: Any) -> list[str]:
        return [f"{frame.to_dict('list')} {list(map(str, frame.dtypes))}"] * len(frame)

    model = save_pyfunc(tmp_path / "model", describe)
    scored = run(model, tmp_path / "in", {"x.csv": b"d,z\n2024-01-01,007\n"})
    frame = pd.read_csv(tmp_path / "in" / "x.csv")
    assert [row[1] for row in scored.rows] == describe(frame)


def test_a_python_model_may_return_a_data_frame(tmp_path: Path) -> None:
    def both(frame: Any) -> Any:
        return frame.assign(b=frame["a"] + 1)

    model = save_pyfunc(tmp_path / "model", both, columns(a="double"))
    scored = run(model, tmp_path / "in", {"x.csv": b"a\n1\n"})
    assert [json.loads(row[1]) for row in scored.rows] == [{"a": 1.0, "b": 2.0}]


def test_images_are_given_to_a_tensor_model_in_its_shape_and_type(tmp_path: Path) -> None:
    def total(array: Any) -> Any:
        assert array.shape == (1, 2, 2)
        assert array.dtype == np.float32
        return array.sum(axis=(1, 2))

    model = save_pyfunc(tmp_path / "model", total, tensor("float32", -1, 2, 2))
    files = {"a.png": png(1, 2, 3, 4), "b.png": b"broken", "c.png": png(0, 0, 0, 9)}
    scored = run(model, tmp_path / "in", files)
    assert scored.text == "0,10.0,a.png\n0,9.0,c.png\n"
    assert scored.errors["b.png"] is not None
    assert scored.errors["b.png"].startswith("b.png: is not a readable image: ")
    assert scored.result.retry is None


def test_an_image_is_given_as_a_batch_of_one_to_a_model_without_a_signature(tmp_path: Path) -> None:
    model = save_pyfunc(tmp_path / "model", lambda array: [f"{array.shape} {array.dtype}"])
    scored = run(model, tmp_path / "in", {"a.png": png(1, 2, 3, 4)})
    assert scored.rows == [["0", "(1, 2, 2) uint8", "a.png"]]


def test_a_python_model_that_can_not_be_loaded_says_why(tmp_path: Path) -> None:
    model = save_pyfunc(tmp_path / "model", lambda frame: frame)
    (model / "python_model.pkl").write_bytes(b"")
    with pytest.raises(JobFailed) as raised:
        MlflowDriver(model)
    assert str(raised.value).startswith(f"model {model} can't be loaded: EOFError: ")


def test_a_whole_job_of_a_python_model_comes_through(tmp_path: Path) -> None:
    model = save_pyfunc(tmp_path / "model", lambda frame: frame["a"] * 2, columns(a="double"))
    files = {f"{name}.csv": b"a\n1\n2\n" for name in "xy"}
    outcome = score(tmp_path, files, model=model, processes=2, mini_batch_size=1)
    assert outcome.error is None
    assert outcome.output == b"0,2.0,x.csv\n1,4.0,x.csv\n0,2.0,y.csv\n1,4.0,y.csv\n"


def forecast(frame: Any) -> Any:
    """Forecast as mlflow.statsmodels does for ARIMA: a row says from where to where."""
    start, end = int(frame["start"][0]), int(frame["end"][0])
    return pd.Series(
        np.arange(start, end + 1) / 2, index=pd.date_range("2024", periods=end - start + 1)
    )


@pytest.mark.parametrize(
    ("predict", "answers"),
    [
        (forecast, ["30.0", "30.5", "31.0", "31.5", "32.0"]),
        (lambda frame: [frame["end"].sum()], ["64"]),
        (lambda frame: (value for value in ("a", "b", "c")), ["a", "b", "c"]),
        (lambda frame: {"sum": float(frame["end"].sum()), "of": ["start", "end"]}, None),
    ],
)
def test_a_forecast_an_aggregate_or_a_generator_has_a_line_for_each_answer(
    tmp_path: Path, predict: Callable[..., Any], answers: list[str] | None
) -> None:
    model = save_pyfunc(tmp_path / "model", predict, columns(start="long", end="long"))
    outcome = score(tmp_path, {"x.csv": b"start,end\n60,64\n"}, model=model, max_retries=2)
    assert outcome.error is None
    assert outcome.output is not None
    rows = list(csv.reader(io.StringIO(outcome.output.decode(), newline="")))
    if answers is None:
        answers = ['{"sum": 64.0, "of": "start"}', '{"sum": 64.0, "of": "end"}']
    assert rows == [[str(place), text, "x.csv"] for place, text in enumerate(answers)]
    (attempt,) = outcome.attempts
    assert attempt.rows == len(answers)


def test_a_single_number_fails_the_job_after_one_attempt(tmp_path: Path) -> None:
    model = save_pyfunc(tmp_path / "model", lambda frame: 5.0, columns(a="double"))
    outcome = score(tmp_path, {"x.csv": b"a\n1\n"}, model=model, max_retries=3)
    assert outcome.retries == []
    assert outcome.error == (
        "the one file could not be scored: x.csv: the model returned a single float;"
        " it must return a list, an array, a dict or a DataFrame"
    )


def test_a_column_without_a_name_shows_among_those_ignored(tmp_path: Path) -> None:
    scored = run(lay(tmp_path, "Doubler"), tmp_path / "in", {"x.csv": b",a,c \n9,1,9\n"})
    assert scored.result.warnings == (
        "x.csv: columns the model doesn't know are ignored: 'Unnamed: 0', 'c '",
    )


def test_what_mlflow_refuses_by_the_signature_is_not_tried_again(tmp_path: Path) -> None:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema

    def fail(_: Any) -> Any:
        raise mlflow.MlflowException("the server is busy")

    lists = ModelSignature(Schema([ColSpec(Array(DataType.double), "a")]))
    model = save_pyfunc(tmp_path / "strict", lambda frame: [0] * len(frame), lists)
    for content in (b"a\n1\n", b"b\n1\n"):
        scored = run(model, tmp_path / "in", {"x.csv": content})
        assert "is not what the model's signature wants, says MLflow" in str(scored.errors["x.csv"])
        assert scored.result.retry is None
    busy = run(save_pyfunc(tmp_path / "busy", fail), tmp_path / "in", {"x.csv": b"a\n1\n"})
    assert busy.result.retry == "x.csv: MlflowException: the server is busy"
