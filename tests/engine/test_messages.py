"""The messages of a worker, as its parent hears them."""

from __future__ import annotations

import os

import pytest

from runner.engine.attempt import FileResult
from runner.engine.drivers.result import Result
from runner.engine.messages import Hopeless, Message, Raised, Ready, Scored, decode, encode

RESULT = Result(
    files=(
        FileResult("환자\n.csv", 2),
        FileResult(os.fsdecode(b"\xff"), 0, "bad"),
        FileResult("c", None),
    ),
    tally={"classes": {"0": 2}},
    warnings=("mind this",),
    retry="again",
    missing=1,
    rows=2,
)


@pytest.mark.parametrize(
    "message", [Ready(), Scored(RESULT), Scored(Result((), {})), Raised("x\ny"), Hopeless("\udcff")]
)
def test_a_message_comes_through_as_it_was(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1",
        b"[1]",
        b"{}",
        b"[" * 100_000,
        b'["Ready", 1]',
        b'["Ready", {}]',
        b'["Ready", {"warnings": [[1]]}]',
        b'["Other", {}]',
        b'["Raised", {"reason": 1}]',
        b'["Raised", {"why": "x"}]',
        b'["Scored", {"result": {"files": [], "tally": {}, "warnings": [], "rows": "2"},'
        b' "checksum": 0}]',
        b'["Scored", {"result": {"files": [{"name": 1, "rows": 2}], "tally": {}, "warnings": []},'
        b' "checksum": 0}]',
        b'["Scored", {"result": {"files": [], "tally": [], "warnings": []}, "checksum": 0}]',
        b'["Scored", {"result": {"files": [], "tally": {"classes": {"a": "b"}}, "warnings": []},'
        b' "checksum": 0}]',
        b'["Scored", {"result": {"files": [], "tally": {"columns": {"a": 1}}, "warnings": []},'
        b' "checksum": 0}]',
        b'["Scored", {"result": {"files": [], "tally": {}, "warnings": [], "number_types":'
        b' {"a": []}}, "checksum": 0}]',
    ],
)
def test_what_is_json_and_no_message_is_none(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is JSON's own, or Python's
        decode(content)


def test_what_is_cut_short_is_no_message() -> None:
    with pytest.raises(ValueError, match="Unterminated"):
        decode(encode(Raised("why"))[:-4])
