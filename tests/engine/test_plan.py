"""A plan on disk, and its mini-batches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.engine.plan import InputFile, Plan, Settings, read_plan, write_plan
from runner.errors import JobFailed


def plan(files: int, size: int) -> Plan:
    return Plan(
        job="job",
        input="/input",
        files=tuple(InputFile(f"{i}.csv", i, i) for i in range(files)),
        settings=Settings(mini_batch_size=size),
        model=None,
    )


@given(st.integers(0, 60), st.integers(1, 70))
def test_the_mini_batches_hold_every_file_once_in_order_and_none_is_empty(
    files: int, size: int
) -> None:
    planned = plan(files, size)
    parts = [planned.mini_batch(index) for index in range(planned.mini_batches)]
    assert tuple(file for part in parts for file in part) == planned.files
    assert all(0 < len(part) <= size for part in parts)


@given(
    name=st.text(min_size=1),
    undecodable=st.binary(min_size=1, max_size=5),
    timeout=st.floats(0.1, 1e6),
    variables=st.dictionaries(st.text(), st.text()),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plan_survives_a_restart_as_it_was(
    tmp_path: Path, name: str, undecodable: bytes, timeout: float, variables: dict[str, str]
) -> None:
    written = Plan(
        job="job",
        input="/input",
        files=(InputFile(name, 1, 2), InputFile(os.fsdecode(undecodable), 3, 4)),
        settings=Settings(timeout=timeout, output_action="summary_only"),
        model="/model",
        script="/score.py",
        environment_variables=variables,
    )
    write_plan(written, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == written
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", "plan.json.copy"}


def test_a_plan_that_is_damaged_is_read_from_its_copy_and_told(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    said: list[str] = []
    write_plan(plan(3, 1), path)
    content = path.read_bytes()
    for damaged in (b"", b"\xff", content[:-9], content.replace(b":1,", b":2,", 1)):
        path.write_bytes(damaged)
        assert read_plan(path, said.append) == plan(3, 1)
    path.unlink()
    assert read_plan(path, said.append) == plan(3, 1)
    assert said == [f"warning: {path} is gone or damaged; its copy {path}.copy is used"] * 5
    path.write_bytes(content)
    (tmp_path / "plan.json.copy").unlink()
    assert read_plan(path) == plan(3, 1)
    path.write_bytes(b"")
    with pytest.raises(
        JobFailed, match=r"plan\.json is damaged and has no sound copy: start a new"
    ):
        read_plan(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_plan(path)


def test_the_settings_not_given_are_azures() -> None:
    assert Settings() == Settings(
        mini_batch_size=10,
        processes=1,
        max_retries=3,
        timeout=30,
        error_threshold=-1,
        output_action="append_row",
        output_file_name="predictions.csv",
    )
