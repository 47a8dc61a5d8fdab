"""Reading tables: as pandas does, and saying where a cell doesn't fit."""

from __future__ import annotations

import datetime
import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.formats import read_feed, read_table
from runner.engine.mlmodel import Column, Signature
from tests.engine.csv_files import csv_bytes

# `na_values` of pandas.read_csv, as its documentation lists them.
EMPTY = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]
NUMBERS = [Column("a", "double"), Column("b", "double")]


def file(folder: Path, content: str | bytes, name: str = "f.csv") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def read(folder: Path, content: str | bytes, columns: list[Column] | None = None) -> dict[str, Any]:
    table, _ = read_table(file(folder, content), NUMBERS if columns is None else columns)
    values: dict[str, Any] = table.to_pydict()
    return values


def read_frame(path: Path) -> pd.DataFrame:
    """Return what a model without a signature is given for a file."""
    frame: pd.DataFrame = read_feed(path, Signature()).data
    return frame


def refusal(folder: Path, content: str | bytes, columns: list[Column] | None = None) -> str:
    with pytest.raises(BadFile) as raised:
        read(folder, content, columns)
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_the_columns_come_in_the_signatures_order_and_types(tmp_path: Path) -> None:
    columns = [Column("b", "double"), Column("a", "string"), Column("c", "integer")]
    table, warnings = read_table(file(tmp_path, "a,b,x,c\n007,1,9,3\n1.50,2.5,9,-4\n"), columns)
    assert table.column_names == ["b", "a", "c"]
    assert [str(kind) for kind in table.schema.types] == ["double", "string", "int32"]
    assert table.to_pydict() == {"b": [1.0, 2.5], "a": ["007", "1.50"], "c": [3, -4]}
    assert warnings == ["columns the model doesn't know are ignored: 'x'"]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4",  # no line end at the end
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4\r",
        "a,b\n\n1,2\n\n\n3,4\n\n",  # blank lines
        "\n\r\na,b\n1,2\n3,4\n",
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",  # a byte order mark
        b'\xef\xbb\xbf"a","b"\n1,2\n3,4\n',
        '"a","b"\n"1","2"\n3,4\n',
        "a,b\n 1,2 \n+3,4.0\n",
        'n,a,b\n"two\nlines",1,2\n"a ""word""",3,4\n',
        '"n\nm",a,b\nx,1,2\ny,3,4\n',
        'n 5",a,b\nx,1,2\ny,3,4\n',  # a quote inside a cell is a character like others
    ],
)
def test_the_ways_to_write_the_same_table_read_alike(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_whole_numbers_are_doubles_where_the_signature_says_so(tmp_path: Path) -> None:
    table, _ = read_table(file(tmp_path, "a,b\n1,2\n"), NUMBERS)
    assert [str(kind) for kind in table.schema.types] == ["double", "double"]


@pytest.mark.parametrize("cell", EMPTY)
def test_the_cells_that_are_empty_are_pandas(tmp_path: Path, cell: str) -> None:
    content = f"a,b,s\n1,2,x\n{cell},3,{cell}\n"
    columns = [*NUMBERS, Column("s", "string")]
    values = read(tmp_path, content, columns)
    frame = pd.read_csv(tmp_path / "f.csv")
    assert frame["a"].isna().tolist() == frame["s"].isna().tolist() == [False, True]
    assert values["a"] == [1.0, None]
    assert values["s"] == ["x", None]


@given(st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\0'), max_size=8))
@settings(deadline=None)
def test_a_text_cell_is_what_pandas_reads_it_as(
    tmp_path_factory: pytest.TempPathFactory, cell: str
) -> None:
    folder = tmp_path_factory.mktemp("table")
    values = read(folder, f'a,s\n1,"{cell}"\n', [Column("s", "string")])
    frame = pd.read_csv(folder / "f.csv", dtype={"s": str})
    assert values["s"] == [None if pd.isna(value) else value for value in frame["s"]]


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=9))
@settings(deadline=None)
def test_numbers_are_read_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    rows = "".join(f"{number!r}\n" for number in numbers)
    assert read(folder, "a\n" + rows, [Column("a", "double")])["a"] == numbers


def test_every_scalar_type_of_a_signature_is_read(tmp_path: Path) -> None:
    kinds = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
    columns = [Column(kind, kind) for kind in kinds]
    content = f"{','.join(kinds)}\nTrue,1,2,0.1,0.1,é,é,2024-01-02 03:04:05\n"
    table, _ = read_table(file(tmp_path, content), columns)
    frame = table.to_pandas(date_as_object=False)
    assert [str(kind) for kind in frame.dtypes] == [
        "bool", "int32", "int64", "float32", "float64", "str", "str", "datetime64[ns]",
    ]  # fmt: skip
    assert frame["binary"][0] == "é"
    assert frame["datetime"][0] == pd.Timestamp("2024-01-02 03:04:05")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,b\n1,2\n3,none\n", "row 1, column 'b': 'none' is not a double"),
        ("x,a,b\n9,1,2\n9,bad,4\n", "row 1, column 'a': 'bad' is not a double"),
        ("a,b\n1,2\n\n\n3,bad\n", "row 1, column 'b': 'bad' is not a double"),
        ('n,a,b\n"x\ny",1,2\nz,bad,4\n', "row 1, column 'a': 'bad' is not a double"),
        ("a,b\n1,2\n3,4,5\n", "row 1: has 3 cells and the header 2"),
        ("a,b\n1,2,3\n4,5,6\n", "row 0: has 3 cells and the header 2"),
        ("a,b\n1,2\n3\n4,5,\n", "row 2: has 3 cells and the header 2: take the comma off its end"),
        ("a,b\n1,2,\n3,4,\n", "row 0: has 3 cells and the header 2: take the comma off its end"),
        ("a,b\n1,2,,\n", "row 0: has 4 cells and the header 2: take the commas off its end"),
        ("a,c\n1,2\n", "has no column 'b', which the model needs; it has 'a', 'c'"),
        (
            "a;b\n1;2\n",
            "has no column 'a', 'b', which the model needs; it has 'a;b';"
            " its cells seem to be separated by ';': write it with commas",
        ),
        ("A,B\n1,2\n", "has no column 'a', 'b', which the model needs; it has 'A', 'B'"),
        (" a,b\n1,2\n", "has no column 'a', which the model needs; it has ' a', 'b'"),
        ("a,b,a\n1,2,x\n", "row 0, column 'a.1': 'x' is not a double"),
        ("", "is empty"),
        ("\n \r\n", "is empty"),
        ("a,b\n", "has a header and no rows"),
        ("a,b", "has a header and no rows"),
        ("a,b\r\n\r\n", "has a header and no rows"),
        (b"\xffa,b\n1,2\n", "is not UTF-8 text (its first line shows)"),
        (
            "a,b\n1,2\n".encode("utf-16"),
            "is UTF-16, not UTF-8 text: convert it with `iconv -f utf-16 -t utf-8`",
        ),
        (
            gzip.compress(b"a,b\n1,2\n", mtime=0),
            "is compressed by gzip: unpack it, files are read as they are",
        ),
        (b"PAR1\x15\x04\x15\n", "is a Parquet file: let its name end in .parquet"),
        ("a,b\n1,2\n".encode("utf-16-le"), "is not a text file: its first line holds zero bytes"),
        (b"PK\x03\x04\x00\x00", "is a ZIP archive or an Excel file: save what is in it as CSV"),
        (b"a,b\n1,\xe9\n", "row 0, column 'b': is not UTF-8 text"),
        (b"a,x,b\n1,2,3\n1,\xe9,4\n", "row 1, column 'x': is not UTF-8 text"),
        ('a,b\n1,2\n3,"4\n5,6\n', "row 1: has a quote that is never closed"),
        ('a,b\n1,2\n"3"",4\n5,6\n', "row 1: has a quote that is never closed"),
    ],
)
def test_a_bad_file_says_what_and_where(tmp_path: Path, content: str | bytes, text: str) -> None:
    assert refusal(tmp_path, content) == text


@pytest.mark.parametrize(
    ("kind", "cell", "text"),
    [
        ("long", "", "an empty cell is not a long"),
        ("boolean", "NA", "an empty cell is not a boolean"),
        ("long", "3.5", "'3.5' is not a long"),
        ("long", "inf", "'inf' is not a long"),
        ("long", "x", "'x' is not a long"),
        ("long", "9007199254740993.0", "'9007199254740993.0' is not a long"),
        ("long", "9223372036854775808", "'9223372036854775808' is not a long"),
        ("integer", "2147483648", "'2147483648' is not an integer"),
        ("integer", "0x10", "'0x10' is not an integer"),
        ("double", "NAN", "'NAN' is not a double"),
        ("float", "1e300", "'1e300' is not a float"),
        ("boolean", "1", "'1' is not a boolean"),
        ("integer", "2147483648.0", "'2147483648.0' is not an integer"),
        ("boolean", "maybe", "'maybe' is not a boolean"),
        ("datetime", "yesterday", "'yesterday' is not a datetime"),
        ("double", "1,5".replace(",", "·"), "'1·5' is not a double"),
        ("double", "x" * 500, f"'{'x' * 59}…' is not a double"),
    ],
)
def test_a_cell_that_is_not_of_its_type_is_named(
    tmp_path: Path, kind: str, cell: str, text: str
) -> None:
    good = {
        "long": "1",
        "integer": "1",
        "boolean": "True",
        "datetime": "2024-01-01",
        "double": "1",
        "float": "1",
    }[kind]
    content = f"x,a\n0,{good}\n0,{cell}\n"
    assert refusal(tmp_path, content, [Column("a", kind)]) == f"row 1, column 'a': {text}"


@pytest.mark.parametrize("cell", ["1.0", "+5", "1e3", "-7.", " 7 ", "-2147483648.0"])
@pytest.mark.parametrize("kind", ["integer", "long"])
def test_a_whole_number_may_be_written_as_pandas_takes_it(
    tmp_path: Path, kind: str, cell: str
) -> None:
    columns = [Column("a", kind), Column("exact", "long"), Column("b", kind)]
    content = f"b,a,exact\n1,2,9007199254740993\n3,{cell},4\n{cell},6,5\n"
    table, _ = read_table(file(tmp_path, content), columns)
    frame = pd.read_csv(
        tmp_path / "f.csv",
        dtype={column.name: "int64" if column.type == "long" else "int32" for column in columns},
    )
    pd.testing.assert_frame_equal(table.to_pandas(), frame[["a", "exact", "b"]])


def test_text_that_is_not_utf8_is_named_by_row_and_column(tmp_path: Path) -> None:
    columns = [Column("s", "string"), Column("a", "double")]
    assert refusal(tmp_path, b"s,a\nx,1\n\xe9,2\n", columns) == (
        "row 1, column 's': is not UTF-8 text"
    )


@pytest.mark.parametrize("quotes", ['"', 'a,"b', '"a\nb'])
def test_a_quote_never_closed_is_found_without_reading_the_file_over_and_over(
    tmp_path: Path, quotes: str
) -> None:
    text = refusal(tmp_path, quotes + ",b\n1,2\n" + "1,2\n" * 500_000)
    assert text == "has a quote in its header that is never closed"


def test_an_optional_column_may_be_absent_and_is_read_when_there(tmp_path: Path) -> None:
    columns = [Column("a", "double"), Column("b", "double", required=False)]
    assert read(tmp_path, "a\n1\n", columns) == {"a": [1.0]}
    assert read(tmp_path, "b,a\n2,1\n", columns) == {"a": [1.0], "b": [2.0]}


def test_very_many_columns_are_named_in_a_short_line(tmp_path: Path) -> None:
    names = [f"c{place}" for place in range(5000)]
    content = f"a,b,{','.join(names)}\n{','.join('1' for _ in range(5002))}\n"
    _, (warning,) = read_table(file(tmp_path, content), NUMBERS)
    assert warning.endswith("'c18', 'c19' and 4,980 more")
    why = refusal(tmp_path, content, [Column(name, "double") for name in "xyz"])
    assert why.endswith("'c16', 'c17' and 4,982 more")


def test_a_file_that_went_away_is_a_bad_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read: No such file or directory"):
        read_table(tmp_path / "gone.csv", NUMBERS)
    with pytest.raises(BadFile, match="can't be read: No such file or directory"):
        read_frame(tmp_path / "gone.csv")


def test_parquet_is_read_with_the_same_columns_and_types(tmp_path: Path) -> None:
    path = tmp_path / "환자.parquet"
    parquet.write_table(pa.table({"x": ["y"], "b": pa.array([2], "int32"), "a": [1.0]}), path)
    table, warnings = read_table(path, NUMBERS)
    assert table.to_pydict() == {"a": [1.0], "b": [2.0]}
    assert [str(kind) for kind in table.schema.types] == ["double", "double"]
    assert warnings == ["columns the model doesn't know are ignored: 'x'"]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"a": ["x"], "b": [1.0]}, "column 'a': MLflow does not convert string to double"),
        ({"a": [1.0]}, "has no column 'b'"),
        ({"a": pa.array([], pa.float64()), "b": pa.array([], pa.float64())}, "has no rows"),
    ],
)
def test_a_parquet_file_that_does_not_fit_says_why(
    tmp_path: Path, columns: dict[str, Any], text: str
) -> None:
    parquet.write_table(pa.table(columns), tmp_path / "f.parquet")
    with pytest.raises(BadFile, match=text):
        read_table(tmp_path / "f.parquet", NUMBERS)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"x" * 99 + b"PAR1"])
def test_a_broken_parquet_file_is_a_bad_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadFile, match="is not a readable Parquet file"):
        read_table(file(tmp_path, content, "f.parquet"), NUMBERS)


@pytest.mark.parametrize(
    "content",
    [
        "d,t,z,h\n2024-01-01,12:30,007,0x10\n",  # nothing is a date that pandas leaves a text
        "a,a,\n1,2,3\n",
        "a,b\n1,\n2,\n",
        "a,b\nTrue,18446744073709551615\n,1\n",
        "a;b\n1;2\n",
    ],
)
def test_without_a_signature_a_table_is_just_what_pandas_reads(
    tmp_path: Path, content: str
) -> None:
    path = file(tmp_path, content)
    pd.testing.assert_frame_equal(read_frame(path), pd.read_csv(path))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "is empty"),
        ("a,b\n", "has a header and no rows"),
        ('a,b\n1,"2\n', "is not a readable CSV file: .*EOF inside string starting at row 1"),
        ("a,b\n1,2\n1,2,3\n", "is not a readable CSV file: .*Expected 2 fields in line 3, saw 3"),
        (b"a,b\n1,\xff\n", "is not UTF-8 text"),
        (
            gzip.compress(b"a,b\n1,2\n", mtime=0),
            "is compressed by gzip: unpack it, files are read as they are",
        ),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16, not UTF-8 text: convert it"),
        ("a,b\n1,é\n".encode("utf-16-be"), "is not a text file: its first line holds zero bytes"),
    ],
)
def test_without_a_signature_a_bad_file_says_why(
    tmp_path: Path, content: str | bytes, text: str
) -> None:
    with pytest.raises(BadFile, match=text):
        read_frame(file(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ("x,y\n1,2\n3,4\n", None),
        ("x,y\n1,2\n3\n", None),
        ("x,y,\n1,2,\n", None),
        ("x,y\n\ufeff", None),  # a byte order mark that stands elsewhere is a cell's text
        (
            "x,y\n0,1,2\n1,3,4\n",
            "the first row has 3 cells and the header 2: as on Azure, each row's first cell labels"
            " it, and the others move to the left",
        ),
        (
            "x,y\n1,2,\n3,4,\n",
            "the first row has 3 cells and the header 2: as on Azure, each row's first cell labels"
            " it, and the others move to the left; take the comma off the lines' ends if that is"
            " wrong",
        ),
        (
            "x,y\n1,2,,\n",
            "the first row has 4 cells and the header 2: as on Azure, each row's first 2 cells"
            " label it, and the others move to the left; take the commas off the lines' ends if"
            " that is wrong",
        ),
        (
            'x,y\n"a",1,2\n"b",3,4\n',
            "the first row has 3 cells and the header 2: as on Azure, each row's first cell labels"
            " it, and the others move to the left",
        ),
    ],
)
def test_without_a_signature_columns_that_pandas_moves_are_warned_of(
    tmp_path: Path, content: str, warning: str | None
) -> None:
    path = file(tmp_path, content)
    frame = read_frame(path)
    pd.testing.assert_frame_equal(frame, pd.read_csv(path))
    assert read_feed(path, Signature()).notes == (() if warning is None else (warning,))


def test_labels_that_parquet_holds_are_not_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pd.DataFrame({"x": [1]}, index=["a"]).to_parquet(path)
    assert read_feed(path, Signature()).notes == ()


@pytest.mark.parametrize("name", ["f.parquet", "f.pqt", "F.PQT"])
def test_without_a_signature_parquet_is_just_what_pandas_reads(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(
        {
            "s": ["x", None],
            "i": pd.array([1, None], "Int64"),
            "d": [datetime.date(2024, 1, 2), None],
            "t": pd.to_datetime(["2024-01-02", "NaT"]).tz_localize("Asia/Seoul"),
        },
        index=["p", "q"],
    )
    frame.to_parquet(tmp_path / name)
    pd.testing.assert_frame_equal(read_frame(tmp_path / name), frame)
    pd.testing.assert_frame_equal(read_frame(tmp_path / name), pd.read_parquet(tmp_path / name))


@given(csv_bytes())
@example(b"a,b\n\xef\xbb\xbf")
@settings(deadline=None)
def test_without_a_signature_any_file_is_what_pandas_reads_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = file(tmp_path_factory.getbasetemp(), content)
    try:
        expected = pd.read_csv(path, engine="c")
    except (ValueError, OverflowError):
        expected = pd.DataFrame()
    if len(expected):
        frame = read_frame(path)
        pd.testing.assert_frame_equal(frame, expected)
        # Labels may happen to be the numbers that pandas gives the rows of other files.
        assert read_feed(path, Signature()).notes or frame.index.equals(pd.RangeIndex(len(frame)))
    else:
        with pytest.raises(BadFile):
            read_frame(path)
