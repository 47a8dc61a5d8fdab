from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.engine.journal import read_journal
from runner.engine.layout import profile_file
from runner.engine.sealed import seal, unseal
from runner.errors import EnvironmentRefused
from runner.jobs.profile import job_profile, leave_profile
from runner.profile.column import Numbers, Texts
from runner.profile.profile import encode
from tests.engine.job import score
from tests.engine.test_profiles import FILES, MODEL


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a job that was scored and has its pieces still."""
    outcome = score(tmp_path_factory.mktemp("job"), FILES, model=MODEL, mini_batch_size=2)
    assert leave_profile(outcome.folder, outcome.attempts)
    return outcome.folder


@pytest.fixture
def job(scored: Path, tmp_path: Path) -> Path:
    """Return a copy of it, whose input lies where it lay."""
    import shutil

    return shutil.copytree(scored, tmp_path / "jobs" / "job")


def predictions(folder: Path) -> str:
    return str(folder / "output" / "predictions.csv")


def test_a_job_leaves_a_profile_that_its_owner_alone_may_read(scored: Path) -> None:
    assert profile_file(scored).stat().st_mode & 0o777 == 0o600
    assert (scored.parent / ".profile-key").stat().st_mode & 0o777 == 0o600
    profile = job_profile(scored, "job", None)
    assert (profile.rows, profile.answers) == (200, 200)
    assert profile_file(scored).stat().st_size < 20_000


def test_a_job_that_left_none_gets_one_of_the_data_that_it_scored(job: Path) -> None:
    left = job_profile(job, "job", None)
    profile_file(job).unlink()
    made = job_profile(job, "job", predictions(job))
    assert made.inputs == left.inputs
    assert made.outputs == left.outputs
    assert (made.rows, made.answers) == (left.rows, left.answers)
    # From then on it is there.
    assert encode(job_profile(job, "job", None)) == encode(made)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not as it was written"),
        (seal({"version": 9}), "it is of version 9, not 1"),
    ],
)
def test_a_profile_that_is_damaged_or_of_another_version_is_made_again(
    job: Path, content: bytes, why: str
) -> None:
    profile_file(job).write_bytes(content)
    with pytest.raises(EnvironmentRefused) as refused:
        job_profile(job, "job", str(job / "gone.csv"))
    assert why in str(refused.value)
    assert "its predictions are gone: score its input again" in str(refused.value)
    assert job_profile(job, "job", predictions(job)).rows == 200


def test_without_the_data_there_is_none_to_be_made(job: Path) -> None:
    profile_file(job).unlink()
    plan = unseal((job / "plan.json").read_bytes())
    gone = plan["input"] + "-gone"
    for name in ("plan.json", "plan.json.copy"):
        (job / name).write_bytes(
            seal({**{k: v for k, v in plan.items() if k != "check"}, "input": gone})
        )
    with pytest.raises(EnvironmentRefused) as refused:
        job_profile(job, "job", predictions(job))
    assert str(refused.value) == (
        f"job 'job' left no profile, and {gone}/0.csv is gone or has changed since: score its input"
        " again, and compare that job"
    )


def test_of_a_plan_of_another_version_there_is_none_to_be_made(job: Path) -> None:
    profile_file(job).unlink()
    for name in ("plan.json", "plan.json.copy"):
        (job / name).write_bytes(seal({"job": "job"}))
    with pytest.raises(EnvironmentRefused, match="its plan is of another version"):
        job_profile(job, "job", predictions(job))


def test_of_a_script_there_is_none_to_be_made_afterwards(tmp_path: Path) -> None:
    script = "def init(): pass\ndef run(paths): return paths\n"
    folder = score(tmp_path, {"a": b""}, script=script).folder
    with pytest.raises(EnvironmentRefused, match="of what a script returned none can be made"):
        job_profile(folder, "job", predictions(folder))


def test_a_part_that_lost_its_profile_costs_the_job_its_own(job: Path) -> None:
    profile_file(job).unlink()
    next((job / "pieces").glob("*.profile")).unlink()
    assert not leave_profile(job, read_journal(job / "journal.jsonl"))
    assert not profile_file(job).exists()


def test_none_is_left_where_that_is_asked_for(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile_file(job).unlink()
    monkeypatch.setenv("RUNNER_PROFILE", "off")
    assert not leave_profile(job, read_journal(job / "journal.jsonl"))
    assert not profile_file(job).exists()


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ("1 2 2", {"prediction": [1.0, 2.0]}),
        ("0.5 1e3 2", {"prediction": [0.5, 2.0, 1000.0]}),
        ('"[1, 0.5]" "[2, 0.25]"', {"0": [1.0, 2.0], "1": [0.25, 0.5]}),
        ("yes no yes", {"prediction": {"yes": 2, "no": 1}}),
    ],
)
def test_answers_are_read_back_with_their_types(
    tmp_path: Path, cells: str, columns: dict[str, object]
) -> None:
    from runner.jobs.profile import _outputs

    path = tmp_path / "predictions.csv"
    found = json.loads(f"[{json.dumps(cells)}]")[0]
    parts = found.replace(", ", ",").split(" ")
    path.write_text("".join(f"{row},{cell},a.csv\n" for row, cell in enumerate(parts)))
    profile = _outputs(path)
    assert profile.answers == len(parts)
    shown = {
        name: list(column.values) if isinstance(column, Numbers) else getattr(column, "kinds", 0)
        for name, column in profile.outputs.items()
    }
    assert shown == columns
    assert all(isinstance(column, Numbers | Texts) for column in profile.outputs.values())
