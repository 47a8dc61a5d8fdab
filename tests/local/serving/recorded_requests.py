"""The requests whose answers on Azure are recorded, by the model that they go to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.local.serving.request import Request

from .recorded_models import NUMBERS, TYPES

Cases = Iterator[tuple[str, Request]]
JSON = ("content-type", "application/json")
SAMPLE = Path(__file__).parents[3] / "data" / "diabetes" / "request.json"

# A row that every model over these columns takes.
NUMBERS_ROW = [1.5, 2.5, 3, 4]
TYPES_ROW = [1.5, 2.5, 3, 4, True, "word", "aGVsbG8=", "2024-02-29T12:30:00"]


def posting(document: Any, **more: Any) -> Request:
    """Return a request that posts a JSON document."""
    return Request(headers=(JSON,), body=json.dumps(document, ensure_ascii=False).encode(), **more)


def split(names: list[Any], *rows: Any, **more: Any) -> dict[str, Any]:
    return {"columns": names, "index": list(range(len(rows))), "data": list(rows), **more}


def given(data: Any, **more: Any) -> Request:
    return posting({"input_data": data, **more})


def forms(names: list[str], row: list[Any]) -> Cases:
    """Return every form that a table may be written in, and that might pass for one."""
    record = dict(zip(names, row, strict=True))
    table = split(names, row, row)
    without = {key: value for key, value in table.items() if key != "index"}
    yield "split", given(table)
    yield "split without index", given(without)
    yield "split without columns", given({"index": [0], "data": [row]})
    yield "split without data", given({"columns": names, "index": []})
    yield "split with index of text", given({**table, "index": ["p", "q"]})
    yield "split with doubled index", given({**table, "index": [7, 7]})
    yield "split with short index", given({**table, "index": [0]})
    yield "split with index null", given({**table, "index": None})
    yield "split with another key", given({**table, "more": 1})
    yield "split with shuffled columns", given(split(names[::-1], row[::-1]))
    yield "split with surplus column", given(split([*names, "more"], [*row, "x"]))
    yield "split with doubled column", given(split([*names, names[0]], [*row, row[0]]))
    yield "split with missing column", given(split(names[1:], row[1:]))
    yield "split with short row", given(split(names, row, row[1:]))
    yield "split with long row", given(split(names, [*row, 1]))
    yield "split with no rows", given(split(names))
    yield "split with data of records", given({**without, "data": [record]})
    yield "split with data null", given({**table, "data": None})
    yield "split with columns of a string", given({**without, "columns": "ab"})
    yield "records", given([record, record])
    yield "rows", given([row, row])
    yield "single row", given(row)
    yield "columns of lists", given({name: [cell, cell] for name, cell in record.items()})
    yield "columns of cells", given(record)
    yield "columns by row labels", given({name: {"0": cell} for name, cell in record.items()})
    yield "empty list", given([])
    yield "empty object", given({})
    yield "null", given(None)
    yield "number", given(1)
    yield "text", given("some text")
    yield "split as text", given(json.dumps(table))
    yield "split within itself", given({"input_data": table})
    yield "surplus key", given(table, more=1)
    yield "dataframe_split", posting({"dataframe_split": table})
    yield "dataframe_records", posting({"dataframe_records": [record, record]})
    yield "instances", posting({"instances": [record]})
    yield "instances by rows", posting({"instances": [row]})
    yield "inputs", posting({"inputs": {name: [cell] for name, cell in record.items()}})
    yield "no data", posting({})
    yield "unknown key", posting({"data": [row]})
    yield "both forms", posting({"input_data": table, "dataframe_split": table})
    yield "params empty", given(table, params={})
    yield "params null", given(table, params=None)
    yield "params unknown", given(table, params={"unknown": 1})
    yield "params a list", given(table, params=[1])
    yield "params text", given(table, params="x")


NUMBERS_CELLS: list[Any] = [
    0,
    1,
    -1,
    2.0,
    1.7,
    -1.7,
    0.1,
    True,
    False,
    None,
    "5",
    " 5 ",
    "1.7",
    "1e3",
    "3000000000",
    "five",
    "",
    "nan",
    "inf",
    "1_000",
    "0x10",
    "٣",
    [1],
    {"k": 1},
    [],
    float("nan"),
    float("inf"),
    float("-inf"),
    2147483647,
    2147483648,
    -2147483648,
    -2147483649,
    4294967296,
    3000000000.0,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    2**64,
    10**30,
    20003957821599748757,
    -20003957821599748757,
    1e300,
    1e39,
    123456789.123456789,
]
TYPES_CELLS: dict[str, list[Any]] = {
    "yes": [True, False, None, 0, 1, 2, 0.5, "true", "false", "", "no", [], float("nan")],
    "text": ["", "5", "2024-02-29", "ü", None, 5, 1.5, True, [1], {"k": 1}, float("nan"), 2**70],
    "raw": ["", "aGVsbG8=", "not base64!", "ü", None, 5, True, [104, 105], {"k": 1}],
    "when": [
        "2024-02-29",
        "2024-02-29 12:30:00.123456789",
        "2024-02-29T12:30:00Z",
        "2024-02-29T12:30:00+02:00",
        "29/02/2024",
        "2023-02-29",
        "1500-01-01",
        "12:30",
        "",
        "soon",
        None,
        1709208000,
        1709208000000,
        1.5,
        True,
        [],
        "NaT",
    ],
    "real": ["1.5", None, "x", float("nan"), [1.5]],
    "long": ["3", None, 1.7, "x"],
}


def cells(names: list[str], row: list[Any], by_column: dict[str, list[Any]]) -> Cases:
    """Yield a case for each value of each column, in a row that is otherwise right."""
    for name, values in by_column.items():
        place = names.index(name)
        for value in values:
            changed = [*row[:place], value, *row[place + 1 :]]
            label = json.dumps(value, ensure_ascii=False)
            yield f"{name} {label}", given(split(names, changed))


def below(names: list[str], row: list[Any], by_column: dict[str, list[Any]]) -> Cases:
    """Return the same below a row that is right."""
    for name, request in cells(names, row, by_column):
        document = json.loads(request.body)
        document["input_data"]["data"].insert(0, row)
        document["input_data"]["index"].append(1)
        yield f"{name} below another", posting(document)


def http_rules(good: Any) -> Cases:
    """Requests that the server around the model treats in its own way."""
    body = json.dumps(good).encode()
    post = Request(headers=(JSON,), body=body)

    def with_headers(*headers: tuple[str, str]) -> Request:
        return Request(headers=(JSON, *headers), body=body)

    def with_type(value: str) -> Request:
        return Request(headers=(("content-type", value),), body=body)

    yield "posted", post
    yield "type with charset", with_type("application/json; charset=utf-8")
    yield "type in capitals", with_type("Application/JSON")
    yield "type of a kind of JSON", with_type("application/vnd.azure+json")
    yield "type text", with_type("text/plain")
    yield "type text JSON", with_type("text/json")
    yield "type form", with_type("application/x-www-form-urlencoded")
    yield "type unknown", with_type("application/jsonp")
    yield "type empty", with_type("")
    yield "no type", Request(body=body)
    yield "no type and no body", Request()
    yield "empty body", Request(headers=(JSON,))
    yield "blank body", Request(headers=(JSON,), body=b"  ")
    yield "broken JSON", Request(headers=(JSON,), body=b'{"input_data": [1,]}')
    yield "two documents", Request(headers=(JSON,), body=b"{} {}")
    yield "BOM", Request(headers=(JSON,), body=b"\xef\xbb\xbf" + body)
    yield "UTF-16", Request(headers=(JSON,), body=body.decode().encode("utf-16"))
    yield "UTF-16 without BOM", Request(headers=(JSON,), body=body.decode().encode("utf-16-le"))
    yield "UTF-32", Request(headers=(JSON,), body=body.decode().encode("utf-32"))
    yield "Latin-1", Request(headers=(JSON,), body='{"input_data": "ü"}'.encode("latin-1"))
    yield "bytes that are no text", Request(headers=(JSON,), body=b"\xff\x00\xfe")
    yield "gzip", Request(headers=(JSON, ("content-encoding", "gzip")), body=_zipped(body))
    yield "gzip without saying so", Request(headers=(JSON,), body=_zipped(body))
    yield "said to be gzip", with_headers(("content-encoding", "gzip"))
    yield "nested too deep", Request(headers=(JSON,), body=b"[" * 100_000)
    yield "a number too long", Request(headers=(JSON,), body=b'{"input_data": %s}' % (b"1" * 5000))
    for name, document in {"list": [1], "text": "x", "number": 1, "null": None}.items():
        yield f"JSON {name}", posting(document)
    yield "key twice", Request(headers=(JSON,), body=b'{"input_data": 1, ' + body[1:])
    yield "get", Request("GET")
    yield "get with type", Request("GET", headers=(JSON,))
    yield "get with body", Request("GET", headers=(JSON,), body=body)
    query = _quoted(json.dumps(good["input_data"]))
    yield "get with query", Request("GET", f"/score?input_data={query}")
    yield "get with surplus query", Request("GET", f"/score?more=1&input_data={query}")
    yield "get with key twice", Request("GET", f"/score?input_data={query}&input_data=1")
    yield "get with params", Request("GET", f"/score?input_data={query}&params=%7B%7D")
    yield "get with text", Request("GET", "/score?input_data=text")
    yield "get with nothing", Request("GET", "/score?input_data=")
    yield "post with query", Request("POST", "/score?input_data=1", (JSON,), body)
    yield "post with query alone", Request("POST", "/score?input_data=1", (JSON,))
    for method in ("OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"):
        yield method.lower(), Request(method, headers=(JSON,))
    yield "head with query", Request("HEAD", f"/score?input_data={query}")
    yield "path with slash", Request("POST", "/score/", (JSON,), body)
    yield "path in capitals", Request("POST", "/Score", (JSON,), body)
    yield "path doubled", Request("POST", "//score", (JSON,), body)
    yield "path quoted", Request("POST", "/%73core", (JSON,), body)
    yield "path unknown", Request("GET", "/unknown")
    yield "swagger", Request("GET", "/swagger.json")
    yield "swagger head", Request("HEAD", "/swagger.json")
    yield "swagger posted", Request("POST", "/swagger.json", (JSON,), body)
    yield "swagger options", Request("OPTIONS", "/swagger.json")
    for version in ("2.0", "3.0", "4", "", "2&version=3"):
        yield f"swagger {version}", Request("GET", f"/swagger.json?version={version}")
    for header in ("x-request-id", "x-ms-request-id", "x-ms-client-request-id"):
        yield f"{header} given", with_headers((header, "an id"))
        yield f"{header} empty", with_headers((header, ""))
        yield f"{header} of 100", with_headers((header, "i" * 100))
        yield f"{header} of 101", with_headers((header, "i" * 101))
    yield (
        "ids all given",
        with_headers(
            ("X-Request-Id", "r"), ("X-Ms-Request-Id", "m"), ("X-Ms-Client-Request-Id", "c")
        ),
    )
    yield "ids two given", with_headers(("x-request-id", "r"), ("x-ms-client-request-id", "c"))
    yield "ids twice given", with_headers(("x-request-id", "r"), ("x-request-id", "s"))
    yield "id of 101 without type", Request(headers=(("x-request-id", "i" * 101),), body=body)
    yield "id of 101 and unknown path", Request("GET", "/no", (("x-request-id", "i" * 101),))
    yield "id of 101 and unknown method", Request("PUT", headers=(("x-request-id", "i" * 101),))
    yield "TraceId", with_headers(("TraceId", "t"))
    yield "accept text", with_headers(("accept", "text/plain"))
    yield "origin", with_headers(("origin", "https://example.org"))


def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


def swaggers() -> Cases:
    for version in ("2", "3", "3.1"):
        yield f"swagger {version}", Request("GET", f"/swagger.json?version={version}")


def tensors(*contents: Any) -> Cases:
    for content in contents:
        yield f"tensor {json.dumps(content, ensure_ascii=False)}", given(content)


ANYTHING: list[Any] = [
    [[1.5, 2.5]],
    [[1, 2], [3, 4]],
    [1.5, 2.5],
    [[1.5], [2.5, 3.5]],
    [["a", "b"]],
    ["a", "b"],
    [[None, 1]],
    [[True, False]],
    [["1.5", "2"]],
    [{"a": 1.5}],
    [{"a": "x"}, {"a": ["y", "z"]}],
    [[1.5, 2.5, 3.5]],
    [],
    1.5,
    True,
    None,
    "text",
    "[[1.5, 2.5]]",
    '{"a": [1.5]}',
    '"text"',
    '{"input_data": [[1, 2]]}',
    {"a": [[1.5, 2.5]], "n": [1]},
    {"a": [1.5, 2.5], "n": [[1], [2]]},
    {"a": [1.5, 2.5], "n": [1, 2], "more": [1]},
    {"n": [1.7], "a": [["x", 1]]},
    {"a": [[1.5, 2.5]]},
    {"a": 1.5, "n": 1},
    {"a": "x"},
    {"a": ["x", "y"]},
    {"a": {"b": 1}},
    {"input_data": [[1, 2]]},
    {"question": "why", "times": 2},
    {"question": ["why", "how"], "times": [1, 2]},
    {"parameters": {"k": 1}, "input_string": ["a"]},
    {"parameters": {"k": 1}, "a": ["x"]},
    {"columns": ["a", "n"], "index": [0], "data": [[1.5, 1]]},
    {"columns": ["a", "n"], "data": [[1.5, 1]]},
    {"columns": [0, 1], "index": [0], "data": [[1.5, 1]]},
    {"columns": ["0", "1"], "index": [0], "data": [[1.5, 1]]},
    {"columns": ["list", "text"], "index": [0], "data": [[[1.5, 2], "x"]]},
    {"columns": ["list", "text"], "index": [0], "data": [[["x"], "x"]]},
    {"columns": ["list", "text"], "index": [0, 1], "data": [[[], "x"], [None, "y"]]},
]

OUTPUTS = [
    "number",
    "text",
    "none",
    "nan",
    "list",
    "dict",
    "arrays in a dict",
    "array",
    "array of text",
    "array of bytes",
    "array of things",
    "array of dates",
    "array of instants",
    "single number",
    "single whole number",
    "single yes",
    "list of single numbers",
    "series",
    "series without a name",
    "frame",
    "frame of instants",
    "frame of dates",
    "frame of bytes",
    "frame of lists",
    "frame of arrays",
    "frame of numbered columns",
    "frame of doubled columns",
    "empty frame",
    "bytes",
    "date",
    "decimal",
    "set",
    "tuple",
    "infinite",
    "raise",
]


def params() -> Cases:
    table = split(["x"], [1.5])
    value: Any
    for value in (
        {"share": 1},
        {"share": True},
        {"share": "x"},
        {"share": None},
        {"count": 5},
        {"count": 1.5},
        {"count": 2**40},
        {"word": "yes"},
        {"word": 5},
        {"sure": True},
        {"sure": "true"},
        {"sure": 1},
        {"stops": ["c"]},
        {"stops": []},
        {"stops": "c"},
        {"stops": [1]},
        {"left": 1},
        {"left": 2**40},
        {"left": None},
        {"share": 0.25, "unknown": 1},
        {"1": 2},
        [],
        0,
        False,
        "",
        "x",
    ):
        yield f"params {json.dumps(value)}", given(table, params=value)
    yield "params alone", posting({"params": {"share": 1}})
    query = _quoted(json.dumps(table))
    yield "get with share", Request("GET", f"/score?input_data={query}&params=%7B%22share%22:1%7D")


def words() -> Cases:
    for value in ("so", 5, None, ""):
        yield f"wish {json.dumps(value)}", given(split(["wish"], [value]))


def examples() -> Cases:
    names = ["a", "n", "t"]
    yield from forms(names, [1.5, 1, "x"])
    some: list[Any] = [1, 1.5, "1", "x", None, True]
    yield from cells(names, [1.5, 1, "x"], {"a": some, "n": some, "t": some})


MIXTURES: list[list[Any]] = [
    [1.5, 2],
    [0.1, 1e-7, 12.345678901234567, 5e-324, 1.7976931348623157e308, -0.0, 1e16, 123456.789e3],
    ["1", 2],
    ["1", 1.7],
    ["x", 1.7],
    [None, 2],
    [None, 1.5],
    [None, "5"],
    [None, True],
    [None, None],
    [None, 2**63],
    [float("nan"), True],
    [float("nan"), "5"],
    [True, 2],
    [True, 1.7],
    [True, "5"],
    [True, False],
    [1, [1]],
    [None, [1]],
    [2**53 + 1, 1.0],
    [2**31, 1.0],
    [2**31, "1"],
    [2**31, True],
    [2**62 + 1, 1],
    [2**63, -1],
    [2**63, 1],
    [2**63, 1.5],
    [2**63, 1.5, -1],
    [2**63, None, -1],
    [2**63, "5"],
    [2**63 + 2**39 + 1, 1],
    [2**24 + 1, 1],
    [2**54 + 2**30 + 1, 1],
    [2**54 + 2**30 + 1, 1.0],
    [2**54 + 2**30 + 1, "1"],
]


def mixtures() -> Cases:
    """Columns whose cells are of several kinds, each alone and in every column."""
    numbers = list(NUMBERS)
    for values in MIXTURES:
        label = json.dumps(values)
        for place, name in enumerate(numbers):
            rows = [[*NUMBERS_ROW[:place], value, *NUMBERS_ROW[place + 1 :]] for value in values]
            yield f"{name} of {label}", given(split(numbers, *rows))


def odd_splits() -> Cases:
    """Tables that few would write, and that are read somehow."""
    names: list[Any] = list(NUMBERS)
    row, table = NUMBERS_ROW, split(list(NUMBERS), NUMBERS_ROW)
    yield "columns with a number", given(split([*names, 1], [*row, 5]))
    yield "columns with null", given(split([*names, None], [*row, 5]))
    yield "columns with a list", given(split([*names, ["p", "q"]], [*row, 5]))
    yield "columns with an object", given(split([*names, {"k": 1}], [*row, 5]))
    yield "columns all lists", given(split([[name] for name in names], row))
    yield "columns three times", given(split([*names, "a", "a"], [*row, 5, 6]))
    yield "columns doubled first", given(split(["a", "a", "a.1", *names[1:]], [1, 2, 3, *row[1:]]))
    yield "columns null", given({**table, "columns": None})
    yield "columns an object", given({**table, "columns": dict.fromkeys(names, 1)})
    yield "columns text", given({"columns": "abcd", "index": [0], "data": [row]})
    yield "columns empty", given({"columns": [], "index": [], "data": []})
    yield "no rows without index", given({"columns": names, "data": []})
    yield "data an object", given({**table, "data": {name: [1] for name in names}})
    yield "data an object of cells", given({**table, "data": dict.fromkeys(names, 1)})
    yield (
        "data an object without index",
        given({"columns": names, "data": {name: [1, 2] for name in names}}),
    )
    yield "data a number", given({**table, "data": 1})
    yield "data text", given({**table, "data": "text"})
    yield "data flat", given({**table, "data": row})
    yield "data of nulls", given(split(names, None, row))
    yield "data of rows and records", given(split(names, row, dict(zip(names, row, strict=True))))
    yield "data of records and rows", given(split(names, dict(zip(names, row, strict=True)), row))
    yield "data of records with gaps", given(split(names, {"a": 1, "c": 2, "d": 3}, {}))
    yield "data of records with integers missing", given(split(names, {"a": 1, "b": 2}))
    yield "data of empty rows", given(split(names, []))
    yield "rows short of numbers", given(split(["c", "d", "a", "b"], [3, 4, 1.5, 2.5], [3, 4]))
    yield "index an object", given({**table, "index": {"0": 1}})
    yield "index text", given({**table, "index": "p"})
    yield "index of lists", given({**table, "index": [[1, 2]]})
    yield "index of null", given({**table, "index": [None]})
    yield "index a number", given({**table, "index": 1})
    yield "index of objects", given({**table, "index": [{}]})
    yield "index of dates", given({**table, "index": ["2024-01-01"]})
    yield "index of large numbers", given({**table, "index": [10**18]})
    yield "index too large", given({**table, "index": [2**64]})
    yield "surplus cell too large", given(split([*names, "more"], [*row, 2**64]))
    yield "surplus cell a list", given(split([*names, "more"], [*row, [1]]))
    yield "surplus columns all dates", given(split([*names, "2024-01-01"], [*row, 1]))
    yield "cell text with odd letters", given(split([*names, "more"], [*row, "\u0000\ud7ff"]))


def sample() -> Cases:
    document = json.loads(SAMPLE.read_bytes())
    yield "the sample's request", posting(document)
    table = document["input_data"]
    names, row = table["columns"], table["data"][0]
    yield from forms(names, row)
    yield from cells(names, row, {"BMI": [1, "5", "heavy", None, True]})


def requests_of(model: str) -> Cases:
    """Return the names and requests of what is recorded of a model."""
    numbers, types = list(NUMBERS), list(TYPES)
    if model == "sample":
        yield from sample()
    elif model == "numbers":
        yield from forms(numbers, NUMBERS_ROW)
        yield from cells(numbers, NUMBERS_ROW, dict.fromkeys(numbers, NUMBERS_CELLS))
        yield from http_rules({"input_data": split(numbers, NUMBERS_ROW)})
        yield from mixtures()
        yield from odd_splits()
    elif model == "numbers-by-example":
        yield from forms(numbers, NUMBERS_ROW)
        some = [1.7, True, None, "5", 2**31]
        yield from cells(numbers, NUMBERS_ROW, dict.fromkeys(numbers, some))
    elif model == "labels":
        yield from forms(["x", "more"], [3, 0.5])
        yield from cells(["x", "more"], [3, 0.5], {"x": [1, "2", 1.7, None, "x"]})
    elif model == "types":
        yield from forms(types, TYPES_ROW)
        yield from cells(types, TYPES_ROW, TYPES_CELLS)
        yield from below(types, TYPES_ROW, TYPES_CELLS)
        yield from http_rules({"input_data": split(types, TYPES_ROW)})
    elif model == "optional":
        names = ["id", *types]
        row = [7, *TYPES_ROW]
        yield from forms(names, row)
        yield from cells(names, row, TYPES_CELLS)
        yield "id alone", given(split(["id"], [7]))
        for name, cell in zip(types, TYPES_ROW, strict=True):
            yield f"id and {name}", given(split([name, "id"], [cell, 7], [None, 8]))
        yield "all null", given(split(names, [7, *[None] * len(types)]))
    elif model == "frame-example":
        yield from examples()
    elif model in ("array-example", "list-example"):
        yield from tensors(*ANYTHING[:20])
    elif model == "params":
        yield from forms(["x"], [1.5])
        yield from params()
    elif model == "outputs":
        yield from forms(["wish"], ["number"])
        yield from words()
        for name in OUTPUTS:
            yield f"returns {name}", given(split(["wish"], [name]))
    else:
        yield from forms(["a", "n"], [1.5, 1])
        yield from tensors(*ANYTHING)
    yield from swaggers()
