"""The functions of Spark's Python workers, called as Spark calls them, without Spark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from runner.engine.drivers.result import Result
from runner.engine.messages import Hopeless, Message, Ready, Scored, WantsWholeFiles, decode
from runner.engine.mlmodel import Column
from runner.engine.parts import Part
from runner.engine.plan import InputFile, read_plan
from runner.engine.slices import Slice
from runner.engine.spark import executor
from runner.engine.spark.executor import UNIT, Reading, describe_files, read_rows, write_rows
from runner.engine.spark.units import Unit
from tests.engine.job import plan_job

COLUMNS = (Column("s", "string"), Column("i", "integer"), Column("f", "float"))


def unit(number: int, name: str, slice_: Slice | None = None) -> Unit:
    return Unit(number, Part(0, number, (InputFile(name, 1, 0),), slice_))


def groups(*numbers: int) -> Iterator[pa.RecordBatch]:
    yield pa.record_batch([pa.array(numbers, pa.int64())], ["id"])


def answers(batches: Iterator[pa.RecordBatch]) -> dict[int, tuple[bytes, Message]]:
    found: dict[int, tuple[bytes, Message]] = {}
    lines = b""
    for row in pa.Table.from_batches(batches).to_pylist():
        if row["message"] is None:
            lines += row["lines"]
        else:
            found[row["unit"]] = lines, decode(row["message"])
            lines = b""
    return found


def result(message: Message) -> Result:
    assert isinstance(message, Scored)
    return message.result


def rows(*batches: tuple[list[int], list[float]]) -> Iterator[pa.RecordBatch]:
    for numbers, predictions in batches:
        columns = [pa.array(numbers, pa.int64()), pa.array(predictions, pa.float64())]
        yield pa.record_batch(columns, [UNIT, "prediction"])


def test_rows_are_read_as_spark_finds_them_in_a_dataframe_of_pandas(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('s,i,f\n"two\nlines",1,0.1\n,2,\n')
    (tmp_path / "b.csv").write_text("s,i\nx,1\n")
    (tmp_path / "c.csv").write_text("x,s,i,f\n9,y,3,1\n")
    units = [unit(0, "a.csv"), unit(1, "b.csv"), unit(2, "c.csv")]
    read = read_rows(Reading(str(tmp_path), COLUMNS), [units])
    table = pa.Table.from_batches(read(groups(0)))
    assert [str(kind) for kind in table.schema.types] == ["string", "int64", "double", "int64"]
    assert table["s"].to_pylist() == ["two\nlines", "NaN", "y"]
    assert table["i"].to_pylist() == [1, 2, 3]
    assert str(table["f"].to_pylist()) == f"[{0.1:.1f}0000000149011612, nan, 1.0]"
    # Of the second nothing can be read, and of the third there is something to say.
    assert table[UNIT].to_pylist() == [0, 0, -3]


def test_what_is_to_be_said_of_a_file_is_why_it_cant_be_read_or_what_is_odd_in_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("s,i,f\nx,one,1\n")
    (tmp_path / "b.csv").write_text("x,s,i,f\n9,y,3,1\n")
    units = [unit(0, "a.csv"), unit(1, "b.csv")]
    found = answers(describe_files(Reading(str(tmp_path), COLUMNS), [units])(groups(0)))
    (file,) = result(found[0][1]).files
    assert file.error == "a.csv: row 0, column 'i': 'one' is not an integer"
    assert result(found[1][1]).warnings == (
        "b.csv: columns the model doesn't know are ignored: 'x'",
    )


def test_lines_are_written_for_each_unit_however_its_rows_are_cut_into_batches() -> None:
    units = {0: unit(0, "a.csv"), 1: unit(1, "b.csv"), 2: unit(2, "c.csv", Slice(5, 1, 0, 1))}
    found = answers(write_rows(units)(rows(([1, 1, 0], [1.0, 2.5, 0]), ([0, 2], [1.0, 3]))))
    assert {number: lines for number, (lines, _) in found.items()} == {
        1: b"0,1.0,b.csv\n1,2.5,b.csv\n",
        0: b"0,0.0,a.csv\n1,1.0,a.csv\n",
        2: b"5,3.0,c.csv\n",
    }
    assert [file.rows for _, message in found.values() for file in result(message).files] == [
        2,
        2,
        1,
    ]
    assert result(found[2][1]).number_types == {"prediction": "double"}


def test_a_model_that_leaves_out_rows_of_a_slice_wants_its_file_whole() -> None:
    units = {0: unit(0, "a.csv", Slice(0, 3, 0, 1))}
    ((_, message),) = answers(write_rows(units)(rows(([0, 0], [1.0, 2.0])))).values()
    assert message == WantsWholeFiles("the model gave 2 answers for 3 rows of a.csv")


def test_many_lines_go_to_the_jvm_in_pieces_of_a_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executor, "_MOST_AT_ONCE", 7)
    units = {0: unit(0, "a.csv")}
    batches = list(write_rows(units)(rows(([0, 0, 0], [1.0, 2.0, 3.0]))))
    texts = [text for batch in batches for text in batch["lines"].to_pylist() if text is not None]
    assert max(map(len, texts)) <= 7
    assert b"".join(texts) == b"0,1.0,a.csv\n1,2.0,a.csv\n2,3.0,a.csv\n"


def test_a_script_that_writes_by_itself_needs_the_jobs_folder_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a job would be complete whose output lies on the machines of a cluster."""
    monkeypatch.setattr(executor, "_loaded", {})
    monkeypatch.setenv("AZUREML_BI_OUTPUT_PATH", "")
    script = "def init(): pass\ndef run(files): return files\n"
    folder = plan_job(tmp_path, {"a": b""}, script=script, output_action="summary_only")
    plan = read_plan(folder / "plan.json")

    def said(output: Path) -> Message:
        (batch,) = executor.load_driver(plan, str(output))(groups(0))
        return decode(batch["message"][0].as_py())

    hopeless = said(tmp_path / "elsewhere")
    assert isinstance(hopeless, Hopeless)
    assert f"does not see {tmp_path / 'elsewhere'}: set RUNNER_HOME" in hopeless.reason
    assert isinstance(said(tmp_path), Ready)
