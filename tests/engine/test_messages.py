"""What a worker says is what its parent hears."""

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


def test_what_is_cut_short_is_no_message() -> None:
    with pytest.raises(ValueError, match="Unterminated"):
        decode(encode(Raised("why"))[:-4])
