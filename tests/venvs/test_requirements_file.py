"""Requirements files, held against pip's own reader of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.declarations import DeclarationError
from runner.venvs.requirements_file import (
    Requirements,
    expanded,
    local_path,
    read_lines,
    read_requirements,
)


def read(file: Path, text: str) -> Requirements:
    file.write_text(text, encoding="utf-8")
    return read_requirements(read_lines(file))


def problem(file: Path, text: str) -> str:
    with pytest.raises(DeclarationError) as refused:
        read(file, text)
    return str(refused.value)


def as_pip_reads(file: Path) -> tuple[list[str], list[str]]:
    """Requirements and constraints as pip has them."""
    from pip._internal.network.session import PipSession
    from pip._internal.req.req_file import parse_requirements

    found = list(parse_requirements(str(file), PipSession()))
    return (
        [each.requirement for each in found if not each.constraint],
        [each.requirement for each in found if each.constraint],
    )


LINES = st.lists(
    st.sampled_from(
        [
            "six==1.16.0",
            "  idna >= 3 , <4  ",
            "pandas[excel]==2.2 # for the reports",
            "# a comment",
            "# a comment that goes on \\",
            "",
            "   ",
            "scikit-learn\\\n==1.5 ; python_version >= '3.9'",
            "tool @ https://example.com/tool.whl#sha256=00",
            "git+https://example.com/tool.git@v1#egg=tool",
            "-e git+https://example.com/other.git#egg=other",
            "-r more.txt",
            "--requirement=more.txt",
            "-c limits.txt",
            "--index-url https://example.com/simple --extra-index-url=https://example.com/more",
            "--no-binary :all:",
            "--pre",
            "tab\t# after a tab",
            "plus==1.0+cpu#not-a-comment",
        ]
    ),
    max_size=8,
)


@given(LINES)
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_lines_are_read_as_pip_reads_them(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "more.txt").write_text("certifi\n-c limits.txt\n")
    (tmp_path / "limits.txt").write_text("urllib3<2  # old\nidna<4\n")
    file = tmp_path / "requirements.txt"
    file.write_text("\n".join(lines) + "\n")
    found = read_requirements(read_lines(file))
    requirements, constraints = as_pip_reads(file)
    assert found.requirements == list(dict.fromkeys(requirements))
    assert found.constraints == list(dict.fromkeys(constraints))


def test_every_requirement_knows_its_line(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("\n\nidna\n")
    found = read(tmp_path / "a.txt", "# first\nsix \\\n  ==1.0\n-r more.txt\n")
    assert list(found.places.values()) == [f"{tmp_path}/a.txt:2", f"{tmp_path}/more.txt:3"]


def test_paths_start_from_the_folder_of_the_file_they_stand_in(tmp_path: Path) -> None:
    wheels = tmp_path / "model" / "wheels"
    wheels.mkdir(parents=True)
    (wheels / "tool-1.0-py3-none-any.whl").touch()
    (tmp_path / "lib").mkdir()
    (wheels / "more.txt").write_text("./tool-1.0-py3-none-any.whl;python_version > '3'\n")
    found = read(
        tmp_path / "model" / "requirements.txt",
        "wheels/tool-1.0-py3-none-any.whl\n../lib[extra]\n-e ../lib\n-r wheels/more.txt\n"
        "-e wheels\n"
        "--find-links wheels\n",
    )
    assert found.requirements == [
        f"{wheels}/tool-1.0-py3-none-any.whl",
        f"{tmp_path}/lib[extra]",
        f"-e {tmp_path}/lib",
        f"{wheels}/tool-1.0-py3-none-any.whl ; python_version > '3'",
        f"-e {wheels}",
    ]
    assert found.options == [f"--find-links {wheels}"]
    wheel = wheels / "tool-1.0-py3-none-any.whl"
    assert [local_path(each) for each in found.requirements] == [
        wheel,
        tmp_path / "lib",
        tmp_path / "lib",
        wheel,
        wheels,
    ]


def test_a_file_address_is_a_local_path_and_other_addresses_are_not() -> None:
    assert local_path("tool @ file:///a%20b/tool.whl ; sys_platform == 'linux'") == Path(
        "/a b/tool.whl"
    )
    assert local_path("file:///a/tool.whl") == Path("/a/tool.whl")
    assert local_path("tool @ https://example.com/tool.whl") is None
    assert local_path("tool==1.0") is None


def test_a_relative_address_of_a_file_starts_from_the_folder_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "lib s").mkdir()
    found = read(
        tmp_path / "a.txt", "file:./lib%20s#egg=tool\ntool @ file:lib%20s ; os_name == 'a'\n"
    )
    address = f"{tmp_path.as_uri()}/lib%20s"
    assert found.requirements == [f"{address}#egg=tool", f"tool @ {address} ; os_name == 'a'"]
    assert [local_path(each) for each in found.requirements] == [tmp_path / "lib s"] * 2


def test_variables_are_left_for_uv_and_paths_are_found_through_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEELS", str(tmp_path))
    monkeypatch.setenv("TOKEN", "hidden")
    (tmp_path / "tool-1.0-py3-none-any.whl").touch()
    text = "${WHEELS}/tool-1.0-py3-none-any.whl\n--index-url https://${TOKEN}@example.com/simple\n"
    found = read(tmp_path / "a.txt", text)
    assert found.requirements == [f"{tmp_path}/tool-1.0-py3-none-any.whl"]
    assert found.options == ["--index-url https://${TOKEN}@example.com/simple"]
    assert expanded("${TOKEN} ${lower} ${NOT_SET} $TOKEN") == "hidden ${lower} ${NOT_SET} $TOKEN"


def test_options_have_one_spelling(tmp_path: Path) -> None:
    text = (
        "-i https://a.example/simple\n--extra-index-url=https://b.example/simple\n--pre\n"
        "--trusted-host 'a.example'\n--no-binary=numpy\n--require-hashes --no-index\n"
        "-fhttps://c.example/wheels\n"
    )
    assert read(tmp_path / "a.txt", text).options == [
        "--index-url https://a.example/simple",
        "--extra-index-url https://b.example/simple",
        "--pre",
        "--trusted-host a.example",
        "--no-binary numpy",
        "--require-hashes",
        "--no-index",
        "--find-links https://c.example/wheels",
    ]


def test_hashes_stay_with_their_requirement(tmp_path: Path) -> None:
    found = read(tmp_path / "a.txt", "six==1.16.0 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\n")
    assert found.requirements == ["six==1.16.0   --hash=sha256:aa   --hash=sha256:bb"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("six\n-r missing.txt\n", "a.txt:2: there is no file"),
        ("six\n\n./missing.whl\n", "a.txt:3: there is no file or folder"),
        ("-e ../nowhere/at/all\n", "a.txt:1: there is no file or folder"),
        ("-r\n", "a.txt:1: found nothing after -r"),
        ("--index-url\n", "a.txt:1: found nothing after --index-url"),
        ("-r a.txt\n", "a.txt:1: a.txt includes itself"),
        ("-r https://u:key@a.example/r.txt\n", "found the address 'https://***@a.example/r.txt'"),
        ("six\n--upgrade\n", "a.txt:2: found '--upgrade'"),
        ("--index-url 'https://example.com\n", "a.txt:1: found a quote that is not closed"),
        ("six\n==1.0\n", "a.txt:2: found '==1.0'"),
        ("--index-url https://a.example/ six\n", "a.txt:1: found 'six'"),
        (
            "six\nnumpy @ file:///tmp/build/1f2e/numpy_1/work\n",
            "a.txt:2: there is no file or folder /tmp/build/1f2e/numpy_1/work: name a version",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, text: str, what: str) -> None:
    assert what in problem(tmp_path / "a.txt", text)


def test_files_that_include_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("six\n-c a.txt\n")
    assert "b.txt:2: a.txt includes itself" in problem(tmp_path / "a.txt", "-r b.txt\n")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"six\n# caf\xe9\n")
    with pytest.raises(DeclarationError, match=r"a\.txt:2: found bytes that are not UTF-8"):
        read_lines(file)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_file_that_windows_wrote_is_read_as_pip_reads_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("six==1.16.0\r\nidna\r\n".encode(encoding))
    assert read_requirements(read_lines(file)).requirements == as_pip_reads(file)[0]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = problem(tmp_path / "a.txt", "-r missing.txt\nsix\n./missing.whl\n")
    assert told.count("\n") == 1


def test_paths_may_have_blanks(tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "tool-1.0-py3-none-any.whl").touch()
    found = read(folder / "a.txt", "./tool-1.0-py3-none-any.whl ; python_version > '3'\n")
    assert local_path(found.requirements[0]) == folder / "tool-1.0-py3-none-any.whl"
