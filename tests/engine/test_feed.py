"""The data that a model's `predict` is given: every kind of file for every kind of signature.

The models are saved with MLflow and record what their `predict` gets. What it should be comes
from pandas, NumPy and Pillow, called as Azure's own driver calls them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from runner.engine.drivers.formats import FORMATS
from runner.engine.drivers.images import read_image_feed
from runner.engine.drivers.mlflow_model import MlflowDriver

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's, about how a model is best saved


@dataclass(frozen=True)
class Recorder:
    """The drivers of a model of each kind of signature, and where the models write."""

    drivers: Mapping[str, MlflowDriver]
    record: Path

    def given(self, kind: str, file: Path) -> Any:
        """Return what `predict` of the model of this kind was given for a file."""
        self.record.unlink(missing_ok=True)
        result = self.drivers[kind].run([file], bytes)
        assert result.files[0].error is None
        return pickle.loads(self.record.read_bytes())

    def refusal(self, kind: str, file: Path) -> str:
        """Return why a file failed, without the model having been asked."""
        self.record.unlink(missing_ok=True)
        result = self.drivers[kind].run([file], bytes)
        (failed,) = result.files
        assert failed.error is not None
        assert failed.error.startswith(f"{file.name}: ")
        assert "\n" not in failed.error
        assert result.retry is None
        assert not self.record.exists()
        return failed.error.removeprefix(f"{file.name}: ")


def schemas() -> dict[str, Any]:
    from mlflow.types.schema import (
        AnyType,
        Array,
        ColSpec,
        DataType,
        Map,
        Object,
        Property,
        Schema,
        TensorSpec,
    )

    def tensor(kind: str, *shape: int, name: str | None = None) -> Any:
        return TensorSpec(np.dtype(kind), shape, name)

    any_type: Any = AnyType  # which has no types of its own
    first: Any = 0  # a name that MLflow infers from a DataFrame without names, against its types
    second: Any = 1
    kinds = ("boolean", "integer", "long", "float", "double", "string", "datetime")
    specs = {
        "none": [],
        "columns": [ColSpec(kind, kind) for kind in kinds],
        "optional": [ColSpec("double", "double"), ColSpec("string", "lacking", required=False)],
        "binary": [ColSpec("binary", "content")],
        "unnamed binary": [ColSpec("binary")],
        "binary and text": [ColSpec("binary", "content"), ColSpec("string", "string")],
        "unnamed": [ColSpec("double"), ColSpec("string"), ColSpec("datetime")],
        "numbered": [ColSpec("double", first), ColSpec("long", second)],
        "any": [ColSpec(any_type(), "content", required=False), ColSpec("float", "float")],
        "nested": [
            ColSpec(Array(DataType.long), "list"),
            ColSpec(Object([Property("x", DataType.long)]), "object"),
            ColSpec(Map(DataType.long), "map"),
            ColSpec("float", "float"),
        ],
        "tensor": [tensor("float32", -1, 4, 5, 3)],
        "grey tensor": [tensor("int64", -1, 4, 5)],
        "alpha tensor": [tensor("uint8", -1, 4, 5, 4)],
        "whole tensor": [tensor("float32", 4, 5)],
        "matrix": [tensor("float64", -1, 2)],
        "fixed matrix": [tensor("float64", 2, 2)],
        "any size": [tensor("object", -1)],
        "any size of numbers": [tensor("float64", -1)],
        "named tensor": [tensor("uint8", -1, 4, 5, name="image")],
        "named tensors": [tensor("int64", -1, 2, name="a"), tensor("float64", -1, name="b")],
    }
    return {kind: Schema(specs) if specs else None for kind, specs in specs.items()}


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ParamSchema, ParamSpec

    folder = tmp_path_factory.mktemp("models")
    record = folder / "record"
    python_model: Any = mlflow.pyfunc.PythonModel

    class Records(python_model):  # type: ignore[misc]
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            record.write_bytes(pickle.dumps((model_input, params)))
            rows = next(iter(model_input.values())) if type(model_input) is dict else model_input
            return [0] * len(rows)

    class WithoutParameters(python_model):  # type: ignore[misc]
        def predict(self, context, model_input):  # type: ignore[no-untyped-def]
            record.write_bytes(pickle.dumps(model_input))
            rows = next(iter(model_input.values())) if type(model_input) is dict else model_input
            return [0] * len(rows)

    drivers = {}
    signatures = {kind: schema and ModelSignature(schema) for kind, schema in schemas().items()}
    signatures["parameters"] = ModelSignature(
        schemas()["columns"], params=ParamSchema([ParamSpec("depth", "long", 3)])
    )
    for kind, signature in signatures.items():
        mlflow.pyfunc.save_model(
            str(folder / kind),
            python_model=Records() if kind == "parameters" else WithoutParameters(),
            signature=signature,
            pip_requirements=[],
        )
        drivers[kind] = MlflowDriver(folder / kind)
    return Recorder(drivers, record)


# Tables.

FRAME = pd.DataFrame(
    {
        "datetime": pd.to_datetime(["2024-01-02 00:00:01", "2024-01-03 04:05:06"]),
        "string": ["007", "é"],
        "boolean": [True, False],
        "integer": np.array([1, 2], dtype="int32"),
        "long": np.array([1, 2**53 + 1], dtype="int64"),
        "float": np.array([0.1, np.nan], dtype="float32"),
        "double": [0.1, 1e300],
        "extra": [1, 2],
    }
)
ORDER = ["boolean", "integer", "long", "float", "double", "string", "datetime"]


@pytest.fixture(params=[".csv", ".parquet", ".pqt"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def save(frame: pd.DataFrame, folder: Path, suffix: str) -> Path:
    path = folder / f"table{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def read(path: Path, dtype: Any = None) -> pd.DataFrame:
    """Read a table as Azure's driver reads it."""
    return (
        pd.read_csv(path, engine="c", dtype=dtype)
        if path.suffix == ".csv"
        else (pd.read_parquet(path))
    )


def test_a_table_for_a_model_without_a_signature_is_what_pandas_reads(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    frame = FRAME.assign(day=FRAME["datetime"].dt.date)
    path = save(frame, tmp_path, suffix)
    pd.testing.assert_frame_equal(recorder.given("none", path), read(path))


def test_a_table_for_a_model_of_columns_has_them_in_their_order_and_pandas_types(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    path = save(FRAME, tmp_path, suffix)
    types = {name: FRAME[name].dtype for name in ORDER[:5]} | {"string": object}
    expected = read(path, types)[ORDER]
    expected["datetime"] = expected["datetime"].astype("datetime64[ns]")
    given = recorder.given("columns", path)
    pd.testing.assert_frame_equal(given, expected)
    assert given["string"].tolist() == ["007", "é"]


def test_a_missing_cell_of_text_is_pandas_own(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    frame = FRAME.assign(string=pd.Series([None, "b"]))
    path = save(frame, tmp_path, suffix)
    given = recorder.given("columns", path)
    expected = read(path, {"string": object})
    pd.testing.assert_series_equal(given["string"], expected["string"])


def test_a_models_parameters_have_their_defaults(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    given, parameters = recorder.given("parameters", save(FRAME, tmp_path, suffix))
    assert list(given) == ORDER
    assert parameters == {"depth": 3}


def test_an_optional_column_that_is_lacking_is_not_made_up(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    given = recorder.given("optional", save(FRAME, tmp_path, suffix))
    pd.testing.assert_frame_equal(given, FRAME[["double"]])


@pytest.mark.parametrize("kind", ["binary", "binary and text"])
def test_a_column_of_bytes_is_as_the_file_holds_it(
    recorder: Recorder, tmp_path: Path, suffix: str, kind: str
) -> None:
    text = pd.DataFrame({"content": ["aGk=", None], "string": ["a", "b"]})
    path = save(text, tmp_path, suffix)
    names = ["content", "string"][: kind.count(" ") + 1]
    expected = read(path, {"content": object, "string": object})[names]
    pd.testing.assert_frame_equal(recorder.given(kind, path), expected)
    if suffix != ".csv":
        path = save(text.assign(content=[b"hi", b"\xff"]), tmp_path, suffix)
        given = recorder.given(kind, path)
        assert given["content"].tolist() == [b"hi", b"\xff"]


@pytest.mark.parametrize("cells", [[[1, 2]], [["a"], None], [[[1], [2]]], [{"a": 1}]])
def test_a_nested_column_of_parquet_passes_for_text_as_mlflow_lets_it_pass(
    recorder: Recorder, tmp_path: Path, cells: list[Any]
) -> None:
    from mlflow.models.utils import _enforce_schema
    from mlflow.types.schema import ColSpec, Schema

    path = tmp_path / "nested.parquet"
    parquet.write_table(pa.table({"double": [1.0] * len(cells), "lacking": cells}), path)
    schema = Schema([ColSpec("double", "double"), ColSpec("string", "lacking", required=False)])
    expected = _enforce_schema(pd.read_parquet(path), schema)
    assert repr(recorder.given("optional", path).to_dict()) == repr(expected.to_dict())


def test_columns_without_names_are_taken_in_their_order(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    frame = pd.DataFrame({"p": [1.0, 2.0], "q": ["1", "2"], "r": FRAME["datetime"], "s": [1, 2]})
    path = save(frame, tmp_path, suffix)
    given = recorder.given("unnamed", path)
    expected = read(path, {0: float, 1: object})[["p", "q", "r"]]
    expected["r"] = pd.to_datetime(expected["r"]).astype("datetime64[ns]")
    pd.testing.assert_frame_equal(given, expected)


def test_a_time_with_an_offset_is_the_time_in_utc_in_a_column_without_a_name_too(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("p,q,r\n1,1,2024-01-01T09:00+09:00\n1,1,\n")
    given = recorder.given("unnamed", path)["r"]
    assert given.dtype == "datetime64[ns]"
    assert given.tolist() == [pd.Timestamp(2024, 1, 1), pd.NaT]


def test_columns_with_whole_numbers_for_names_are_found_in_parquet_as_by_mlflow(
    recorder: Recorder, tmp_path: Path
) -> None:
    frame = pd.DataFrame({0: [1.5, 2.5], 1: [3, 4]})
    given = recorder.given("numbered", save(frame, tmp_path, ".parquet"))
    pd.testing.assert_frame_equal(given, frame)


def test_columns_with_whole_numbers_for_names_are_not_found_in_csv_and_it_says_what_to_do(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("0,1\n1.5,3\n")
    refusal = recorder.refusal("numbered", path)
    assert refusal.startswith(
        "is not what the model's signature wants, says MLflow: Model is missing inputs [0, 1]."
    )
    assert refusal.endswith(
        "; the model's columns have whole numbers for names, and a CSV file's have text:"
        " give it Parquet files, or save it fitted on columns with names"
    )


def test_a_column_of_any_type_is_what_pandas_reads(
    recorder: Recorder, tmp_path: Path, suffix: str
) -> None:
    frame = pd.DataFrame({"float": np.array([1, 2.5], dtype="float32"), "content": ["a", "1"]})
    path = save(frame, tmp_path, suffix)
    expected = read(path, {"float": "float32"})[["content", "float"]]
    pd.testing.assert_frame_equal(recorder.given("any", path), expected)


NESTED = pd.DataFrame(
    {
        "list": [[1, 2], [3]],
        "object": [{"x": 1}, {"x": 2}],
        "map": [{"p": 1}, {"q": 2}],
        "float": np.array([1, 2], dtype="float32"),
    }
)


def test_nested_columns_of_parquet_are_what_mlflow_takes(
    recorder: Recorder, tmp_path: Path
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "list": pa.array(NESTED["list"], pa.list_(pa.int64())),
            "object": pa.array(NESTED["object"], pa.struct([("x", pa.int64())])),
            "map": pa.array([[("p", 1)], [("q", 2)]], pa.map_(pa.string(), pa.int64())),
            "float": pa.array(NESTED["float"]),
        }
    )
    parquet.write_table(table, tmp_path / "x.pqt")
    given = recorder.given("nested", tmp_path / "x.pqt")
    assert [list(cell) for cell in given["list"]] == NESTED["list"].tolist()
    for name in ("object", "map", "float"):
        assert given[name].tolist() == NESTED[name].tolist()


def test_nested_columns_can_not_stand_in_csv_and_it_says_what_to_do(
    recorder: Recorder, tmp_path: Path
) -> None:
    refusal = recorder.refusal("nested", save(NESTED, tmp_path, ".csv"))
    assert "says MLflow: " in refusal
    assert refusal.endswith("a cell of a CSV file holds no list or object: give it Parquet files")


def test_a_column_that_is_lacking_is_named_with_no_other_advice(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = save(NESTED[["float"]], tmp_path, ".csv")
    assert recorder.refusal("nested", path) == (
        "is not what the model's signature wants, says MLflow: Model is missing inputs"
        " ['list', 'object', 'map']"
    )
    assert recorder.refusal("any", save(NESTED[["list"]], tmp_path, ".csv")).endswith(
        "Model is missing inputs ['float']. Note that there were extra inputs: ['list']"
    )


def test_mlflows_refusal_without_details_is_one_too(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_SCHEMA_DETAILS", "true")
    path = save(NESTED[["float"]], tmp_path, ".csv")
    assert recorder.refusal("nested", path) == (
        "is not what the model's signature wants, says MLflow: Failed to enforce model input"
        " schema. Please check your input data"
    )


def test_a_cell_that_is_no_value_of_a_loose_columns_type_fails_the_file(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("p,q,r\nword,1,2024-01-01\n")
    assert "could not convert string to float" in recorder.refusal("unnamed", path)
    path.write_text("p,q,r\n1,1,never\n")
    assert recorder.refusal("unnamed", path) == "row 0, column 'r': 'never' is not a datetime"
    path.write_text("p,q,r\n1,1,2024-01-01\n1,1,2024-01-01T00:00Z\n")
    assert recorder.refusal("unnamed", path).startswith("row 1, column 'r': ")
    path.write_text("p,q\n1,1\n")
    assert "is missing inputs" in recorder.refusal("unnamed", path)
    path.write_text("")
    assert recorder.refusal("unnamed", path) == "is empty"


# Tables for tensors.


@pytest.mark.parametrize("ending", [".parquet", ".pqt"])
def test_parquet_for_a_tensor_is_what_mlflow_makes_of_it(
    recorder: Recorder, tmp_path: Path, ending: str
) -> None:
    given = recorder.given("matrix", save(pd.DataFrame({"p": [1.0], "q": [2.0]}), tmp_path, ending))
    assert given.tolist() == [[1.0, 2.0]]
    lists = pd.DataFrame({"b": [0.5, 1.5], "a": [np.array([1, 2]), np.array([3, 4])]})
    given = recorder.given("named tensors", save(lists, tmp_path, ending))
    assert given["a"].tolist() == [[1, 2], [3, 4]]
    assert given["b"].tolist() == [0.5, 1.5]
    given = recorder.given("any size of numbers", save(lists[["b"]], tmp_path, ending))
    assert given.tolist() == [0.5, 1.5]
    wide = save(pd.DataFrame({"p": [1.0], "q": [2.0], "r": [3.0]}), tmp_path, ending)
    assert "had 3 columns" in recorder.refusal("matrix", wide)
    assert "first dimension" in recorder.refusal("fixed matrix", save(lists, tmp_path, ending)) or (
        "number_of_dataframe_columns" in recorder.refusal("fixed matrix", wide)
    )


def test_a_line_of_a_csv_file_is_a_fixed_tensor_as_numpy_reads_it(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1 2 3 4\n")
    given = recorder.given("fixed matrix", path)
    assert given.dtype == np.float64
    assert given.tolist() == np.genfromtxt(path, dtype=(np.dtype("float64"), (2, 2))).tolist()
    assert given.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("1,2\n3,4\n", "for which a line has 4 cells between blanks and no header: "),
        ("a,b,c,d\n1,2,3,4\n", "can't be read as a tensor of shape (2, 2) and type float64, for"),
        ("1 2 3 4\n5 6 7 8\n", "Shape of input (2, 2, 2) does not match expected shape (2, 2)"),
        ("1 2 3 4\n5 6\n", "(got 2 columns instead of 4)"),
        ("", "is empty"),
        ("\n# nothing\n", "is empty"),
    ],
)
def test_a_csv_file_that_is_no_fixed_tensor_fails(
    recorder: Recorder, tmp_path: Path, content: str, text: str
) -> None:
    (tmp_path / "x.csv").write_text(content)
    assert text in recorder.refusal("fixed matrix", tmp_path / "x.csv")


@pytest.mark.parametrize("kind", ["matrix", "any size", "tensor", "any size of numbers"])
def test_no_csv_file_is_a_tensor_of_any_size_since_numpy_takes_no_such_shape(
    recorder: Recorder, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(ValueError, match="dimension smaller then zero"):
        np.dtype((np.float64, (-1, 2)))
    path = save(pd.DataFrame({"p": [1.0], "q": [2.0]}), tmp_path, ".csv")
    refusal = recorder.refusal(kind, path)
    assert refusal.startswith("is a CSV file, and the model wants a tensor of shape (-1,")
    assert refusal.endswith("give the model Parquet files or images, or save it with a signature"
                            " of columns")  # fmt: skip


# Images.

COLOUR = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
MODES: Mapping[str, Callable[[], Image.Image]] = {
    "colour": lambda: Image.fromarray(COLOUR),
    "grey": lambda: Image.fromarray(COLOUR[:, :, 0].copy()),
    "palette": lambda: Image.fromarray(COLOUR).quantize(8),
    "alpha": lambda: Image.fromarray(np.dstack([COLOUR, COLOUR[:, :, 0]])),
    "16 bit": lambda: Image.fromarray(COLOUR[:, :, 0].astype("uint16") * 999),
    "black and white": lambda: Image.fromarray(COLOUR[:, :, 0] > 30),
}
IMAGES = sorted(name for name, form in FORMATS.items() if form.feed is read_image_feed)
NOT_HELD = {
    ("palette", ".jpg"), ("palette", ".jpeg"), ("alpha", ".jpg"), ("alpha", ".jpeg"),
    ("16 bit", ".jpg"), ("16 bit", ".jpeg"), ("16 bit", ".bmp"), ("16 bit", ".gif"),
}  # fmt: skip
PICTURES = [(m, s) for m in MODES for s in IMAGES if (m, s) not in NOT_HELD]


@dataclass(frozen=True)
class Picture:
    path: Path
    pixels: Any  # as Azure's driver opens it


@pytest.fixture(params=PICTURES, ids=" ".join)
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Picture:
    mode, suffix = request.param
    path = tmp_path / f"picture{suffix}"
    MODES[mode]().save(path)
    pixels = np.array(Image.open(path))
    assert pixels.shape[:2] == (4, 5)
    return Picture(path, pixels)


def assert_same_array(given: Any, expected: Any) -> None:
    assert type(given) is np.ndarray
    assert given.dtype == expected.dtype
    assert given.shape == expected.shape
    assert np.array_equal(given, expected)


def test_a_picture_without_a_signature_is_a_batch_of_one_of_bytes(
    recorder: Recorder, picture: Picture
) -> None:
    expected = picture.pixels.astype(np.uint8).reshape((1, *picture.pixels.shape))
    assert_same_array(recorder.given("none", picture.path), expected)


def test_a_picture_for_one_binary_column_is_its_file(recorder: Recorder, picture: Picture) -> None:
    for kind, name in (("binary", "content"), ("unnamed binary", 0)):
        given = recorder.given(kind, picture.path)
        expected = pd.DataFrame({name: [picture.path.read_bytes()]})
        pd.testing.assert_frame_equal(given, expected)


@pytest.mark.parametrize("kind", ["none", "binary", "unnamed binary", "tensor", "any size"])
@pytest.mark.parametrize("share", [0.6, 0.0])
def test_a_picture_that_pillow_can_not_read_fails_for_every_kind_of_signature(
    recorder: Recorder, tmp_path: Path, kind: str, share: float
) -> None:
    path = tmp_path / "x.png"
    Image.effect_noise((64, 64), 9).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)] or b"no picture")
    with pytest.raises(OSError, match=r"(?i)truncated|identify|broken"), Image.open(path) as image:
        np.array(image)
    assert recorder.refusal(kind, path).startswith("is not a readable image: ")


def test_a_picture_for_a_tensor_is_cast_and_shaped_or_fails_with_both_shapes(
    recorder: Recorder, picture: Picture
) -> None:
    shapes = {
        "tensor": ("float32", (-1, 4, 5, 3)),
        "grey tensor": ("int64", (-1, 4, 5)),
        "alpha tensor": ("uint8", (-1, 4, 5, 4)),
        "whole tensor": ("float32", (4, 5)),
    }
    taken = 0
    for kind, (dtype, shape) in shapes.items():
        try:
            expected = picture.pixels.astype(dtype).reshape(shape)
        except ValueError:
            wanted = f"is an image of shape {picture.pixels.shape}, and the model wants {shape}"
            assert recorder.refusal(kind, picture.path) == wanted
        else:
            assert_same_array(recorder.given(kind, picture.path), expected)
            taken += 1
    assert taken


def test_a_picture_for_a_tensor_of_any_size_is_given_as_it_is(
    recorder: Recorder, picture: Picture
) -> None:
    given = recorder.given("any size", picture.path)
    assert given.dtype == object
    assert given.shape == (1,)
    assert_same_array(given[0], picture.pixels)


@pytest.mark.parametrize("kind", ["columns", "binary and text", "unnamed", "nested", "any"])
def test_a_picture_for_other_columns_fails(recorder: Recorder, tmp_path: Path, kind: str) -> None:
    MODES["grey"]().save(tmp_path / "x.png")
    assert recorder.refusal(kind, tmp_path / "x.png").startswith(
        "is an image, and the model takes columns: "
    )


def test_a_picture_for_a_tensor_with_a_name_is_given_by_that_name(
    recorder: Recorder, tmp_path: Path
) -> None:
    MODES["grey"]().save(tmp_path / "x.png")
    given = recorder.given("named tensor", tmp_path / "x.png")
    assert list(given) == ["image"]
    assert_same_array(given["image"], COLOUR[None, :, :, 0])


def test_a_picture_for_several_tensors_fails(recorder: Recorder, tmp_path: Path) -> None:
    Image.fromarray(COLOUR[:2, :1, 0].copy()).save(tmp_path / "x.png")
    assert "says MLflow: Model is missing inputs ['a', 'b']" in (
        recorder.refusal("named tensors", tmp_path / "x.png")
    )


@pytest.mark.parametrize("kind", ["none", "binary", "tensor", "any size"])
def test_an_empty_image_fails(recorder: Recorder, tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.gif").write_bytes(b"")
    assert recorder.refusal(kind, tmp_path / "x.gif").startswith(
        "is empty" if kind == "binary" else "is not a readable image: "
    )


def test_endings_in_capitals_are_read_too_unlike_on_azure(
    recorder: Recorder, tmp_path: Path
) -> None:
    MODES["grey"]().save(tmp_path / "x.PNG")
    assert recorder.given("none", tmp_path / "x.PNG").shape == (1, 4, 5)
    save(FRAME, tmp_path, ".pqt").rename(tmp_path / "x.PQT")
    assert list(recorder.given("columns", tmp_path / "x.PQT")) == ORDER
