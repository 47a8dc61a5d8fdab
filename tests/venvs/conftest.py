"""Sources of packages for the tests: an index on this machine, and uv's own cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .wheels import Index, make_wheel, serve_index


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of `tool`, which needs `part`, and of `rival`, which needs an older one."""
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "part", "1.0")
    make_wheel(folder, "part", "2.0")
    make_wheel(folder, "tool", "1.0", "part>=2")
    make_wheel(folder, "tool", "1.1", "part>=2")
    make_wheel(folder, "rival", "1.0", "part<2")
    return folder


@pytest.fixture
def uv_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have uv use a cache of these tests, which keeps what it has learnt of this machine's Pythons.

    Packages are kept by the address of their index, which is another one in every test.
    """
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))


@pytest.fixture
def index(wheels: Path, uv_cache: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Yield an index with these wheels, which is the one that uv asks."""
    with serve_index(wheels) as found:
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url)
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
