"""The description in an `MLmodel` file, and the ways in which it can be none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.engine.mlmodel import Column, LooseColumn, Signature, Tensor, read_mlmodel
from runner.errors import JobFailed

from .models import inputs, lay_model


def test_a_pickled_sklearn_model_with_scalar_columns_is_plain(tmp_path: Path) -> None:
    model = read_mlmodel(lay_model(tmp_path / "m", inputs(age="double", name="string?")))
    assert model.is_plain_sklearn
    assert model.pickle == tmp_path / "m" / "model.pkl"
    assert model.predict_fn == "predict"
    assert model.signature.columns == (
        Column("age", "double", required=True),
        Column("name", "string", required=False),
    )


def test_a_column_that_says_nothing_of_it_is_required(tmp_path: Path) -> None:
    model = read_mlmodel(lay_model(tmp_path / "m", [{"name": "a", "type": "long"}]))
    assert model.signature.columns == (Column("a", "long", required=True),)


def test_a_model_without_a_signature_has_no_columns(tmp_path: Path) -> None:
    model = read_mlmodel(lay_model(tmp_path / "m"))
    assert model.signature == Signature()
    assert model.is_plain_sklearn


@pytest.mark.parametrize(
    "change",
    [
        {"sklearn": {"serialization_format": "skops"}},
        {"python_function": {"loader_module": "mlflow.lightgbm"}},
        {"python_function": {"code": "code"}},
        {"python_function": {"predict_fn": "transform"}},  # MLflow refuses to load it
        {"signature": [{"name": "a", "type": "array", "items": {"type": "double"}}]},
        {"signature": [{"type": "double"}, {"type": "double"}]},
        {"signature": [{"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, 2]}}]},
    ],
)
def test_everything_else_is_left_to_mlflow(tmp_path: Path, change: dict[str, Any]) -> None:
    assert not read_mlmodel(lay_model(tmp_path / "m", **change)).is_plain_sklearn


def tensor(shape: list[int], **more: str) -> dict[str, Any]:
    return {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": shape}, **more}


def test_a_tensor_signature_gives_shape_and_type(tmp_path: Path) -> None:
    signature = read_mlmodel(lay_model(tmp_path / "m", [tensor([-1, 28, 28])])).signature
    assert signature == Signature(tensors=(Tensor((-1, 28, 28), "float32"),))


def test_tensors_with_names_are_tensors(tmp_path: Path) -> None:
    named = [tensor([-1], name="a"), tensor([-1, 2], name="b")]
    signature = read_mlmodel(lay_model(tmp_path / "m", named)).signature
    assert signature.tensors == (Tensor((-1,), "float32"), Tensor((-1, 2), "float32"))


@pytest.mark.parametrize(
    ("column", "loose"),
    [
        ({"type": "double"}, LooseColumn(None, "double")),
        ({"type": "double", "name": 1}, LooseColumn(1, "double")),
        ({"type": "any", "name": "b"}, LooseColumn("b", "any")),
        ({"type": "map", "values": {"type": "long"}, "name": "b"}, LooseColumn("b", "map")),
    ],
)
def test_a_column_that_only_mlflow_can_match_makes_all_of_them_loose(
    tmp_path: Path, column: dict[str, Any], loose: LooseColumn
) -> None:
    columns = [{"type": "long", "name": "a"}, column]
    signature = read_mlmodel(lay_model(tmp_path / "m", columns)).signature
    assert signature == Signature(loose_columns=(LooseColumn("a", "long"), loose))


def refusal(folder: Path) -> str:
    with pytest.raises(JobFailed) as raised:
        read_mlmodel(folder)
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("flavor", "pipeline"),
    [
        ({"model_data": "sparkml", "model_class": "pyspark.ml.pipeline.PipelineModel"}, "sparkml"),
        ({"model_data": "sparkml"}, "sparkml"),  # as older versions of MLflow say it
        ({"model_data": "sparkml", "model_class": "pyspark.ml.connect.PipelineModel"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_spark_ml_model_has_a_pipeline(
    tmp_path: Path, flavor: dict[str, str] | None, pipeline: str | None
) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    flavors = {"python_function": {"loader_module": "mlflow.spark"}, "spark": flavor}
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    assert read_mlmodel(folder).pipeline == (folder / pipeline if pipeline else None)


def test_a_folder_without_mlmodel_says_so(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"model {tmp_path} has no MLmodel file; save it with")
    assert "has no MLmodel" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "names no flavors; it is empty or not an MLflow model"),
        (b"flavors: []", "names no flavors"),
        (b"- a\n- b", "names no flavors"),
        (b"{unclosed", "can't be read"),
        (b"\xff\xfe\x00", "can't be read"),
        (b"a: &a [*a, !!python/object/apply:os.system [true]]", "can't be read"),
        (b"flavors: {sklearn: {}}", "has no python_function flavor (it has sklearn); declare a"),
        (b"flavors: {python_function: }", "has no python_function flavor"),
        (
            b"flavors: {python_function: {loader_module: a}}\nsignature: {inputs: '[{}]'}",
            "has a broken signature",
        ),
        (
            b"flavors: {python_function: {loader_module: a}}\nsignature: {inputs: '{'}",
            "has a broken signature",
        ),
        (
            b"flavors: {python_function: {loader_module: a}}\nsignature: {inputs: '%s'}"
            % (b"[" * 200_000),
            "has a broken signature",
        ),
        *(
            (
                b"flavors: {python_function: {loader_module: a}}\nsignature: {%s: '%s'}"
                % (part, said),
                "has a broken signature",
            )
            for part in (b"outputs", b"params")
            for said in (b"[" * 200_000, b"[5]", b"{}x", b'{"a": 1}')
        ),
        (
            b"flavors: {python_function: {loader_module: mlflow.sklearn},"
            b' sklearn: {serialization_format: pickle, pickled_model: "a\\0b"}}',
            "keeps its pickle outside its own folder",
        ),
    ],
)
def test_a_broken_mlmodel_is_named_in_one_line(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "MLmodel").write_bytes(content)
    assert text in refusal(tmp_path)


def test_a_model_that_is_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"")
    assert "can't be read" in refusal(tmp_path / "model.pkl")


@pytest.mark.parametrize("outside", ["../other.pkl", "/etc/passwd"])
def test_a_pickle_outside_the_models_folder_is_refused(tmp_path: Path, outside: str) -> None:
    folder = lay_model(tmp_path / "m", sklearn={"pickled_model": outside})
    assert "keeps its pickle outside its own folder" in refusal(folder)


def test_a_pickle_linked_from_outside_is_refused(tmp_path: Path) -> None:
    folder = lay_model(tmp_path / "m")
    (folder / "model.pkl").unlink()
    (folder / "model.pkl").symlink_to("/etc/passwd")
    assert "keeps its pickle outside" in refusal(folder)
