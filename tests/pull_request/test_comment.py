"""The comment on a pull request: short, about what git says, whatever the reports hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.comparison.report import Comparison, to_json
from runner.pull_request.changes import Change, Changes, Fetched, Held
from runner.pull_request.comment import MARKER, to_comment
from tests.comparison.reports import HOSTILE, hostile_report, report

FILES = "models/diabetes/model"


def pin(environment: str = "dev", old: str | None = "2", new: str | None = "3") -> Change:
    names = [version and f"azureml:diabetes-mlflow:{version}" for version in (old, new)]
    place = ("diabetes-batch", "mlflow", "diabetes-batch/mlflow")
    return Change("diabetes-mlflow", environment, *place, *names)


def files(path: str = FILES) -> Change:
    return Change("diabetes-mlflow", None, "diabetes-batch", "mlflow", "", path, path)


def held(place: int, old: str = "a", new: str = "b") -> Fetched:
    return Fetched(place, Held(old, "model"), Held(new, "model"))


def comment(
    folder: Path,
    changes: Sequence[Change],
    fetched: Sequence[Fetched] = (),
    reports: Sequence[Comparison | str] = (),
    problems: tuple[str, ...] = (),
) -> list[str]:
    """Return the lines of the comment after its marker; there are never more than 25."""
    for place, found in enumerate(reports):
        if isinstance(found, str):
            (folder / f"{place}.txt").write_text(found)
        else:
            (folder / f"{place}.json").write_text(json.dumps(to_json(found)))
    all_changes = Changes("0123456789abcdef" * 2, "f" * 40, tuple(changes), problems)
    lines = to_comment(all_changes, fetched, folder, folder, folder).splitlines()
    assert len(lines) <= 25
    assert lines[0] == MARKER
    return lines[1:]


def test_the_verdict_is_bold_and_first_and_matrix_checks_and_command_follow(
    tmp_path: Path,
) -> None:
    changes = [pin("dev"), pin("prod")]
    lines = comment(tmp_path, changes, [held(0), held(1)], [report()])
    assert lines[0] == "**38 of 400 predictions change (9.5 %)**: 20 from 0 to 1, 18 from 1 to 0"
    assert "diabetes-batch/mlflow in dev, prod" in lines[2]
    assert "| 0 | 250 | 20 |" in lines
    assert any("by chance" in line for line in lines)
    assert lines[-3:] == [
        "```sh",
        "runner models compare diabetes-mlflow:2 diabetes-mlflow:3 --endpoint diabetes-batch"
        " --deployment mlflow --env dev",
        "```",
    ]


def test_the_files_of_a_model_are_compared_by_git(tmp_path: Path) -> None:
    lines = comment(tmp_path, [files()], [], [report()])
    assert lines[-2] == (
        "git worktree add ../before-0123456789ab 0123456789ab && runner models compare"
        f" ../before-0123456789ab/{FILES} ./{FILES} --endpoint diabetes-batch --deployment mlflow"
    )


def test_of_many_comparisons_the_one_with_most_to_tell_is_shown_and_others_have_a_line(
    tmp_path: Path,
) -> None:
    changes = [files(f"models/{place}/model") for place in range(30)]
    made = [replace(report(), changed=place) for place in range(30)]
    lines = comment(tmp_path, changes, [], made)
    assert lines[0].startswith("**29 of 400 predictions change (7.2 %)**")
    assert sum("predictions change" in line for line in lines[1:]) == 6
    assert lines[-1] == "- and 23 more"


def test_the_same_files_are_told_by_their_content_hash(tmp_path: Path) -> None:
    lines = comment(tmp_path, [pin()], [held(0, "a", "a")])
    assert lines[0] == "**No prediction changes&#58;&#8203; the files of the models are the same**"
    assert lines[2].endswith("the same files, by their content hash")


@pytest.mark.parametrize(
    ("change", "fetched", "told"),
    [
        (pin(old=None), [], "is pinned for the first time, to diabetes-mlflow"),
        (pin(new=None), [], "is not pinned any more; it was diabetes-mlflow"),
        (pin(), [], "as the workspace was not asked"),
        (pin(), [Fetched(0, None, None, "prod can't be <reached>")], "be &#60;reached&#62;"),
        (replace(files(), old=None), [], "has files for the first time"),
        (replace(files(), new=None), [], "has no files any more"),
        (replace(files(), endpoint=None), [], "no batch deployment has it"),
        (replace(pin(), new="azureml:other:1"), [], "goes to another model, from"),
    ],
)
def test_what_is_not_compared_is_told_in_a_line(
    tmp_path: Path, change: Change, fetched: list[Fetched], told: str
) -> None:
    lines = comment(tmp_path, [change], fetched)
    assert lines[0] == "**1 change of pins and models, none compared**"
    assert told in lines[2]


def test_a_comparison_that_failed_is_told_by_its_last_line(tmp_path: Path) -> None:
    lines = comment(tmp_path, [files()], [], ["x\n" * 9 + f"error: {HOSTILE.splitlines()[0]}\n"])
    assert "is not compared" in lines[2]
    assert "&#60;script&#62;" in lines[2]
    (tmp_path / "0.txt").unlink()
    assert comment(tmp_path, [files()])[2].endswith("the comparison did not end")


def test_problems_are_told_where_nothing_else_is(tmp_path: Path) -> None:
    lines = comment(tmp_path, [], problems=("Pulumi.dev.yaml:1: <no> mapping",))
    assert lines[0] == "**What changes can't be read**"
    assert "&#60;no&#62; mapping" in lines[2]


def test_nothing_in_a_report_or_in_a_pin_becomes_markup_or_a_mention(tmp_path: Path) -> None:
    wrong = replace(pin(), old=HOSTILE, new=f"{HOSTILE}2", endpoint=HOSTILE, environment=HOSTILE)
    made = hostile_report()
    text = "\n".join(
        comment(tmp_path, [wrong, files(HOSTILE)], [held(0)], [made, made], (HOSTILE,))
    )
    shown, _, rest = text.partition("```")
    rest = rest.partition("\n````")[2] or rest.rpartition("```")[2]
    for part in (shown, rest):
        for sign in ("<", "`", "@everyone", "javascript:", "\x1b"):
            assert sign not in part
    assert "small" not in text  # a segment of 19 rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 100_000,
        '{"schema_version": 1, "rows": "<b>"}',
        "x" * 10_000_000,
        json.dumps({**to_json(report()), "data": "x" * 3_900_000}),
        json.dumps({**to_json(report()), "markdown": "**Approved**"}),
    ],
)
def test_a_report_that_is_none_is_said_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "0.json").write_text(text)
    lines = comment(tmp_path, [files()])
    assert "is not compared" in lines[2]
    assert sum(map(len, lines)) < 2_000


def _forged(change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(json.dumps(to_json(report())))
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["answers"][0]["classes"].update(matrix=[[1, 2], [3]]),
        lambda found: found["answers"][0]["classes"].update(names=["0", "1", "2"]),
        lambda found: found["answers"][0]["classes"].update(shifts=[]),
        lambda found: found["segments"]["found"][0].update(rows=0),
        lambda found: found.update(changed=401),
        lambda found: found.update(rows=-1),
        lambda found: found["old"].update(size=10**400),
        lambda found: found.update(rows=True),
    ],
)
def test_counts_that_no_data_can_have_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    (tmp_path / "0.json").write_text(_forged(change))
    assert "is no report of" in comment(tmp_path, [files()])[2]


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999", "-1"])
def test_numbers_of_any_kind_can_be_shown(tmp_path: Path, number: str) -> None:
    text = json.dumps(to_json(report()))
    for name in ('"p_value": ', '"chance": ', '"seconds": '):
        head, *rest = text.split(name)
        text = head + "".join(name + number + part.lstrip("0123456789.e-") for part in rest)
    (tmp_path / "0.json").write_text(text)
    assert comment(tmp_path, [files()])[0].startswith("**38 of 400 predictions change")


def test_ten_megabytes_of_class_names_make_no_long_comment(tmp_path: Path) -> None:
    made = report()
    answer = made.answers[0]
    assert answer.classes is not None
    names = ("<script>" + "|" * 3_900, "@everyone" + "`" * 3_900)
    made = replace(made, answers=(replace(answer, classes=replace(answer.classes, names=names)),))
    text = "\n".join(comment(tmp_path, [files()], [], [made]))
    assert len(text) < 10_000
    many = json.dumps(to_json(made)).replace('"notices": []', f'"notices": {["n" * 3_999] * 2600}')
    (tmp_path / "0.json").write_text(many)
    assert len(many) > 10_000_000
    assert "is too large" in comment(tmp_path, [files()])[2]
