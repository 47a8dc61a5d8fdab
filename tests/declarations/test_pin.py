from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.declarations import DeclarationError
from runner.declarations.pin import Pin, write_pins
from runner.errors import EnvironmentRefused

MODEL = "azureml:diabetes-mlflow:12"
PIN = Pin("diabetes-batch", "mlflow", MODEL)
AT = ("config", "scoring:endpoints", "diabetes-batch", "deployments", "mlflow")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.dev.yaml"


def pinned(file: Path, text: str, *pins: Pin) -> str:
    file.write_bytes(text.encode())
    write_pins(file, pins or [PIN])
    return file.read_bytes().decode()


def test_a_new_version_changes_one_scalar(file: Path) -> None:
    before = """\
# What dev changes
config:
  azure-native:location:   koreacentral

  scoring:endpoints:
    diabetes-batch:
      deployments:
        script: &other {model: "azureml:diabetes-mlflow:3"}
        mlflow:
          model: 'azureml:diabetes-mlflow:3'   # since May
          resources: {instance_count: 4}
"""
    assert pinned(file, before) == before.replace("'azureml:diabetes-mlflow:3'", f"'{MODEL}'")


@pytest.mark.parametrize("written", ["x", "'x'", '"x"', "azureml:diabetes-mlflow:3"])
def test_quotes_stay_as_they_are(file: Path, written: str) -> None:
    text = "config: {scoring:endpoints: {diabetes-batch: {deployments: {mlflow: {model: %s}}}}}"
    quote = written[0] if written[0] in "'\"" else ""
    assert pinned(file, text % written) == text % f"{quote}{MODEL}{quote}"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "config:\n", "config:\n  a: b\n"])
def test_missing_levels_are_added_as_blocks(file: Path, text: str) -> None:
    config = "" if "config" in text else "config:\n"
    assert pinned(file, text) == (
        f"{text}{config}  scoring:endpoints:\n    diabetes-batch:\n      deployments:\n"
        f'        mlflow:\n          model: "{MODEL}"\n'
    )


def test_what_is_added_indents_and_ends_its_lines_as_the_file_does(file: Path) -> None:
    text = "config:\r\n    azure-native:location: koreacentral  # here\r\n\r\n# the end"
    added = (
        "    scoring:endpoints:\r\n        diabetes-batch:\r\n            deployments:\r\n"
        f'                mlflow:\r\n                    model: "{MODEL}"\r\n'
    )
    assert pinned(file, text) == text.replace("\r\n\r\n", f"\r\n{added}\r\n")


def test_a_missing_end_of_the_last_line_stays_missing(file: Path) -> None:
    text = "config:\n  scoring:endpoints:\n    diabetes-batch:\n      input: x"
    assert (
        pinned(file, text)
        == f'{text}\n      deployments:\n        mlflow:\n          model: "{MODEL}"'
    )


def test_a_deployment_is_added_in_the_style_of_its_neighbours(file: Path) -> None:
    text = (
        "config:\n  scoring:endpoints:\n    diabetes-batch:\n      deployments:\n"
        '        script: {model: "azureml:diabetes-mlflow:3"}\n'
    )
    assert pinned(file, text) == f'{text}        mlflow: {{model: "{MODEL}"}}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", f'{{model: "{MODEL}"}}'),
        ("{a: b}", f'{{model: "{MODEL}", a: b}}'),
        ("{a: b,}", f'{{model: "{MODEL}", a: b,}}'),
        ("{a}", f'{{model: "{MODEL}", a}}'),
        ("{a: }", f'{{model: "{MODEL}", a: }}'),
        ("{a: {b: c}  }", f'{{model: "{MODEL}", a: {{b: c}}  }}'),
        ("{model: , a: b}", f'{{model: "{MODEL}" , a: b}}'),
        ("{model: ~}", f'{{model: "{MODEL}"}}'),
        ("~", f'{{model: "{MODEL}"}}'),
        (
            "{a: b, # why\n  c: d # why not\n  }",
            f'{{model: "{MODEL}", a: b, # why\n  c: d # why not\n  }}',
        ),
    ],
)
def test_braces_are_added_to(file: Path, before: str, after: str) -> None:
    text = "config:\n scoring:endpoints:\n  diabetes-batch:\n   deployments:\n    mlflow: %s # c\n"
    assert pinned(file, text % before) == text % after


def test_a_name_that_yaml_takes_for_something_else_is_written_in_quotes(file: Path) -> None:
    text = pinned(file, "config:\n", Pin("null", "off", MODEL))
    endpoints = yaml.safe_load(text)["config"]["scoring:endpoints"]
    assert endpoints == {"null": {"deployments": {"off": {"model": MODEL}}}}


def test_several_pins_are_written_at_once(file: Path) -> None:
    text = pinned(
        file,
        "config:\n",
        PIN,
        Pin("diabetes-batch", "script", MODEL, "azureml:diabetes-batch-script:2"),
    )
    assert text == (
        "config:\n  scoring:endpoints:\n    diabetes-batch:\n      deployments:\n"
        f'        mlflow:\n          model: "{MODEL}"\n'
        f'        script:\n          model: "{MODEL}"\n'
        '          code_configuration:\n            code: "azureml:diabetes-batch-script:2"\n'
    )


def test_only_what_was_not_there_is_returned_and_nothing_is_written_for_the_rest(
    file: Path,
) -> None:
    file.write_text("config:\n")
    other = Pin("diabetes-batch", "script", MODEL)
    assert write_pins(file, [PIN]) == [PIN]
    assert write_pins(file, [PIN, other]) == [other]
    before = file.stat()
    assert write_pins(file, [PIN, other]) == []
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_mode_stays_and_nothing_is_left_beside(file: Path) -> None:
    file.write_text("config:\n")
    file.chmod(0o640)
    write_pins(file, [PIN])
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.yaml"
    target.write_text("config:\n")
    file.symlink_to(target)
    write_pins(file, [PIN])
    assert file.is_symlink()
    assert MODEL in target.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a: &x {b: c}\nconfig: {scoring:endpoints: {diabetes-batch: *x}}",
            "found an anchor or alias",
        ),
        ("config: &x {scoring:endpoints: {}}\nb: *x", "found an anchor or alias"),
        (
            "config: {scoring:endpoints: {diabetes-batch: {deployments: {mlflow: {model: &m x}}}}}",
            "anchor",
        ),
        ("config: {}\nconfig: {}", "found twice"),
        ("config: []", "found a list, allowed for a pin: a mapping"),
        ("config: text", "found 'text', allowed for a pin: a mapping"),
        (
            "config: {scoring:endpoints: {diabetes-batch: {deployments: {mlflow: {model: {}}}}}}",
            "found a mapping",
        ),
        (
            "config: {scoring:endpoints: {diabetes-batch: {deployments: {mlflow: {model: [x]}}}}}",
            "found a list",
        ),
        (
            "config:\n  scoring:endpoints:\n    diabetes-batch:\n      deployments:\n"
            "        mlflow:\n          model: >-\n            azureml:diabetes-mlflow:3\n",
            "yaml:6: .*allowed for a pin: a value on one line",
        ),
        ("a: &x {scoring:endpoints: {b: {}}}\nconfig: {<<: *x}", "can't be pinned by itself"),
        (
            "config: {scoring:endpoints: {diabetes-batch: {deployments: {mlflow: {model}}}}}",
            "can't be pinned by itself",
        ),
        ("a: |\n  text", "can't be pinned by itself"),
        ("config: {", "not valid YAML"),
        ("a: b\n---\nc: d", "second document"),
    ],
)
def test_what_cant_be_changed_by_itself_is_refused_and_left_alone(
    file: Path, text: str, words: str
) -> None:
    file.write_text(text)
    with pytest.raises(DeclarationError, match=words) as refused:
        write_pins(file, [PIN])
    assert len(str(refused.value).splitlines()) == 1
    assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(DeclarationError, match="no such file"):
        write_pins(file, [PIN])


def test_a_file_that_changed_meanwhile_is_not_written_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    file.write_text("config:\n")
    real = shutil.copymode

    def meddle(source: Path, target: Path) -> None:
        real(source, target)
        file.write_text("config: {a: b}\n")

    monkeypatch.setattr(shutil, "copymode", meddle)
    with pytest.raises(EnvironmentRefused, match="changed meanwhile"):
        write_pins(file, [PIN])
    assert file.read_text() == "config: {a: b}\n"


Tree = dict[str, "Tree | str | None"]
WORDS = st.sampled_from(
    [
        "plain",
        "'it''s # one'",
        '"two: \\" {x}"',
        "17",
        "v1:a/b==",
        "é日",
        "azureml:x:1",
        "[1, {a: b}]",
    ]
)
OTHERS = st.dictionaries(
    st.sampled_from(["azure-native:location", "input", "ключ", '"quoted: key"', "tags", "z"]),
    st.one_of(WORDS, st.dictionaries(st.sampled_from(["a", "b"]), WORDS, max_size=2)),
    max_size=3,
)


@st.composite
def trees(draw: st.DrawFn) -> tuple[Tree, str | None]:
    """Draw a stack file's tree, with its leaves as written, and how the model is written in it."""
    written = draw(st.sampled_from([None, "azureml:old:1", "'azureml:old:1'", '"azureml:old:1"']))
    depth = len(AT) + 1 if written else draw(st.integers(0, len(AT)))
    inner: Any = written if written else draw(st.sampled_from([None, "~", {}]))
    for key in reversed((*AT, "model")[:depth]):
        level: list[tuple[str, Any]] = list(draw(OTHERS).items())
        level.insert(draw(st.integers(0, len(level))), (key, inner))
        inner = dict(level)
    return (inner if isinstance(inner, dict) else {}), written


class Writer:
    """Writes a tree as YAML in a style drawn anew at each mapping."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw: Any = draw
        self.step = draw(st.integers(1, 4))
        self.end = draw(st.sampled_from(["\n", "\r\n"]))

    def document(self, tree: Tree) -> str:
        text = self.end.join([*self.noise(0), *self.block(tree, 0), *self.noise(0)])
        end: str = self.draw(st.sampled_from(["", self.end]))
        return text + end

    def block(self, tree: Tree, column: int) -> list[str]:
        lines = []
        for key, value in tree.items():
            lines += self.noise(column)
            start = f"{' ' * column}{key}:"
            comment = self.draw(st.sampled_from(["", "  # why: {é"]))
            nested = self.draw(st.booleans())
            if isinstance(value, dict) and value and nested:
                lines += [start + comment, *self.block(value, column + self.step)]
            else:
                written = self.flow(value)
                lines.append(f"{start} {written}".rstrip() + comment)
        return lines

    def flow(self, value: Tree | str | None) -> str:
        if not isinstance(value, dict):
            return value or ""
        space: str = self.draw(st.sampled_from(["", " "]))
        entries = [f"{key}: {self.flow(below)}" for key, below in value.items()]
        comma = "," if entries and self.draw(st.booleans()) else ""
        return "".join(("{", space, ", ".join(entries), comma, space, "}"))

    def noise(self, column: int) -> list[str]:
        note = " " * column + "# note: [é"
        lines: list[str] = self.draw(st.sampled_from([[], [""], [note], ["# x", "  "]]))
        return lines


@st.composite
def stack_files(draw: st.DrawFn) -> tuple[str, str | None]:
    tree, written = draw(trees())
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return mark + Writer(draw).document(tree), written


def put(tree: Any, keys: tuple[str, ...], value: str) -> Any:
    below = tree if isinstance(tree, dict) else {}
    return {**below, keys[0]: put(below.get(keys[0]), keys[1:], value)} if keys else value


def common(first: str, second: str) -> int:
    """Return how many characters two texts have in common at the beginning."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stack_files())
def test_any_file_changes_in_one_place_and_says_what_it_said_and_the_pin(
    file: Path, stack: tuple[str, str | None]
) -> None:
    before, written = stack
    after = pinned(file, before)
    assert yaml.safe_load(after) == put(yaml.safe_load(before), (*AT, "model"), MODEL)
    start = common(before, after)
    rest, new = before[start:], after[start:]
    gone = rest[: len(rest) - common(rest[::-1], new[::-1])]
    if written:
        assert after == before.replace(written.strip("'\""), MODEL) or before.count(written) > 1
        assert gone in "azureml:old:1"
        assert after.count("\n") == before.count("\n")
    else:
        assert gone in ("", "~")
    assert after.count("\r\n") == (after.count("\n") if "\r\n" in before else 0)
    assert write_pins(file, [PIN]) == []
