import sys

import pytest

from runner.venvs.python_version import minor_of, own_version, same_minor, version_in

OWN = ".".join(map(str, sys.version_info[:2]))


@pytest.mark.parametrize(
    ("declared", "version"),
    [
        ("3.10", "3.10"),
        ("3.10.13", "3.10.13"),
        ("=3.10", "3.10"),
        ("==3.10.4", "3.10.4"),
        ("=3.10.*", "3.10"),
        (">=3.10,<3.11", "3.10"),
        (">=3.9, <3.10.0", "3.9"),
        ("<3.10.5,>=3.10", "3.10"),
        (">3.12,<3.14", "3.13"),
        (">3.12,<3.13", "3.12"),  # 3.12.1 and later
        ("~=3.10.2", "3.10"),
        ("<=3.10,!=3.9", "3.10"),
        (">=3.8", OWN),
        ("3", OWN),
        ("<3.9", None),
        ("newest", None),
        (">=3.10|3.12", None),
    ],
)
def test_a_condition_becomes_the_version_that_is_looked_for(
    declared: str, version: str | None
) -> None:
    assert version_in(declared) == version


def test_only_the_minor_version_decides_whether_the_runners_own_python_will_do() -> None:
    assert same_minor(None)
    assert same_minor(OWN)
    assert same_minor(f"{OWN}.99")
    assert not same_minor("3.1")
    assert not same_minor("2.7.18")
    assert minor_of(own_version()) == OWN
