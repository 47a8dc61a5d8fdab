"""The page of a training job."""

from __future__ import annotations

import math

from runner.report.training import render_training
from runner.workspace import Job, JobStatus, LoggedModel, Metric, Point, Run
from tests.report.pages import Element, Page, section

JOB = Job(
    "diabetes-train-1",
    "command",
    JobStatus.COMPLETED,
    "2025-03-01T14:05:09.000+00:00",
    model="diabetes",
    started_at="2025-03-01T14:05:10.000+00:00",
    ended_at="2025-03-01T14:05:22.500+00:00",
)
CURVE = tuple(Point(step, 1.0 / (1 + step), 1000 * step) for step in range(20))


def run(**more: object) -> Run:
    return Run("0a1b", "brave-lamb", "diabetes", "FINISHED", **more)  # type: ignore[arg-type]


def page(job: Job, shown: Run | None) -> Element:
    parsed = Page(render_training(job, shown))
    assert parsed.open == [parsed.root], "a tag was left open"
    return parsed.root


def cells(part: Element) -> list[list[str]]:
    return [[cell.text for cell in row.find("td")] for row in part.find("tr") if row.find("td")]


def titles(root: Element) -> list[str]:
    return [part.find("h2")[0].text for part in root.find("section")]


def test_a_page_has_what_the_run_tracked() -> None:
    root = page(
        JOB,
        run(
            parameters={"C": "1.0"},
            metrics={"accuracy": Metric(0.78125, 1), "loss": Metric(0.05, 20, CURVE)},
            inputs={"training_data": "azureml:patients:3"},
            models=(LoggedModel("model", "m-1", ("sklearn",)),),
            artifacts=("figures/roc.png",),
            commit="0a1b2c",
        ),
    )
    assert root.find("p", class_="lede")[0].text == "Ran for 12.5 s."
    assert titles(root) == [
        "Metrics",
        "Curves",
        "Parameters",
        "Models",
        "Artifacts",
        "How it was run",
    ]
    assert cells(section(root, "Metrics")) == [["accuracy", "0.7812"], ["loss", "0.05"]]
    assert cells(section(root, "Parameters")) == [["C", "1.0"]]
    assert "--from-job diabetes-train-1 --artifact model" in section(root, "Models").text
    assert "azureml:patients:3" in section(root, "How it was run").text


def test_a_curve_is_drawn_for_each_metric_that_has_one() -> None:
    root = page(JOB, run(metrics={"loss": Metric(0.05, 20, CURVE), "auc": Metric(0.9, 1)}))
    (chart,) = section(root, "Curves").find("svg", class_="chart")
    assert chart.attributes["aria-label"] == "loss over 19 steps: from 1 to 0.05"
    points = chart.find("polyline")[0].attributes["points"].split()
    assert len(points) == 20
    assert (points[0].split(",")[0], points[-1].split(",")[0]) == ("0.000", "100.000")


def test_values_that_are_no_numbers_are_written_and_not_drawn() -> None:
    curve = (Point(0, math.nan, 0), Point(1, math.inf, 1), Point(2, 1.0, 2))
    root = page(JOB, run(metrics={"loss": Metric(math.nan, 3, curve)}))
    assert cells(section(root, "Metrics")) == [["loss", "nan"]]
    assert "Curves" not in titles(root)


def test_a_flat_curve_and_one_whose_steps_are_all_the_same_are_drawn() -> None:
    flat = (Point(0, 1.0, 0), Point(5, 1.0, 1))
    still = (Point(0, 1.0, 0), Point(0, 2.0, 1))
    root = page(JOB, run(metrics={"flat": Metric(1.0, 2, flat), "still": Metric(2.0, 2, still)}))
    level, _ = section(root, "Curves").find("polyline")
    heights = {point.split(",")[1] for point in level.attributes["points"].split()}
    assert heights == {"71.00"}  # in the middle, not on the axis
    assert "nan" not in render_training(JOB, run(metrics={"flat": Metric(1.0, 2, flat)}))


def test_names_stand_whole_and_a_command_takes_them_as_they_are_typed() -> None:
    name = "LogisticRegression_score_held_out"
    root = page(JOB, run(metrics={name: Metric(1.0, 1)}, models=(LoggedModel("my model"),)))
    assert cells(section(root, "Metrics")) == [[name, "1"]]
    assert section(root, "Metrics").find("span") == []  # none is left out of the middle
    assert "--artifact 'my model' --name NAME" in section(root, "Models").text


def test_whatever_a_script_logged_is_escaped() -> None:
    evil = "<script>alert(1)</script>\n\udcff"
    root = page(
        JOB,
        run(
            parameters={evil: evil},
            metrics={evil: Metric(1.0, 20, CURVE)},
            tags={evil: evil},
            artifacts=(evil,),
            models=(LoggedModel(evil),),
        ),
    )
    assert root.find("script") == []
    render_training(JOB, run(tags={evil: evil})).encode()


def test_a_run_of_ten_thousand_names_makes_a_small_page() -> None:
    names = {f"metric-{number}": Metric(1.0, 20, CURVE) for number in range(10_000)}
    html = render_training(JOB, run(metrics=names, parameters=dict.fromkeys(names, "x" * 500)))
    assert len(html) < 1_500_000
    assert "9,500 more metrics, which the run has." in html
    assert "9,976 more curves, which the run has." in html


def test_a_job_that_tracked_nothing_says_so_and_why_it_ended() -> None:
    failed = Job("j", "command", JobStatus.FAILED, JOB.created_at, error="exit status 3")
    root = page(failed, None)
    assert titles(root) == ["Nothing tracked"]
    assert "exit status 3" in root.find("p", class_="error")[0].text
