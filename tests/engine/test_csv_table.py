"""Reading CSV: the values that pandas reads, or an error where pandas has one."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.csv_text import find_header
from runner.engine.drivers.formats import cut, read_table
from runner.engine.mlmodel import Column
from tests.engine.csv_files import KINDS, PANDAS_TYPES, csv_bytes, looking_at

COLUMNS = st.lists(
    st.builds(Column, st.sampled_from(["a", "b", "c"]), st.sampled_from(KINDS)),
    min_size=1,
    max_size=3,
    unique_by=lambda column: column.name,
)
Values = dict[str, list[Any]]


def as_pandas_reads_it(path: Path, columns: list[Column]) -> Values | None:
    """Return the table that pandas reads; None where it refuses, or where the table of differences
    says that the runner does."""
    types = {column.name: PANDAS_TYPES[column.type] for column in columns}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = pd.read_csv(path, engine="c", dtype=dict(types))
        except (ValueError, OverflowError):
            return None
        if not len(frame) or takes_labels(path):
            return None
        if any(column.name not in frame for column in columns):
            return None
        singles = [column.name for column in columns if column.type == "float"]
        if singles:
            doubles = pd.read_csv(
                path, engine="c", dtype={**types, **dict.fromkeys(singles, "float64")}
            )
            for name in singles:
                if (frame[name].abs() == math.inf).sum() > (doubles[name].abs() == math.inf).sum():
                    return None
    return {
        column.name: [None if pd.isna(cell) else cell for cell in frame[column.name]]
        for column in columns
    }


def takes_labels(path: Path) -> bool:
    """Tell whether the first row has more cells than the header: pandas makes labels of them."""
    with pd.read_csv(path, engine="c", chunksize=1) as opened:
        reader: Any = opened
        return bool(reader._engine._implicit_index)


def read(path: Path, columns: list[Column]) -> pa.Table | None:
    try:
        return read_table(path, columns)[0]
    except BadFile:
        return None


@given(csv_bytes(), COLUMNS, st.integers(1, 60))
@settings(deadline=None, max_examples=200)
def test_any_file_reads_as_in_pandas_or_both_refuse_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, columns: list[Column], size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    theirs = as_pandas_reads_it(path, columns)
    with looking_at(size):
        table = read(path, columns)
    if table is None:
        # pandas rounds what is written as a decimal beyond 2**53; the runner refuses it.
        assert theirs is None or any(
            abs(cell) >= 2**53
            for column in columns
            if column.type == "long"
            for cell in theirs[column.name]
        )
        return
    assert theirs is not None
    ours = table.to_pydict()
    for column in columns:
        assert len(ours[column.name]) == len(theirs[column.name])
        for our, their in zip(ours[column.name], theirs[column.name], strict=True):
            if column.type == "long" and abs(our) > 2**53 and our != their:
                assert float(our) == float(their)  # exact here, rounded in pandas
            else:
                assert our == their, column


def given_file(folder: Path, content: str | bytes) -> Path:
    (folder / "f.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "f.csv"


def refusal(path: Path, *columns: Column) -> str:
    with pytest.raises(BadFile) as raised:
        read_table(path, columns)
    return str(raised.value)


def test_a_quote_that_is_never_closed_is_refused_and_loses_no_row(tmp_path: Path) -> None:
    content = 'x,y,comment\n1.0,1,ok\n2.0,0,"6"" pipe"\n3.0,1,fine\n4.0,0,fine\n5,1,end\n'
    columns = (Column("x", "double"), Column("y", "long"), Column("comment", "string"))
    table, _ = read_table(given_file(tmp_path, content), columns)
    assert table["comment"].to_pylist() == ["ok", '6" pipe', "fine", "fine", "end"]
    path = given_file(tmp_path, content.replace('pipe"', "pipe"))
    assert refusal(path, *columns) == "row 1: has a quote that is never closed"
    assert refusal(path, columns[0]) == "row 1: has a quote that is never closed"
    with pytest.raises(pd.errors.ParserError, match="EOF inside string starting at row 2"):
        pd.read_csv(path)


def test_a_line_break_in_a_cell_is_whole_wherever_arrows_blocks_end(tmp_path: Path) -> None:
    for before in range((1 << 20) - 12, (1 << 20) + 2):
        content = b"s\n" + b"x" * (before - 3) + b'\n"a\r\nb"\r\nend\r\n'
        table, _ = read_table(given_file(tmp_path, content), [Column("s", "string")])
        assert table["s"].to_pylist()[1:] == ["a\r\nb", "end"]


def test_quotes_are_found_wherever_arrows_blocks_end(tmp_path: Path) -> None:
    path = given_file(tmp_path, b'a,b\n"","xtrue2.5""x"""""\n"""\0a""",""\n')
    columns = [Column("a", "string"), Column("b", "string")]
    for size in range(2, 40):
        with looking_at(size):
            table, _ = read_table(path, columns)
        assert table.to_pydict() == {"a": [None, '"\0a"'], "b": ['xtrue2.5"x""', None]}


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("a,b\n1,2\r\r,3,4\r", ["1", "3"]),  # the comma after an empty line with a lone CR
        ("a,b\n1,2\r\r, 3,4\r", None),  # blanks save it
        ("a,b\n1,2\r\r, \n3,4\r", ["1", "3"]),
        ("a,b\n1,2\r,4\r", ["1", None]),
    ],
)
def test_a_comma_after_a_lone_cr_is_what_pandas_makes_of_it(
    tmp_path: Path, content: str, values: list[str | None] | None
) -> None:
    path = given_file(tmp_path, content)
    theirs = as_pandas_reads_it(path, [Column("a", "string")])
    assert theirs == (None if values is None else {"a": values})
    table = read(path, [Column("a", "string")])
    assert (None if table is None else table.to_pydict()) == theirs


def test_a_row_longer_than_a_block_is_read(tmp_path: Path) -> None:
    path = given_file(tmp_path, "a,s\n1," + "x" * 3_000_000 + "\n2,y\n")
    assert read_table(path, [Column("a", "long")])[0].to_pydict() == {"a": [1, 2]}


@pytest.mark.parametrize("blank", ["  ", "\t", " \t \r"])
def test_a_last_line_of_blanks_is_no_row(tmp_path: Path, blank: str) -> None:
    path = given_file(tmp_path, f"a,s\n1,x\n{blank}\n{blank}")
    assert read_table(path, [Column("s", "string")])[0].to_pydict() == {"s": ["x"]}
    path = given_file(tmp_path, f"s\nx\n{blank}\ny\n{blank}")
    assert read_table(path, [Column("s", "string")])[0].to_pydict() == {"s": ["x", "y"]}


def test_a_row_that_lacks_cells_has_empty_ones_and_the_first_is_named(tmp_path: Path) -> None:
    path = given_file(tmp_path, "a,b,s\n1,2,x\n3\n4,5\n")
    table, warnings = read_table(path, [Column("a", "long"), Column("b", "double")])
    assert table.to_pydict() == {"a": [1, 3, 4], "b": [2.0, None, 5.0]}
    assert warnings == [
        "columns the model doesn't know are ignored: 's'",
        "row 1 has 1 cell and the header 3; cells that a row lacks are empty",
    ]
    assert refusal(path, Column("b", "long")) == "row 1, column 'b': an empty cell is not a long"


def test_names_that_are_missing_or_there_twice_are_those_pandas_makes(tmp_path: Path) -> None:
    path = given_file(tmp_path, "x,,x,x.1,\n1,2,3,4,5\n")
    names = list(pd.read_csv(path).columns)
    assert names == ["x", "Unnamed: 1", "x.2", "x.1", "Unnamed: 4"]
    table, warnings = read_table(path, [Column(name, "long") for name in names])
    assert table.to_pydict() == {name: [value] for value, name in enumerate(names, 1)}
    assert warnings == ["column 'x' is there more than once; the first is read"]
    assert read_table(path, [Column("Unnamed: 4", "long")])[1] == [
        "columns the model doesn't know are ignored: 'x', 'Unnamed: 1', 'x.2', 'x.1'"
    ]


@given(
    st.lists(st.sampled_from(["a", "b", "a.1", "a.2", "", "Unnamed: 1"]), min_size=1, max_size=7)
)
@settings(deadline=None)
def test_any_header_is_named_as_pandas_names_it(names: list[str]) -> None:
    content = ",".join(f'"{name}"' for name in names) + "\n"
    header = find_header(content.encode())
    assert header is not None
    assert list(header.names) == list(pd.read_csv(io.StringIO(content)).columns)


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("2024-01-02", "2024-01-02"),
        ("2024-01-02T03:04", "2024-01-02 03:04"),
        ("2024-01-02 03:04:05.123456789", "2024-01-02 03:04:05.123456789"),
        ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05.5+09:00", "2024-01-01 18:04:05.5"),
        ("2024-01-02 03:04-0330", "2024-01-02 06:34"),
    ],
)
def test_a_time_is_read_as_iso_writes_it_and_with_an_offset_is_the_time_in_utc(
    tmp_path: Path, cell: str, time: str
) -> None:
    column = Column("t", "datetime")
    other = "2024-02-03T00:00Z" if time != cell.replace("T", " ") else "2024-02-03"
    path = given_file(tmp_path, f"t,s\n{cell},x\n,x\n{other},x\n")
    table, _ = read_table(path, [column])
    assert table.to_pandas()["t"].tolist() == [pd.Timestamp(time), pd.NaT, pd.Timestamp(2024, 2, 3)]
    with pytest.raises(TypeError, match="not supported for parsing"):  # pandas, as Azure calls it
        pd.read_csv(path, dtype={"t": "datetime64[ns]"})


@pytest.mark.parametrize(
    ("cells", "bad"),
    [
        (["2024-01-02T10:00", "", "2024-01-02T10:00+02:00"], 2),
        (["2024-01-02T10:00Z", "2024-01-02T10:00+00:00", "2024-01-02 10:00"], 2),
        (["2024-01-02T10:00Z", "2024-01-02"], 1),
    ],
)
def test_times_with_and_without_an_offset_in_one_column_are_refused_as_pandas_refuses_them(
    tmp_path: Path, cells: list[str], bad: int
) -> None:
    path = given_file(tmp_path, "t,s\n" + "".join(f"{cell},x\n" for cell in cells))
    with pytest.raises(ValueError, match="Mixed timezones"):
        pd.to_datetime(pd.read_csv(path)["t"], format="ISO8601")
    has = "has an offset from UTC" if "+" in cells[bad] else "has no offset from UTC"
    assert refusal(path, Column("t", "datetime")) == (
        f"row {bad}, column 't': {cells[bad]!r} {has}, unlike row 0"
    )


def test_times_with_different_offsets_are_exact_and_read(tmp_path: Path) -> None:
    path = given_file(tmp_path, "t\n2024-03-31T01:30+01:00\n2024-03-31T03:30+02:00\n")
    table, _ = read_table(path, [Column("t", "datetime")])
    hours = [time.hour for time in table.to_pandas()["t"]]
    assert hours == [0, 1]


@pytest.mark.parametrize("cell", ["01/02/2024", "2024-01", "5", "2024-02-30", "2024-01-02T25:00Z"])
def test_a_time_that_could_be_read_in_two_ways_is_refused(tmp_path: Path, cell: str) -> None:
    path = given_file(tmp_path, f"t\n2024-01-02\n{cell}\n")
    assert (
        refusal(path, Column("t", "datetime")) == f"row 1, column 't': '{cell}' is not a datetime"
    )


def test_a_first_row_longer_than_the_header_is_refused_where_pandas_makes_labels(
    tmp_path: Path,
) -> None:
    path = given_file(tmp_path, "a,b\n1,2,\n3,4,\n")
    assert pd.read_csv(path)["a"].tolist() == [2, 4]
    assert refusal(path, Column("a", "long")) == (
        "row 0: has 3 cells and the header 2: take the comma off its end"
    )


def test_a_file_without_rows_is_refused_where_pandas_makes_an_empty_table(tmp_path: Path) -> None:
    path = given_file(tmp_path, "a,b\n")
    assert len(pd.read_csv(path)) == 0
    assert refusal(path, Column("a", "long")) == "has a header and no rows"


def test_a_number_too_large_for_single_precision_is_refused_where_pandas_makes_it_infinite(
    tmp_path: Path,
) -> None:
    path = given_file(tmp_path, "a\n1\n1e300\n")
    with pytest.warns(RuntimeWarning):
        assert math.isinf(pd.read_csv(path, dtype={"a": "float32"})["a"][1])
    assert refusal(path, Column("a", "float")) == "row 1, column 'a': '1e300' is not a float"
    path = given_file(tmp_path, "a\n1\ninf\n-Infinity\n")
    table, _ = read_table(path, [Column("a", "float")])
    assert table["a"].to_pylist() == [1, math.inf, -math.inf]


def test_a_large_whole_number_beside_decimals_is_exact_where_pandas_rounds_it(
    tmp_path: Path,
) -> None:
    column = Column("a", "long")
    path = given_file(tmp_path, "a\n9007199254740993\n1.0\n")
    assert pd.read_csv(path, dtype={"a": "int64"})["a"].tolist() == [9007199254740992, 1]
    assert read_table(path, [column])[0]["a"].to_pylist() == [9007199254740993, 1]
    path = given_file(tmp_path, "a\n9007199254740993.0\n")
    assert refusal(path, column) == "row 0, column 'a': '9007199254740993.0' is not a long"


def test_blanks_at_a_rows_start_are_kept_where_a_piece_of_pandas_ends(tmp_path: Path) -> None:
    content = "s\n" + "x\n" * ((1 << 17) - 2) + "\n y\nz\n"
    path = given_file(tmp_path, content)
    assert content.index(" y") == (1 << 18) - 1
    assert pd.read_csv(path)["s"].tolist()[-2:] == ["y", "z"]
    assert read_table(path, [Column("s", "string")])[0]["s"].to_pylist()[-2:] == [" y", "z"]


@pytest.mark.parametrize("kind", ["boolean", "double", "long"])
def test_words_and_numbers_in_a_column_are_refused_within_a_slice(
    tmp_path: Path, kind: str
) -> None:
    column = Column("a", kind)
    path = given_file(tmp_path, "a\ntrue\nFALSE\n1\n0\n")
    assert "is not a" in refusal(path, column)
    with pytest.raises(ValueError, match=r"convert|invalid literal"):
        pd.read_csv(path, dtype={"a": PANDAS_TYPES[kind]})
    tables = [read_table(path, [column], part)[0] for part in cut(path, 11, block=1)]
    assert [table["a"].to_pylist() for table in tables] == [[1, 0], [1, 0]]


def test_numbers_texts_and_times_are_read_without_pandas(tmp_path: Path) -> None:
    path = given_file(tmp_path, "t,s,n,f\n2024-01-02T03:04:05,é,1,1\n")
    code = (
        "import sys; from pathlib import Path\n"
        "from runner.engine.drivers.formats import cut, read_table\n"
        "from runner.engine.mlmodel import Column\n"
        f"path = Path({str(path)!r})\n"
        "kinds = {'t': 'datetime', 's': 'string', 'n': 'long', 'f': 'float'}\n"
        "for part in [None, *cut(path, 9, block=1)]:\n"
        "    read_table(path, [Column(*column) for column in kinds.items()], part)\n"
        "print(*(name for name in ('pandas', 'mlflow') if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
