"""Reports for tests, with whatever in them that data can hold."""

from __future__ import annotations

from dataclasses import replace

from runner.comparison.report import (
    Answer,
    Break,
    ChanceTest,
    Classes,
    Comparison,
    Floor,
    Numbers,
    Package,
    Quantile,
    Segment,
    Segments,
    Shift,
    Side,
)

HOSTILE = "<script>alert(1)</script>|`x`\n# @everyone [a](javascript:b) \x1b[31m"


def report(**changes: object) -> Comparison:
    """Return a report of 400 rows of which 38 change."""
    old = Side("diabetes-mlflow:2", "ab" * 32, 1000, "Python 3.12", 1.5, 400, 0)
    made = Comparison(
        old=old,
        new=replace(old, label="diabetes-mlflow:3", size=1500, seconds=2.0),
        endpoint="diabetes-batch",
        deployment="mlflow",
        data="data/diabetes/unlabeled",
        rows=400,
        changed=38,
        differing=38,
        breaks=(),
        answers=(
            Answer(
                "prediction",
                400,
                38,
                38,
                classes=Classes(
                    ("0", "1"),
                    ((250, 20), (18, 112)),
                    (Shift("0", 270, 268, 12.1), Shift("1", 130, 132, 12.1)),
                    ChanceTest("McNemar, mid-p", 0.75),
                ),
            ),
        ),
        segments=Segments(12, (Segment("bmi", "31.2 to 40", 100, 25, 0.004),)),
        floor=Floor(400, 0),
        packages=(Package("scikit-learn", "1.8.0", "1.9.0"),),
        command="runner models compare 2 3",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def hostile_report() -> Comparison:
    """Return a report whose every name is meant to break out of where it is shown."""
    side = Side(HOSTILE, "ab" * 32, 1, HOSTILE, 1.0, 100, 0, HOSTILE)
    names = (HOSTILE, f"{HOSTILE}2")
    return Comparison(
        old=side,
        new=side,
        endpoint=HOSTILE,
        deployment=HOSTILE,
        data=HOSTILE,
        rows=100,
        changed=50,
        differing=60,
        breaks=(Break("classes", "new", HOSTILE),),
        answers=(
            Answer(
                HOSTILE,
                100,
                50,
                60,
                classes=Classes(
                    names,
                    ((25, 25), (25, 25)),
                    tuple(Shift(name, 50, 50, 14.0) for name in names),
                    ChanceTest("McNemar, mid-p", 1.0),
                    ((HOSTILE, HOSTILE),),
                ),
            ),
            Answer(
                HOSTILE,
                100,
                50,
                60,
                numbers=Numbers(
                    1e-6, (Quantile(0.5, 0.1), Quantile(1.0, 1.5)), 0.1, 1.0, 1.1, 0, 2, True, 3
                ),
            ),
        ),
        segments=Segments(
            4, (Segment(HOSTILE, HOSTILE, 40, 30, 0.01), Segment("small", "= x", 19, 19, 0.01))
        ),
        floor=Floor(100, 10),
        packages=(Package(HOSTILE, HOSTILE, None),),
        notices=(HOSTILE,),
        command=HOSTILE,
    )
