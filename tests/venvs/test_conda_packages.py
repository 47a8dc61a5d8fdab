from packaging.utils import canonicalize_name

from runner.venvs.conda_packages import _OTHER, _SAME, pypi_name


def test_names_are_as_indexes_compare_them() -> None:
    assert [name for name in _SAME | _OTHER.keys() if name != canonicalize_name(name)] == []


def test_a_package_is_in_the_table_once() -> None:
    assert _SAME & _OTHER.keys() == set()


def test_what_is_no_python_package_is_not_on_pypi_whatever_pypi_has_of_that_name() -> None:
    for name in ("graphviz", "openjdk", "cudatoolkit", "libgcc-ng", "r-base", "gcc", "no-such"):
        assert pypi_name(name) is None
