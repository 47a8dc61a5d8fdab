"""The places of files in a job's folder."""

from __future__ import annotations

from pathlib import Path

from runner.engine.layout import draft, piece


def test_drafts_of_two_processes_never_meet_and_sweeping_spares_the_pieces(tmp_path: Path) -> None:
    assert (
        len({draft(tmp_path, (3, 0), 1), draft(tmp_path, (3, 0), 2), piece(tmp_path, (3, 0))}) == 3
    )
    assert draft(tmp_path, (3, 0), 1).suffix == ".draft"
    assert piece(tmp_path, (3, 0)).suffix != ".draft"
