from __future__ import annotations

import webbrowser

import pytest

from runner.cli import printing

from .conftest import Run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def test_the_address_is_printed_and_opened_on_a_terminal_only(
    run: Run, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("ui", "--port", "8123").out == "http://127.0.0.1:8123\n"
    assert opened == []
    monkeypatch.setattr(printing, "is_terminal", lambda _: True)
    run("ui")
    run("ui", "--no-browser")
    assert opened == ["http://127.0.0.1:5000"]
