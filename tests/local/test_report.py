"""The page that shows what a job did."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest

from runner.local.engine.attempt import Attempt, FileResult
from runner.local.engine.tally import Tally, bucket
from runner.local.report import Report, render
from runner.workspace import JobStatus

from .reports import attempt, report, small, troubled

VOID = {"meta", "input", "br", "path", "rect", "line"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        parts = (one if isinstance(one, str) else one.text for one in self.children)
        return "".join(parts).replace("\N{NO-BREAK SPACE}", " ")

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """Every element below of that tag that has these attributes (class_ for class)."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        found = []
        for one in self.children:
            if isinstance(one, Element):
                if one.tag == tag and wanted.items() <= one.attributes.items():
                    found.append(one)
                found += one.find(tag, **attributes)
        return found


class Page(HTMLParser):
    """A page as a tree; AssertionError where a tag is closed that was not the last opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def page(shown: Report) -> Element:
    parsed = Page(render(shown))
    assert parsed.open == [parsed.root], "a tag was left open"
    return parsed.root


def section(root: Element, title: str) -> Element:
    (found,) = (one for one in root.find("section") if one.find("h2")[0].text == title)
    return found


def bars(part: Element) -> dict[str, tuple[str, str]]:
    """Each bar's name: its width and its count."""
    rows = part.find("tbody")[0].find("tr")
    return {
        row.find("th")[0].text: (
            next((one.attributes["width"] for one in row.find("rect")), ""),
            row.find("td", class_="num")[0].text,
        )
        for row in rows
    }


def failure_rows(root: Element) -> list[list[str]]:
    (table,) = root.find("table", id="failures")
    return [[cell.text for cell in row.find("td")] for row in table.find("tbody")[0].find("tr")]


def spread(classes: int) -> Report:
    tally = Tally(classes={f"class {i}": 1_000_000 - i for i in range(classes)})
    return report([attempt(0, {"a.csv": 10})], tally)


def test_the_totals_name_every_figure_of_the_summary() -> None:
    (totals,) = page(troubled()).find("dl", class_="totals")
    figures = dict(
        zip(
            [one.text for one in totals.find("dt")],
            [one.text for one in totals.find("dd")],
            strict=True,
        )
    )
    assert figures == {
        "Rows": "2,700",
        "Rows a second": "5,400",
        "Time": "0.50 s",
        "Files": "60",
        "Failed files": "6 10.0 %",
        "Mini-batches": "30",
        "Retries": "10",
    }


def test_a_class_is_a_bar_as_long_as_its_rows_are_many() -> None:
    part = section(page(small()), "Predictions by class")
    assert bars(part) == {"0": ("100.00%", "300"), "1": ("33.33%", "100")}
    assert "75.0 %" in part.text
    assert "25.0 %" in part.text


def test_one_class_is_said_to_be_the_only_one() -> None:
    shown = report([attempt(0, {"a.csv": 5})], Tally(classes={"1": 5}))
    assert "All in one class." in section(page(shown), "Predictions by class").text


def test_numbers_are_a_histogram_with_their_median() -> None:
    tally = Tally(buckets={bucket(10.0): 1, bucket(200.0): 3, bucket(300.0): 1})
    part = section(page(report([attempt(0, {"a.csv": 5})], tally)), "Predictions")
    (chart,) = part.find("svg", class_="chart")
    counted = [one.text for one in chart.find("title") if ": 0 rows" not in one.text]
    assert [one.partition(": ")[2] for one in counted] == [
        "1 row, 20.0 %",
        "3 rows, 60.0 %",
        "1 row, 20.0 %",
    ]
    median = float(part.text.partition("Median ")[2].partition(",")[0])
    assert median == pytest.approx(200, rel=0.01)


def test_one_number_alone_is_a_histogram_of_one_column() -> None:
    tally = Tally(buckets={bucket(7.0): 9})  # whose middle is 7.03
    (chart,) = page(report([attempt(0, {"a.csv": 9})], tally)).find(
        "svg", role="img", class_="chart"
    )
    assert [one.text for one in chart.find("title")] == ["7.03: 9 rows, 100 %"]


def test_the_files_of_a_small_job_are_bars_in_input_order() -> None:
    attempts = [
        attempt(1, {"b.csv": 50}),
        attempt(0, {"a.csv": 100, "z.csv": "row 2 has 7 columns, not 8"}),
    ]
    part = section(page(report(attempts)), "Rows by file")
    assert list(bars(part).items()) == [
        ("a.csv", ("100.00%", "100")),
        ("z.csv", ("", "0")),
        ("b.csv", ("50.00%", "50")),
    ]
    assert "1 file failed." in part.text


def test_the_files_of_a_large_job_are_a_histogram_with_its_extremes() -> None:
    attempts = [attempt(i, {f"{i}.csv": i + 1}) for i in range(100)]
    part = section(page(report(attempts)), "Rows by file")
    assert len(part.find("svg", class_="chart")) == 1
    largest, smallest = part.find("tbody")
    assert [row.text for row in largest.find("tr")] == [
        "99.csv100",
        "98.csv99",
        "97.csv98",
        "96.csv97",
        "95.csv96",
    ]
    assert smallest.find("tr")[0].text == "0.csv1"


def test_a_histogram_counts_every_file_once() -> None:
    attempts = [attempt(i, {f"{i}.csv": (i * i) % 977}) for i in range(500)]
    (chart,) = section(page(report(attempts)), "Rows by file").find("svg", class_="chart")
    counts = [one.text.partition(": ")[2].split()[0] for one in chart.find("title")]
    assert sum(map(int, counts)) == 500


def test_many_files_of_one_size_are_a_sentence() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}) for i in range(5000)]
    part = section(page(report(attempts)), "Rows by file")
    assert "5,000 files of 1 row each." in part.text
    assert part.find("svg") == []


def test_rows_are_by_mini_batch_where_the_script_does_not_say_whose_they_are() -> None:
    unknown = (FileResult("a.csv", None), FileResult("b.csv", None))
    attempts = [replace(attempt(i, rows=7 + i), files=unknown) for i in range(3)]
    part = section(page(report(attempts)), "Rows by mini-batch")
    assert bars(part)["mini-batch 1"] == ("88.89%", "8")


def blocks(root: Element) -> dict[str, tuple[float, float, str]]:
    """Each block of the timeline by its tooltip's start: where it begins and how wide it is."""
    (chart,) = root.find("svg", class_="chart timeline")
    found = {}
    for group in chart.find("g"):
        title, rect = group.find("title")[0].text, group.find("rect")[0].attributes
        place = float(rect["x"].rstrip("%")), float(rect["width"].rstrip("%"))
        found[title.partition(" after")[0]] = (*place, rect["class"].split()[0])
    return found


def test_the_timeline_has_a_block_for_each_attempt_from_its_start_to_its_end() -> None:
    attempts = [
        attempt(0, outcome="retried", started=0.0, seconds=1.0, reason="timed out after 1 s"),
        attempt(0, {"a.csv": 1}, attempt=2, started=1.0, seconds=3.0),
        attempt(1, {"b.csv": "x"}, outcome="failed", started=2.0, seconds=1.0),
    ]
    assert blocks(page(report(attempts))) == {
        "Mini-batch 0, attempt 1: retried": (0, 25, "retried"),
        "Mini-batch 0, attempt 2: done": (25, 75, "done"),
        "Mini-batch 1, attempt 1: failed": (50, 25, "failed"),
    }


def test_the_night_between_two_starts_is_squeezed() -> None:
    attempts = [
        attempt(0, {"a.csv": 1}, started=0.0, seconds=1.0),
        attempt(1, {"b.csv": 1}, started=30000.0, seconds=1.0),
    ]
    found = blocks(page(report(attempts, resumed=1)))
    assert found["Mini-batch 0, attempt 1: done"][:2] == (0, 48)
    assert found["Mini-batch 1, attempt 1: done"][:2] == (52, 48)
    assert "Nothing ran for 8 h 20 min" in found
    through = blocks(page(report(attempts)))
    assert through["Mini-batch 1, attempt 1: done"][0] > 99


def test_a_single_retry_among_thousands_of_attempts_is_still_drawn() -> None:
    attempts = [
        attempt(i, {f"{i}.csv": 1}, worker=0, started=i * 0.1, seconds=0.1) for i in range(5000)
    ]
    attempts[2000] = replace(attempts[2000], outcome="retried", reason="killed", files=())
    (chart,) = page(report(attempts)).find("svg", class_="chart timeline")
    assert [one.attributes["class"] for one in chart.find("path")] == ["done", "retried"]
    assert "1 retried" in chart.attributes["aria-label"]


def test_more_workers_than_lanes_share_lanes() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}, worker=i, started=0.0) for i in range(100)]
    (chart,) = page(report(attempts)).find("svg", class_="chart timeline")
    assert len(chart.find("rect", class_="lane")) == 20
    assert chart.find("text")[0].text == "0–4"


def test_a_failure_is_listed_with_its_file_mini_batch_attempt_and_reason() -> None:
    attempts = [
        attempt(0, outcome="retried", started=0.0, reason="the worker died"),
        attempt(0, {"a.csv": 5, "b.csv": "row 3: 'x' is not a number"}, attempt=2, started=1.0),
    ]
    assert failure_rows(page(report(attempts))) == [
        ["failed", "b.csv", "0", "2", "1.10 s", "row 3: 'x' is not a number"],
        ["retried", "2 files", "0", "1", "0.10 s", "the worker died"],
    ]


def test_a_failure_that_a_resume_made_good_counts_as_run_again() -> None:
    attempts = [
        attempt(0, {"a.csv": "timed out"}, outcome="failed", reason="timed out"),
        attempt(0, {"a.csv": 5}),
    ]
    root = page(report(attempts, resumed=1))
    assert [row[0] for row in failure_rows(root)] == ["retried"]
    assert bars(section(root, "Rows by file")) == {"a.csv": ("100.00%", "5")}


def test_results_a_script_owed_are_failures() -> None:
    root = page(report([attempt(0, {"a.csv": 1, "b.csv": 1}, missing=1)]))
    assert failure_rows(root)[0][-1] == "run() returned 1 results too few"


def test_long_failures_are_cut_with_a_word_on_where_the_rest_is() -> None:
    attempts = [attempt(i, {f"{i}.csv": f"reason {i}"}) for i in range(700)]
    root = page(report(attempts))
    assert len(failure_rows(root)) == 500
    assert "and 200 more in failures.csv" in section(root, "Failures and retries").text


def test_reasons_that_differ_in_a_name_or_a_number_are_counted_together() -> None:
    (counted,) = section(page(troubled()), "Failures and retries").find("ul", class_="counted")
    assert [one.text for one in counted.find("li")] == [
        "10 timed out after 1 s and alike",
        "6 part-0.csv, row 7: 'n/a' is not a number and alike",
    ]


def test_a_job_without_trouble_says_so_and_has_no_script() -> None:
    root = page(small())
    assert "Nothing failed" in section(root, "Failures and retries").text
    assert root.find("script") == []


def test_warnings_are_counted() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}, warnings=("column Notes ignored",)) for i in range(3)]
    assert "3 column Notes ignored" in section(page(report(attempts)), "Warnings").text
    assert "Warnings" not in [one.text for one in page(small()).find("h2")]


def test_the_page_of_a_job_that_failed_before_its_first_mini_batch_gives_the_reason() -> None:
    root = page(report([], status=JobStatus.FAILED, output=None, error="the model is corrupt"))
    assert "the model is corrupt" in root.find("p", role="alert")[0].text
    assert "No mini-batch ran." in root.text
    assert "No rows were scored." in root.text
    assert root.find("pre") == []


def test_the_page_of_a_job_in_which_everything_failed_says_so() -> None:
    attempts = [attempt(i, {f"{i}.csv": "no"}, outcome="failed", reason="no") for i in range(60)]
    root = page(report(attempts, status=JobStatus.FAILED, output=None))
    assert "All 60 files failed." in section(root, "Rows by file").text
    assert len(failure_rows(root)) == 60


def test_attempts_that_took_no_time_at_all_are_drawn() -> None:
    attempts = [attempt(i, {f"{i}.csv": 1}, started=0.0, seconds=0.0) for i in range(20)]
    assert len(blocks(page(report(attempts)))) == 20


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>.csv", "<script>alert(1)</script>.csv"),
        ("\"quoted\" & 'single'.csv", "\"quoted\" & 'single'.csv"),
        ("two\nlines.csv", "two\\nlines.csv"),
        ("not-utf8-\udcff.csv", "not-utf8-\\xff.csv"),
        ("half-\ud800.csv", "half-\\ud800.csv"),
        ("right\u202eleft.csv", "right\\u202eleft.csv"),
        ("환자.csv", "환자.csv"),
    ],
)
def test_any_name_is_shown_as_text(name: str, shown: str) -> None:
    attempts = [
        attempt(0, {name: f"{name} is wrong"}, warnings=(name,)),
        attempt(1, outcome="retried", reason=name),
        attempt(1, {"other.csv": 1}, attempt=2),
    ]
    whole = report(
        attempts,
        Tally(classes={name: 1}),
        job=name,
        output=f"/out/{name}",
        endpoint=name,
        deployment=name,
        model=name,
        input=name,
        started_at=name,
        error=name,
        settings={name: name},
    )
    render(whole).encode("utf-8")
    root = page(whole)
    assert root.find("script") == []
    assert root.find("h1")[0].text == shown
    assert root.find("title")[0].text == f"{shown} · Completed"
    assert shown in bars(section(root, "Predictions by class"))
    assert failure_rows(root)[0][1] == shown
    assert failure_rows(root)[0][-1] == f"{shown} is wrong"
    assert shown in section(root, "Warnings").text
    assert [one.text for one in section(root, "How it was run").find("dd")].count(shown) == 5


def test_the_snippet_reads_the_output_whatever_its_path() -> None:
    path = '/out/it\'s "odd" \\ <b>\udcff.csv'
    code = page(report([attempt(0, {"a.csv": 1})], output=path)).find("pre")[0].text
    called = {}

    class Pandas:
        @staticmethod
        def read_csv(path: str, **options: object) -> None:
            called[path] = options

    statement = code.partition("import pandas as pd")[2]
    exec(statement, {"pd": Pandas})  # noqa: S102 - the very text a person pastes
    assert called == {path: {"index_col": 0, "names": ["row", "prediction", "file"]}}


def test_an_output_without_known_columns_is_read_without_a_header() -> None:
    shown = report([attempt(0, {"a.csv": 1})], columns=())
    assert "header=None" in page(shown).find("pre")[0].text


def test_a_script_that_writes_its_own_output_gets_no_snippet() -> None:
    shown = report([attempt(0, {"a.csv": 1})], settings={"output_action": "summary_only"})
    assert page(shown).find("pre") == []


def test_a_long_name_gives_way_in_its_middle_and_is_whole_in_its_title() -> None:
    name = "a" * 200 + "-0042.csv"
    (cell,) = section(page(report([attempt(0, {name: 5})])), "Rows by file").find(
        "div", class_="name"
    )
    assert cell.attributes["title"] == name
    assert len(cell.text) == 120
    assert cell.text.endswith("-0042.csv")
    assert "…" in cell.text


def test_the_policy_forbids_the_network_and_allows_this_very_script_only() -> None:
    root = page(troubled())
    (meta,) = root.find("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.strip().split(" ", 1) for rule in meta.attributes["content"].split(";"))
    digest = hashlib.sha256(root.find("script")[0].text.encode()).digest()
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "script-src": f"'sha256-{base64.b64encode(digest).decode()}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


@pytest.mark.parametrize("shown", [small(), troubled(), spread(50), report([])])
def test_nothing_on_the_page_points_anywhere_else(shown: Report) -> None:
    text = render(shown)
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text


def large(files: int, size: int) -> Report:
    """A job with this many files and, of every mini-batch but the last attempt, a retry."""
    attempts: list[Attempt] = []
    for i in range(files // size):
        names = {f"patients-{i * size + j:06}.csv": 1 + (i * 7 + j * 13) % 500 for j in range(size)}
        attempts.append(attempt(i, outcome="retried", reason=f"killed by signal {i % 9}"))
        attempts.append(attempt(i, names, attempt=2))
    return report(attempts, Tally(classes={"0": 10, "1": 20}))


def test_a_page_stays_small_however_large_the_job() -> None:
    assert len(render(large(20_000, 10)).encode()) < 300_000
    awkward = [
        attempt(i, {f"{'&' * 240}{i}.csv": "'" * 2000}, warnings=("<" * 900 + str(i),))
        for i in range(2_000)
    ]
    assert len(render(report(awkward)).encode()) < 1_500_000


def seconds(shown: Report) -> float:
    """The best of three, in processor time: others may share the machine."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        render(shown)
        best = min(best, time.process_time() - started)
    return best


def test_making_a_page_is_linear_in_the_attempts() -> None:
    assert seconds(large(40_000, 1)) < 6 * seconds(large(10_000, 1))


def test_the_page_imports_nothing_heavy() -> None:
    code = (
        "import sys, runner.local.report\n"
        "heavy = 'pandas numpy pyarrow mlflow sklearn yaml click jinja2 html email asyncio'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
