import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from runner.venvs.names import exact_pin, name_of, same_version

VERSIONS = st.builds(
    lambda release, local: ".".join(map(str, release)) + local,
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.sampled_from(["", "", "+cpu", "+cu118", "rc1", ".post1", ".dev0"]),
)


@given(VERSIONS, VERSIONS)
def test_a_pin_takes_the_versions_that_packaging_says_it_takes(
    declared: str, installed: str
) -> None:
    takes = SpecifierSet(f"=={declared}").contains(installed, prereleases=True)
    assert same_version(declared, installed) == takes


@pytest.mark.parametrize("name", ["Zope.Interface", "ruamel_yaml", "A--b__c..d", "x"])
def test_names_compare_as_indexes_compare_them(name: str) -> None:
    assert name_of(f"{name}==1") == canonicalize_name(name)


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("scikit_learn==1.5", "scikit-learn"),
        ("pandas[excel] >= 2", "pandas"),
        ("six ; python_version < '3.12'", "six"),
        ("tool @ https://example.com/tool.whl", "tool"),
        ("/models/tool-1.0-py3-none-any.whl", None),
        ("https://example.com/tool.whl", None),
        ("git+https://example.com/tool", None),
        ("-e /models/tool", None),
    ],
)
def test_a_requirement_names_its_package_unless_it_is_a_path_or_an_address(
    requirement: str, name: str | None
) -> None:
    assert name_of(requirement) == name


@pytest.mark.parametrize(
    ("requirement", "pin"),
    [
        ("numpy==1.26.4", ("numpy", "1.26.4")),
        ("torch == 2.1.0+cpu", ("torch", "2.1.0+cpu")),
        ("six==1.16.0 --hash=sha256:00", ("six", "1.16.0")),
        ("six==1.16.*", None),
        ("six==1.16.0; python_version > '3'", None),
        ("six==1.16.0,<2", None),
        ("pandas[excel]==2.2", None),
        ("six>=1", None),
    ],
)
def test_an_exact_pin_says_nothing_but_a_version(
    requirement: str, pin: tuple[str, str] | None
) -> None:
    assert exact_pin(requirement) == pin
