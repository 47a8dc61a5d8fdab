"""How a training program's end is told to Databricks, which shows what was raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.databricks import bootstrap


@pytest.mark.parametrize(
    ("end", "raised", "status"),
    [
        ("pass", None, "FINISHED"),
        ("sys.exit()", None, "FINISHED"),
        ("sys.exit(0)", None, "FINISHED"),
        ("sys.exit(7)", "exited with status 7", "FAILED"),
        ("sys.exit('seven is too deep')", "seven is too deep", "FAILED"),
    ],
)
def test_a_program_that_exits_fails_by_its_status_or_its_own_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    raised: str | None,
    status: str,
) -> None:
    ended: list[tuple[str, str]] = []
    monkeypatch.setattr(bootstrap, "_end", lambda *told: ended.append(told))
    (tmp_path / "main.py").write_text(f"import sys\n{end}\n")
    if raised is None:
        bootstrap._run(str(tmp_path / "main.py"), "r")
    else:
        with pytest.raises(RuntimeError, match=f"^{raised}$"):
            bootstrap._run(str(tmp_path / "main.py"), "r")
    assert ended == [("r", status)]
