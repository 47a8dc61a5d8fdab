"""The declared data of a batch endpoint against its model."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from .conftest import Checked


def test_a_header_without_a_column_of_the_signature(project: Checked) -> None:
    project.write("data/rows.csv", "a,c\n1,2\n")
    assert project.found() == ["columns data/rows.csv:1"]
    assert "has no column b, which the model's signature requires" in project.text()


@pytest.mark.parametrize("header", ["b,a", "a,b,more", '"a","b"', "\ufeffa,b"])
def test_a_header_with_all_of_them(project: Checked, header: str) -> None:
    project.write("data/rows.csv", f"{header}\n1,2,3\n")
    assert project.found() == []


def test_a_parquet_file_without_a_column(project: Checked) -> None:
    project.remove("data/rows.csv")
    project.change("models/m/train.yml", "rows.csv", "rows.parquet")
    parquet.write_table(pa.table({"a": [1.0]}), project.root / "data/rows.parquet")
    assert project.found() == ["columns data/rows.parquet:1"]
    parquet.write_table(pa.table({"a": [1.0], "b": [1.0]}), project.root / "data/rows.parquet")
    assert project.found() == []


def test_an_optional_column_may_be_missing(project: Checked) -> None:
    project.write("data/rows.csv", "a\n1\n")
    project.change(
        "models/m/model/MLmodel",
        '"name": "b", "required": true',
        '"name": "b", "required": false',
    )
    assert project.found() == []


def test_a_model_without_a_signature_takes_any_header(project: Checked) -> None:
    text = (project.root / "models/m/model/MLmodel").read_text()
    project.write("models/m/model/MLmodel", text.partition("signature:")[0])
    project.write("data/rows.csv", "x\n1\n")
    assert project.found() == []


def test_a_file_that_azures_driver_does_not_read(project: Checked) -> None:
    project.write("data/rows.txt", "a,b\n1,2\n")
    assert project.found() == ["endings models/m/data.yml:3"]
    assert "has 1 file with the ending .txt, which" in project.text()


def test_files_that_a_script_reads_may_end_in_anything(project: Checked) -> None:
    project.write("data/rows.txt", "a,b\n1,2\n")
    project.remove("models/m/batch-deployment-plain.yml")
    project.change("models/m/batch-endpoint.yml", "plain", "script")
    assert project.found() == []


def test_a_table_of_azures_own_names_its_files_itself(project: Checked) -> None:
    project.write("data/MLTable", "paths: [{file: rows.csv}]\n")
    assert project.found() == ["endings models/m/data.yml:3"]
    project.change("models/m/data.yml", "uri_folder", "mltable")
    assert project.found() == []


def test_data_in_subfolders_only(project: Checked) -> None:
    (project.root / "data/2026").mkdir()
    (project.root / "data/rows.csv").rename(project.root / "data/2026/rows.csv")
    project.change("models/m/train.yml", "data/rows.csv", "data/2026/rows.csv")
    assert project.found() == ["subfolders models/m/data.yml:3"]
    assert "data/2026" in project.text()


def test_data_in_a_folder_that_has_subfolders_too(project: Checked) -> None:
    project.write("data/2026/rows.csv", "x\n")
    assert project.found() == []
