"""What is found of two scorings: what breaks, what changes, where, and above which floor."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.comparison.changed_rows import changed_rows
from runner.comparison.comparing import Half, compare
from runner.comparison.report import Comparison
from runner.comparison.scoring import Scored, Subject
from runner.errors import JobFailed
from runner.venvs.interpreter import Interpreter
from tests.comparison.scorings import scored
from tests.projects import ROOT

Compared = Callable[..., Comparison]


def half(scoring: Scored, again: Scored | None = None) -> Half:
    return Half(
        Subject("m:1", Path("nowhere"), "mlflow_model", "", 1), Interpreter(), scoring, again
    )


def compared(old: Half, new: Half, **options: Any) -> Comparison:
    given = {"endpoint": None, "deployment": None, "data": "data", "command": "", "tolerance": 1e-6}
    return compare(old, new, **{**given, **options})


def of(folder: Path, old: Any, new: Any, **options: Any) -> Comparison:
    return compared(
        half(scored(folder / "old", old, **options)), half(scored(folder / "new", new, **options))
    )


def test_rows_are_joined_by_file_and_row_whatever_slices_they_were_scored_in(
    tmp_path: Path,
) -> None:
    answers = {"a.csv": [str(n % 3) for n in range(100)], "b.csv": ["0", "1"]}
    moved = {**answers, "a.csv": [*answers["a.csv"][:99], "2"]}
    old = half(scored(tmp_path / "old", answers, slices=7))
    new = half(scored(tmp_path / "new", moved, slices=30))
    found = compared(old, new)
    assert (found.rows, found.changed) == (102, 1)
    classes = found.answers[0].classes
    assert classes is not None
    assert classes.names == ("0", "1", "2")
    assert classes.matrix == ((34, 0, 1), (0, 34, 0), (0, 0, 33))
    assert classes.test is not None
    assert classes.test.name == "Stuart-Maxwell"


def test_two_classes_are_held_against_chance_by_mcnemars_test(tmp_path: Path) -> None:
    old = {"a.csv": ["0"] * 200 + ["1"] * 200}
    new = {"a.csv": ["1"] * 20 + ["0"] * 180 + ["0"] * 18 + ["1"] * 182}
    found = of(tmp_path, old, new)
    assert found.changed == 38
    classes = found.answers[0].classes
    assert classes is not None
    assert classes.test is not None
    assert classes.test.name == "McNemar, mid-p"
    assert classes.test.p_value == pytest.approx(0.75, abs=0.01)
    assert [(shift.old, shift.new) for shift in classes.shifts] == [(200, 198), (200, 202)]
    assert classes.shifts[0].chance == pytest.approx(1.96 * 38**0.5, abs=0.1)


@pytest.mark.parametrize(
    ("old", "new"),
    [("01", ("0.0", "1.0")), ("01", ("False", "True")), (("false", "true"), ("0.0", "1.0"))],
)
def test_a_class_that_is_only_written_otherwise_has_not_changed(
    tmp_path: Path, old: Any, new: Any
) -> None:
    found = of(tmp_path, {"a.csv": list(old) * 30}, {"a.csv": list(new) * 30})
    assert (found.changed, found.differing) == (0, 60)
    assert not found.breaks


def test_classes_that_are_only_called_otherwise_are_a_break_and_no_change(tmp_path: Path) -> None:
    found = of(tmp_path, {"a.csv": ["0", "1", "2"] * 30}, {"a.csv": ["no", "yes", "2"] * 30})
    assert (found.changed, found.differing) == (0, 60)
    assert [broken.kind for broken in found.breaks] == ["classes"]
    assert "0 is no now, 1 is yes now" in found.breaks[0].text
    assert found.segments.untried == "no answer changed its meaning"


def test_classes_that_change_places_are_changes_and_said_to_be_mixed_up(tmp_path: Path) -> None:
    found = of(tmp_path, {"a.csv": ["0", "1"] * 30}, {"a.csv": ["1", "0"] * 30})
    assert found.changed == 60
    assert any("are the labels mixed up?" in notice for notice in found.notices)


def test_a_row_or_two_do_not_make_a_new_name(tmp_path: Path) -> None:
    assert of(tmp_path, {"a.csv": ["a"]}, {"a.csv": ["b"]}).changed == 1


def test_new_and_vanished_classes_are_named(tmp_path: Path) -> None:
    found = of(tmp_path, {"a.csv": ["0", "1", "1"] * 9}, {"a.csv": ["0", "0", "2"] * 9})
    told = [broken.text for broken in found.breaks]
    assert told == [
        "prediction: 2 is answered by the new version alone",
        "prediction: 1 is answered by the old version alone",
    ]


def test_numbers_have_a_tolerance_and_the_exact_count_beside_it(tmp_path: Path) -> None:
    old = {"a.csv": [f"{n}.5" for n in range(400)]}
    new = {"a.csv": [f"{n}.5" if n % 2 else f"{n}.50000001" for n in range(1, 200)]}
    new["a.csv"] = ["0.5", *new["a.csv"], *(f"{n}.75" for n in range(200, 400))]
    found = of(tmp_path, old, new)
    assert (found.changed, found.differing) == (200, 299)
    numbers = found.answers[0].numbers
    assert numbers is not None
    by_share = {part.share: part.difference for part in numbers.quantiles}
    assert by_share[1.0] == 0.25
    assert by_share[0.9] == pytest.approx(0.25, rel=0.02)
    assert by_share[0.5] == pytest.approx(1e-8, rel=0.02)
    assert numbers.mean_shift == pytest.approx(0.125, abs=1e-6)
    assert not numbers.probabilities


def test_no_row_of_a_share_moves_by_more_than_is_said_of_it(tmp_path: Path) -> None:
    moves = [0.0] * 300 + [0.4 + n / 1_000 for n in range(100)]
    found = of(tmp_path, {"a.csv": ["1.5"] * 400}, {"a.csv": [f"{1.5 + move}" for move in moves]})
    numbers = found.answers[0].numbers
    assert numbers is not None
    for part in numbers.quantiles:
        within = sum(move <= part.difference + 1e-9 for move in moves)
        assert within >= part.share * 400
        assert part.difference <= 1.0201 * sorted(moves)[round(part.share * 400) - 1]


def test_probabilities_are_recognised_and_those_counted_that_cross_one_half(
    tmp_path: Path,
) -> None:
    found = of(tmp_path, {"a.csv": ["0.25", "0.49", "0.7"]}, {"a.csv": ["0.25", "0.51", "0.70001"]})
    numbers = found.answers[0].numbers
    assert numbers is not None
    assert numbers.probabilities
    assert numbers.crossing == 1
    assert found.changed == 2


def test_missing_numbers_are_counted_apart_and_alike_however_written(tmp_path: Path) -> None:
    found = of(tmp_path, {"a.csv": ["0.5", "", "nan", "1.5"]}, {"a.csv": ["0.5", "nan", "", ""]})
    numbers = found.answers[0].numbers
    assert numbers is not None
    assert (numbers.old_nulls, numbers.new_nulls) == (2, 3)
    assert found.changed == 1


@pytest.mark.parametrize("value", ["", "0", "0.5", "a"])
@pytest.mark.parametrize("rows", [1, 20, 400])
def test_one_value_only_or_none_at_all_is_no_change(tmp_path: Path, value: str, rows: int) -> None:
    found = of(tmp_path, {"a.csv": [value] * rows}, {"a.csv": [value] * rows})
    assert (found.rows, found.changed, found.differing) == (rows, 0, 0)


def test_answers_of_several_values_are_compared_part_by_part(tmp_path: Path) -> None:
    def cell(label: str, share: float) -> str:
        return f'"{{""label"": ""{label}"", ""p"": {share}}}"'

    old = {"a.csv": [cell("a", 0.25), cell("b", 0.75)] * 20}
    new = {"a.csv": [cell("a", 0.25), cell("a", 0.5)] * 20}
    found = of(tmp_path, old, new)
    assert found.changed == 20
    label, share = found.answers
    assert (label.name, share.name) == ("label", "p")
    assert label.classes is not None
    assert label.classes.matrix == ((20, 0), (20, 0))
    assert share.numbers is not None
    assert share.numbers.quantiles[-1].difference == 0.25


def test_a_part_that_one_version_alone_answers_is_a_break(tmp_path: Path) -> None:
    old = {"a.csv": ['"{""label"": ""a"", ""p"": 0.5}"', ""] * 9}
    new = {"a.csv": ['"{""label"": ""a"", ""q"": 0.5}"', ""] * 9}
    found = of(tmp_path, old, new)
    assert [answer.name for answer in found.answers] == ["label"]
    assert (found.changed, found.differing) == (0, 9)
    assert [(broken.side, broken.text) for broken in found.breaks] == [
        ("old", "answers have 'p' with the old version alone"),
        ("new", "answers have 'q' with the new version alone"),
    ]


def test_answers_of_several_values_and_of_one_are_compared_as_texts(tmp_path: Path) -> None:
    found = of(tmp_path, {"a.csv": ['"{""label"": 1}"'] * 9}, {"a.csv": ["1"] * 9})
    assert (found.rows, found.changed) == (9, 9)


def test_lists_are_compared_place_by_place(tmp_path: Path) -> None:
    found = of(tmp_path, {"a.csv": ['"[0.25, 0.75]"'] * 9}, {"a.csv": ['"[0.25, 0.5]"'] * 9})
    assert [(answer.name, answer.changed) for answer in found.answers] == [("0", 0), ("1", 9)]


def test_a_scripts_lines_are_compared_field_by_field(tmp_path: Path) -> None:
    old = {"a.csv": [f"a.csv {n} {n % 2} 0.25" for n in range(100)]}
    new = {"a.csv": [f"a.csv {n} {int(n < 50)} 0.25" for n in range(100)]}
    found = of(tmp_path, old, new, script=True)
    assert (found.rows, found.changed) == (100, 50)
    assert [answer.changed for answer in found.answers if answer.classes] == [0, 50]
    assert found.segments.untried is not None


def test_lines_that_stop_being_alike_are_compared_as_wholes(tmp_path: Path) -> None:
    old = {"a.csv": ["1 2", "3 4"], "b.csv": ["one", "two"]}
    new = {"a.csv": ["1 2", "3 5"], "b.csv": ["one", "three"]}
    found = of(tmp_path, old, new, script=True)
    assert (found.rows, found.changed) == (4, 2)


def test_a_script_with_another_number_of_rows_is_named_and_not_joined(tmp_path: Path) -> None:
    found = of(
        tmp_path,
        {"a.csv": ["1", "0", "1"], "b.csv": ["1"]},
        {"a.csv": ["1", "0"], "b.csv": ["0"]},
        script=True,
    )
    assert [broken.text for broken in found.breaks if broken.kind == "rows"] == [
        "a.csv has 3 answers of the old version and 2 of the new one: they can't be joined"
    ]
    assert (found.rows, found.changed) == (1, 1)


def test_a_file_that_fails_with_one_version_is_named_and_the_others_are_compared(
    tmp_path: Path,
) -> None:
    answers = {"a.csv": ["1", "0"], "c.csv": ["1", "1"]}
    old = half(scored(tmp_path / "old", {**answers, "b.csv": ["1"]}))
    failed = {"b.csv": "b.csv: row 0 column 'x': 'y' is not a number"}
    new = half(scored(tmp_path / "new", answers, failed=failed))
    found = compared(old, new)
    assert (found.rows, found.changed) == (4, 0)
    assert [(broken.kind, broken.side) for broken in found.breaks] == [("files", "new")]
    assert "'y' is not a number" in found.breaks[0].text


@pytest.mark.parametrize("failing", ["old", "new"])
def test_files_of_a_mini_batch_stay_in_step_where_one_of_them_fails(
    tmp_path: Path, failing: str
) -> None:
    answers = {"a.csv": ["1", "0"], "b.csv": ["7", "8", "9"], "c.csv": ["1", "0", "1"]}
    some = {name: cells for name, cells in answers.items() if name != "b.csv"}
    sides = [
        half(
            scored(
                tmp_path / name,
                some if name == failing else answers,
                failed={"b.csv": "b.csv: no"} if name == failing else None,
                together=True,
            )
        )
        for name in ("old", "new")
    ]
    found = compared(*sides)
    assert (found.rows, found.changed) == (5, 0)
    assert [broken.side for broken in found.breaks if broken.kind == "files"] == [failing]


def test_data_that_one_version_refuses_is_no_change_but_a_break(tmp_path: Path) -> None:
    old = half(scored(tmp_path / "old", {"a.csv": ["1"]}))
    new = half(scored(tmp_path / "new", {}, failed={"a.csv": "x"}, error="a.csv: no column 'x'"))
    found = compared(old, new)
    assert (found.rows, found.changed, found.answers) == (0, 0, ())
    assert found.breaks[0].text == "the new version scores nothing: a.csv: no column 'x'"


def test_data_that_both_refuse_is_an_error(tmp_path: Path) -> None:
    sides = [half(scored(tmp_path / name, {}, failed={"a": "x"}, error="no")) for name in "ab"]
    with pytest.raises(JobFailed, match="neither version scores the data"):
        compared(*sides)


def test_a_version_that_answers_differently_each_time_is_a_floor(tmp_path: Path) -> None:
    again = scored(tmp_path / "again", {"a.csv": ["0", "1"] * 10})
    old = scored(tmp_path / "old", {"a.csv": ["0", "0", "1", "1"] * 5})
    found = compared(half(old, again), half(replace(old)))
    assert found.floor is not None
    assert (found.floor.rows, found.floor.changed) == (20, 10)
    assert found.above_floor == 0


def _input(folder: Path, rows: int) -> Path:
    folder.mkdir()
    with (folder / "a.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "sex", "id"])
        for n in range(rows):
            writer.writerow([n % 80, "FM"[n % 2] if n % 10 else "", f"p{n}"])
    return folder


def test_segments_are_found_in_which_changes_gather(tmp_path: Path) -> None:
    data = _input(tmp_path / "data", 800)
    old = {"a.csv": ["0"] * 800}
    new = {"a.csv": ["1" if n % 80 > 70 else "0" for n in range(800)]}
    found = of(tmp_path, old, new, data=data)
    first = found.segments.found[0]
    assert (first.column, first.values) == ("age", "over 59")
    assert (first.rows, first.changed) == (200, 90)
    assert first.p_value < 1e-9
    assert found.segments.tried >= 7


def test_changes_that_are_everywhere_gather_nowhere(tmp_path: Path) -> None:
    data = _input(tmp_path / "data", 800)
    new = {"a.csv": ["1" if n % 7 == 0 else "0" for n in range(800)]}
    found = of(tmp_path, {"a.csv": ["0"] * 800}, new, data=data)
    assert found.segments.found == ()
    assert found.segments.tried >= 7


def test_missing_values_are_a_segment_of_their_own(tmp_path: Path) -> None:
    data = _input(tmp_path / "data", 800)
    new = {"a.csv": ["0" if n % 10 else "1" for n in range(800)]}
    found = of(tmp_path, {"a.csv": ["0"] * 800}, new, data=data)
    assert ("sex", "missing", 80, 80) in [
        (part.column, part.values, part.rows, part.changed) for part in found.segments.found
    ]


def test_a_file_with_other_rows_than_answers_has_no_segments(tmp_path: Path) -> None:
    data = _input(tmp_path / "data", 7)
    found = of(tmp_path, {"a.csv": ["0"] * 6}, {"a.csv": ["1"] * 6}, data=data)
    assert (found.segments.tried, found.segments.found) == (0, ())
    assert found.segments.untried is not None


def test_changed_rows_are_written_with_their_numbers(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    sides = half(scored(tmp_path / "old", {"a.csv": ["0", "1", '"x,y"']}))
    others = half(scored(tmp_path / "new", {"a.csv": ["0", "2", "z"]}))
    with changed_rows(target) as writer:
        assert writer is not None
        compared(sides, others, on_pair=writer.add)
    assert target.read_text() == 'file,row,old,new\na.csv,1,1,2\na.csv,2,"x,y",z\n'


def test_ten_megabytes_of_class_names_stay_a_small_report(tmp_path: Path) -> None:
    names = [f"{n:04d}{'x' * 1000}{n}" for n in range(10_000)]
    found = of(tmp_path, {"a.csv": names}, {"a.csv": names[::-1]})
    from json import dumps

    from runner.comparison.report import to_json

    assert len(dumps(to_json(found))) < 100_000
    assert found.changed == 10_000


def test_comparing_does_not_import_pandas_which_takes_longer_than_it(tmp_path: Path) -> None:
    data = _input(tmp_path / "data", 20)
    program = (
        "import sys; from pathlib import Path; from tests.comparison.test_comparing import of\n"
        "for place, cells in enumerate((['0', '1'], ['0.5', 'nan'], ['a', ''])):\n"
        "    folder = Path(sys.argv[1]) / str(place)\n"
        "    answers = {'a.csv': cells * 10}, {'a.csv': cells[::-1] * 10}\n"
        "    of(folder, *answers, data=Path(sys.argv[2]))\n"
        "print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "scored"), str(data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
