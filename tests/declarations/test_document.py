from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.declarations import DeclarationError
from runner.declarations.document import MAX_NODES, ListNode, MappingNode, ScalarNode, read_document

from .conftest import Write, patient


def scalar(node: MappingNode, key: str) -> ScalarNode:
    found = node.entries[key]
    assert isinstance(found, ScalarNode)
    return found


def wrong(file: Path) -> str:
    with pytest.raises(DeclarationError) as caught:
        read_document(file)
    return str(caught.value)


def test_every_key_and_value_knows_its_line(write: Write) -> None:
    top = read_document(write("a.yml", "one: 1\ntwo:\n  three:\n    3\n"))
    two = top.entries["two"]
    assert isinstance(two, MappingNode)
    assert (top.key_places["two"].line, two.key_places["three"].line) == (2, 3)
    assert scalar(two, "three").place.line == 4


@pytest.mark.parametrize(
    ("written", "kind", "text"),
    [
        ("1.10", "float", "1.10"),
        ("012", "int", "012"),
        ("on", "bool", "on"),
        ("~", "null", "~"),
        ("", "null", ""),
        ("2024-01-01", "date", "2024-01-01"),
        ("'12'", "text", "12"),
        ("!!str 12", "text", "12"),
        ("plain words", "text", "plain words"),
        ("|\n  two\n  lines", "text", "two\nlines\n"),
    ],
)
def test_a_value_keeps_its_text_and_has_its_kind(
    write: Write, written: str, kind: str, text: str
) -> None:
    value = scalar(read_document(write("a.yml", f"key: {written}\n")), "key")
    assert (value.kind, value.text.rstrip("\n")) == (kind, text.rstrip("\n"))


def test_anchors_and_merge_keys_work_and_written_keys_win(write: Write) -> None:
    top = read_document(
        write("a.yml", "base: &base {a: 1, b: 2}\nother: {<<: *base, b: 3}\nlist: [*base]\n")
    )
    other, items = top.entries["other"], top.entries["list"]
    assert isinstance(other, MappingNode)
    assert isinstance(items, ListNode)
    assert {key: scalar(other, key).text for key in other.entries} == {"a": "1", "b": "3"}
    assert other.key_places["a"].line == 1
    assert items.items[0] is top.entries["base"]


def test_of_several_merged_mappings_the_first_wins(write: Write) -> None:
    top = read_document(write("a.yml", "x: &x {a: 1}\ny: &y {a: 2}\nz: {<<: [*x, *y]}\n"))
    merged = top.entries["z"]
    assert isinstance(merged, MappingNode)
    assert scalar(merged, "a").text == "1"


def test_a_byte_order_mark_and_a_document_start_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"\xef\xbb\xbf---\r\nname: caf\xc3\xa9\r\n...\r\n")
    assert scalar(read_document(file), "name").text == "café"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a: found twice, first on line 1"),
        ("a: {b: 1, b: 2}\n", 1, "b: found twice"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("- a\n", 1, "found a list, allowed: a mapping"),
        ("words\n", 1, "found the text 'words'"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "found the tag"),
        ("a: !custom x\n", 1, "found the tag '!custom'"),
        ("a: !!int 3\n", 1, "found the tag"),
        ("a: &x [*x]\n", 1, "alias *x"),
        ("a: *nowhere\n", 1, "nowhere"),
        ("a: 1\n  b: 2\n", 2, "not valid YAML"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ("a: 'open\n", 2, "found unexpected end of stream while scanning a quoted scalar"),
        ("a:\n\tb: 1\n", 2, "not valid YAML"),
        ("? [a, b]\n: 1\n", 1, "found a list as a key"),
        ("~: 1\n", 1, "found nothing as a key"),
        ("a: {<<: 3}\n", 1, "allowed: mappings to merge"),
        ('a: "\\e[31m"\n', 1, "control characters"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested deeper than 50"),
        ("- " * 5000 + "x", 1, "nested deeper than 50"),
        (
            "a:\n" + "".join(f"  - {i}\n" for i in range(MAX_NODES)),
            10_001,
            "more than 10000 values",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(
    write: Write, text: str, line: int, words: str
) -> None:
    file = write("a.yml", text)
    message = wrong(file)
    assert words in message
    assert "\n" not in message
    assert f"a.yml:{line}: " in message


@pytest.mark.parametrize("text", ["", "\n", "# a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_refused_unless_it_may_be_empty(write: Write, text: str) -> None:
    file = write("a.yml", text)
    assert wrong(file).endswith("a.yml: the file is empty")
    assert read_document(file, may_be_empty=True).entries == {}


def test_all_duplicate_keys_are_reported_at_once(write: Write) -> None:
    message = wrong(write("a.yml", "a: 1\na: 2\nb: 1\nb: 2\n"))
    assert [line.rpartition(": found")[0].rpartition(": ")[2] for line in message.split("\n")] == [
        "a",
        "b",
    ]


def test_a_bomb_of_aliases_is_refused(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "once its aliases are expanded" in wrong(write("bomb.yml", "\n".join(lines)))


def test_a_bomb_of_merge_keys_is_refused(write: Write) -> None:
    lines = ["a0: &a0 {k: [x, x, x, x, x, x, x, x, x]}"]
    lines += [
        f"a{i}: &a{i} {{{', '.join(f'm{j}: *a{i - 1}' for j in range(9))}}}" for i in range(1, 12)
    ]
    assert "once its aliases are expanded" in wrong(write("bomb.yml", "\n".join(lines)))


def test_a_file_that_is_too_big_is_refused(write: Write) -> None:
    assert "bigger than 1 MiB" in wrong(write("a.yml", "# " + "x" * (1 << 20)))


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"a: 1\nname: caf\xe9\n")
    assert "a.yml:2: found bytes that are not UTF-8" in wrong(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "there is no such file" in wrong(tmp_path / "none.yml")
    assert "the file can't be read" in wrong(tmp_path)


def test_an_error_names_its_file_whatever_folder_is_the_current_one(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("models/a.yml", "- 1\n")
    monkeypatch.chdir(tmp_path)
    assert wrong(Path("models/a.yml")).startswith(f"{file}:1: ")


def test_the_python_parser_gives_the_same_tree(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("a.yml", "a: &x {b: [1, 'two', 3.0, yes]}\nc: *x\nd: |\n  text\n")
    quick = read_document(file)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read_document(file) == quick


@patient
@given(
    text=st.one_of(
        st.text(max_size=200),
        st.text(alphabet="ab:-[]{}&*!|>'\"#?,\n \t%@<~01.", max_size=60),
    )
)
def test_any_text_is_a_tree_or_a_declaration_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    caught: DeclarationError | None = None
    try:
        assert isinstance(read_document(file), MappingNode)
    except DeclarationError as error:
        caught = error
    assert caught is None or len(str(caught).splitlines()) == len(caught.problems) > 0
