"""The split of traffic."""

from __future__ import annotations

import json
import random

import pytest

from runner.local.serving.traffic import choose, nobody


@pytest.mark.parametrize(
    ("chance", "chosen"),
    [(0.0, "blue"), (0.8999, "blue"), (0.9, "green"), (0.9999999, "green")],
)
def test_a_chance_falls_into_a_deployments_share(chance: float, chosen: str) -> None:
    assert choose({"blue": 90, "grey": 0, "green": 10}, chance) == chosen


def test_shares_are_what_is_declared() -> None:
    chances = random.Random(7)  # noqa: S311 (nothing secret)
    chosen = [choose({"blue": 70, "green": 30}, chances.random()) for _ in range(10_000)]
    assert chosen.count("green") == pytest.approx(3000, abs=150)


@pytest.mark.parametrize("traffic", [{}, {"blue": 0}])
def test_without_traffic_nobody_is_chosen(traffic: dict[str, int]) -> None:
    assert choose(traffic, 0.0) is None


def test_nobodys_answer_is_azures_404() -> None:
    answer = nobody("here")
    assert answer.status == 404
    assert "has traffic" in json.loads(answer.body)["message"]
