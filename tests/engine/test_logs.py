"""A worker's log is bounded."""

from __future__ import annotations

from pathlib import Path

from runner.engine.logs import MOST_KEPT, Log


def test_what_goes_past_the_bound_is_counted_not_kept(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.write(b"a" * (MOST_KEPT - 1))
    log.write(b"bc")
    log.write(b"d" * 9)
    log.close()
    content = (tmp_path / "log").read_bytes()
    assert content[MOST_KEPT - 1 :].decode() == "b\n… 10 bytes more were printed, not kept\n"


def test_a_log_within_its_bound_says_nothing_of_it(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.write(b"one\n")
    log.close()
    assert (tmp_path / "log").read_bytes() == b"one\n"


def test_a_resumed_job_appends_and_the_bound_holds_for_both_runs(tmp_path: Path) -> None:
    for _ in range(3):
        log = Log(tmp_path / "log")
        log.write(b"a" * (MOST_KEPT - 10))
        log.close()
    assert MOST_KEPT <= (tmp_path / "log").stat().st_size < MOST_KEPT + 200
