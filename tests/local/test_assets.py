from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.local.assets import find, listing, receive, register
from runner.local.database import opened
from runner.local.files import contents
from runner.local.job_records import insert_job
from runner.workspace import Asset, AssetKind, Job, JobStatus, Origin, Registration, Transfer

Together = Callable[[str, list[tuple[object, ...]]], list[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def data(home: Path, content: str, name: str = "patients", version: str | None = None) -> Asset:
    """Register a file with this content."""
    source = home.parent / "source.csv"
    source.write_text(content)
    return register(home, "data", Registration(name, source, "uri_file", version))


def mlflow_model(folder: Path, description: str = "flavors: {}\n") -> Path:
    folder.mkdir()
    (folder / "MLmodel").write_text(description)
    return folder


def test_the_first_version_is_1_and_new_content_takes_the_next(home: Path) -> None:
    assert [data(home, content).version for content in "abc"] == ["1", "2", "3"]


def test_the_same_content_gives_the_same_version(home: Path) -> None:
    first, second = data(home, "a"), data(home, "b")
    assert data(home, "a") == first
    assert data(home, "b") == second
    assert len(listing(home, "data", "patients")) == 2


def test_an_asset_says_what_it_is_and_where(home: Path, tmp_path: Path) -> None:
    source = mlflow_model(tmp_path / "model")
    asset = register(
        home,
        "model",
        Registration("diabetes", source, "mlflow_model", None, "A classifier", {"ü": "1"}),
    )
    assert (asset.kind, asset.name, asset.version) == ("model", "diabetes", "1")
    assert (asset.type, asset.description, asset.tags) == (
        "mlflow_model",
        "A classifier",
        {"ü": "1"},
    )
    assert asset.reference == "azureml:diabetes:1"
    assert Path(asset.path, "MLmodel").read_text() == "flavors: {}\n"
    assert len(asset.content_hash) == 64
    assert asset.created_at.endswith("+00:00")
    assert asset.job is None
    assert find(home, "model", asset.reference) == asset


def test_names_kinds_and_types_have_versions_of_their_own(home: Path, tmp_path: Path) -> None:
    source = mlflow_model(tmp_path / "model")
    for kind, name, type_ in [
        ("model", "one", "mlflow_model"),
        ("model", "two", "mlflow_model"),
        ("data", "one", "uri_folder"),
    ]:
        asset = register(home, kind, Registration(name, source, type_))  # type: ignore[arg-type]
        assert asset.version == "1"
    as_files = register(home, "model", Registration("one", source, "custom_model"))
    assert as_files.version == "2"


def test_a_version_can_be_asked_for(home: Path) -> None:
    assert data(home, "a", version="2024.05-rc_1").version == "2024.05-rc_1"
    assert data(home, "b").version == "1"
    assert data(home, "c", version="41").version == "41"
    assert data(home, "d").version == "42"
    assert data(home, "d", version="41b").version == "41b"
    assert data(home, "e").version == "43"


def test_a_version_asked_for_again_with_its_content_is_given_back(home: Path) -> None:
    first = data(home, "a", version="7")
    data(home, "b", version="8")
    assert data(home, "a", version="7") == first


def test_content_under_several_versions_gives_the_newest_or_the_one_asked_for(home: Path) -> None:
    data(home, "a", version="9")
    data(home, "a", version="3")
    assert data(home, "a").version == "3"
    assert data(home, "a", version="9").version == "9"


def test_a_version_that_exists_with_other_content_is_refused(home: Path, tmp_path: Path) -> None:
    first = data(home, "a", version="3")
    with pytest.raises(
        EnvironmentRefused,
        match=r"data asset 'patients' version 3 exists with other content; leave the version out",
    ):
        data(home, "b", version="3")
    assert listing(home, "data", "patients") == [first]
    source = mlflow_model(tmp_path / "model")
    register(home, "model", Registration("m", source, "mlflow_model", "1"))
    with pytest.raises(EnvironmentRefused, match="exists with other type, mlflow_model; leave"):
        register(home, "model", Registration("m", source, "custom_model", "1"))


def test_a_later_registration_can_change_description_and_tags_but_not_take_them_away(
    home: Path, tmp_path: Path
) -> None:
    source = mlflow_model(tmp_path / "model")

    def again(description: str = "", **tags: str) -> Asset:
        return register(
            home, "model", Registration("m", source, "mlflow_model", None, description, tags)
        )

    again("first", a="1")
    changed = again("second", b="2")
    assert (changed.version, changed.description, changed.tags) == ("1", "second", {"b": "2"})
    assert again() == changed
    assert find(home, "model", "m") == changed


def test_properties_and_the_stage_are_kept_and_a_later_registration_changes_them(
    home: Path, tmp_path: Path
) -> None:
    source = mlflow_model(tmp_path / "model")

    def again(stage: str | None = None, **properties: str) -> Asset:
        more = {"stage": stage, "datastore": "azureml:team"} if stage else {}
        wanted = Registration("m", source, "mlflow_model", properties=properties, more=more)
        return register(home, "model", wanted)

    assert (again().properties, again().stage) == ({}, None)
    changed = again("Production", a="1")
    assert (changed.version, changed.properties, changed.stage) == ("1", {"a": "1"}, "Production")
    assert again() == changed
    assert (again("Archivé").stage, again(b="2").properties) == ("Archivé", {"b": "2"})
    assert listing(home, "model") == [find(home, "model", "m:1")]


@pytest.mark.parametrize(
    "name", ["", "a b", "ä", "-a", ".a", "_a", "a:1", "a@b", "a/b", "..", "a\n", "a" * 256]
)
def test_a_name_that_azure_does_not_take_is_refused(home: Path, name: str) -> None:
    with pytest.raises(WrongUsage, match="can't name a data asset: it takes"):
        data(home, "a", name=name)
    assert not home.exists()


@pytest.mark.parametrize("version", ["", "a b", "-1", "1/2", "latest@", "1" * 31])
def test_a_version_that_azure_does_not_take_is_refused(home: Path, version: str) -> None:
    with pytest.raises(WrongUsage, match="can't be a version: it takes"):
        data(home, "a", version=version)


def test_the_longest_name_and_version_are_taken(home: Path) -> None:
    asset = data(home, "a", name="a" * 255, version="9" * 30)
    assert find(home, "data", asset.reference) == asset
    assert data(home, "b", name="a" * 255).version == "1" + "0" * 30


@pytest.mark.parametrize(
    ("kind", "type_", "message"),
    [
        ("data", "mltable", "mltable, which only Azure reads: register its files as uri_folder"),
        ("data", "uri_fle", r"'uri_fle' is no type of data asset; did you mean 'uri_file'\?"),
        ("data", "mlflow_model", "'mlflow_model' is no type of data asset"),
        ("model", "uri_folder", "'uri_folder' is no type of model"),
        ("data", "uri_file", "is a folder: register it as uri_folder"),
    ],
)
def test_a_type_that_does_not_fit_is_refused(
    home: Path, tmp_path: Path, kind: AssetKind, type_: str, message: str
) -> None:
    source = mlflow_model(tmp_path / "model")
    with pytest.raises(WrongUsage, match=message):
        register(home, kind, Registration("m", source, type_))


def test_a_file_is_no_folder(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(WrongUsage, match=r"a\.csv is a file: register it as uri_file"):
        register(home, "data", Registration("m", tmp_path / "a.csv", "uri_folder"))


@pytest.mark.parametrize("type_", ["custom_model", "triton_model"])
def test_other_models_are_any_file_or_folder(home: Path, tmp_path: Path, type_: str) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"\0\1")
    asset = register(home, "model", Registration("m", source, type_))
    assert Path(asset.path).read_bytes() == b"\0\1"
    folder = mlflow_model(tmp_path / "folder")
    assert Path(register(home, "model", Registration("m", folder, type_)).path).is_dir()


def test_an_mlflow_model_must_have_a_description_that_is_not_empty(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "model.pkl").write_bytes(b"1")
    for source in (tmp_path / "plain", tmp_path / "plain" / "model.pkl"):
        with pytest.raises(WrongUsage, match="is not an MLflow model, it has no file MLmodel"):
            register(home, "model", Registration("m", source, "mlflow_model"))
    hollow = mlflow_model(tmp_path / "hollow", description="")
    with pytest.raises(WrongUsage, match=r"hollow/MLmodel is empty"):
        register(home, "model", Registration("m", hollow, "mlflow_model"))


def test_a_missing_or_empty_path_is_named_and_nothing_is_registered(
    home: Path, tmp_path: Path
) -> None:
    for type_ in ("uri_file", "uri_folder"):
        with pytest.raises(WrongUsage, match="nowhere does not exist"):
            register(home, "data", Registration("m", tmp_path / "nowhere", type_))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongUsage, match="empty is empty"):
        register(home, "data", Registration("m", tmp_path / "empty", "uri_folder"))
    assert listing(home, "data") == []


def test_the_job_that_made_a_model_is_kept_and_must_exist(home: Path, tmp_path: Path) -> None:
    source = mlflow_model(tmp_path / "model")
    registration = Registration("m", source, "mlflow_model", job="train-1")
    with pytest.raises(NotFound, match="no job 'train-1'"):
        register(home, "model", registration)
    assert listing(home, "model") == []
    with opened(home) as connection:
        insert_job(connection, Job("train-1", "command", JobStatus.COMPLETED, "2025-01-01"))
    assert register(home, "model", registration).job == "train-1"
    assert find(home, "model", "m").job == "train-1"


def test_a_copy_from_another_workspace_keeps_what_is_known_of_its_origin(
    home: Path, tmp_path: Path
) -> None:
    origin = Origin("0a1b", "c0ffee", {"täble": "lines:3"}, {"f1": 0.75, "loss": math.inf})
    source = mlflow_model(tmp_path / "model")
    asset = register(home, "model", Registration("m", source, "mlflow_model"))
    sent = replace(asset, origin=origin, properties={"a": "b"}, stage="Production", job="train-1")
    copy = receive(tmp_path / "other", sent, contents(home, asset.content_hash))
    assert (copy.origin, copy.properties, copy.stage) == (origin, {"a": "b"}, "Production")
    assert copy.job is None  # it is the other workspace's
    assert find(tmp_path / "other", "model", "m") == copy


def test_a_copy_that_is_not_what_was_registered_is_refused(home: Path) -> None:
    asset, other = data(home, "a"), data(home, "b")
    with pytest.raises(EnvironmentRefused, match="patients:1 is not what was registered"):
        receive(home.parent / "other", asset, contents(home, other.content_hash))
    assert listing(home.parent / "other", "data") == []
    copy = receive(home.parent / "other", asset, contents(home, asset.content_hash))
    assert copy.content_hash == asset.content_hash


def test_of_what_a_job_wrote_all_is_kept_and_of_a_folder_of_ones_own_what_is_not_ignored(
    home: Path, tmp_path: Path
) -> None:
    source = mlflow_model(tmp_path / "model")
    for name in (".gitignore", "data.tmp"):
        (source / name).write_text("*.tmp\n")
    with opened(home) as connection:
        insert_job(connection, Job("train-1", "command", JobStatus.COMPLETED, "2025-01-01"))

    def kept(job: str | None) -> set[str]:
        told: list[Transfer] = []
        wanted = Registration("m", source, "mlflow_model", job=job)
        asset = register(home, "model", wanted, told.append)
        assert {(transfer.verb, transfer.name) for transfer in told} == {
            ("reading", "model"),
            ("storing", "model"),
        }
        return {path.name for path in Path(asset.path).iterdir()}

    assert kept("train-1") == {"MLmodel", ".gitignore", "data.tmp"}
    (source / "MLmodel").write_text("flavors: {python_function: {}}\n")
    assert kept(None) == {"MLmodel", ".gitignore"}


@pytest.mark.parametrize(
    ("reference", "content"),
    [
        ("azureml:patients:1", "a"),
        ("patients:1", "a"),
        ("patients:x", "c"),
        ("azureml:patients@latest", "c"),
        ("patients@latest", "c"),
        ("azureml:patients", "c"),
        ("patients", "c"),
    ],
)
def test_a_reference_finds_its_version(home: Path, reference: str, content: str) -> None:
    data(home, "a")
    data(home, "b", version="99")
    data(home, "c", version="x")
    data(home, "d", name="patients2")
    assert Path(find(home, "data", reference).path).read_text() == content


def test_registering_old_content_again_does_not_make_it_the_latest(home: Path) -> None:
    data(home, "a")
    data(home, "b")
    data(home, "a")
    assert find(home, "data", "patients@latest").version == "2"


def test_an_unknown_name_is_not_found_and_the_nearest_is_named(home: Path) -> None:
    with pytest.raises(
        NotFound, match="no data asset 'patients' in this workspace; there are none"
    ):
        find(home, "data", "patients")
    data(home, "a")
    with pytest.raises(NotFound, match=r"no data asset 'patiens' .*; did you mean 'patients'\?"):
        find(home, "data", "azureml:patiens:1")
    with pytest.raises(NotFound, match=r"no model 'patients' in this workspace; there are none"):
        find(home, "model", "patients")
    with pytest.raises(NotFound, match="no data asset 'zzz'"):
        listing(home, "data", "zzz")


@pytest.mark.parametrize(
    ("kind", "command"), [("model", "runner models register"), ("data", "runner data register")]
)
def test_an_unknown_name_says_how_to_get_one(home: Path, kind: AssetKind, command: str) -> None:
    with pytest.raises(NotFound, match=rf"; there are none; `{command} -f FILE` adds one$"):
        find(home, kind, "patients")


def test_an_unknown_version_is_not_found_and_those_there_are_are_named(home: Path) -> None:
    for number in range(3):
        data(home, str(number))
    with pytest.raises(NotFound, match=r"'patients' has no version '7'; it has 3, 2, 1$"):
        find(home, "data", "patients:7")
    for number in range(3, 20):
        data(home, str(number))
    with pytest.raises(NotFound, match=r"it has 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, …$"):
        find(home, "data", "patients:77")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("patients@production", "has the label 'production', and there is only 'latest'"),
        ("azureml:patients@1", "has the label '1', and there is only 'latest'"),
        (
            "azureml://registries/azureml/data/patients/versions/1",
            "another workspace or a registry",
        ),
        ("azureml://registries/azureml/models/patients/versions/1", "reference to models"),
        ("azureml:", "letters, digits"),
        ("", "letters, digits"),
        ("./patients", "is not a reference to an asset"),
        ("pat ients:1", "letters, digits"),
        ("patients:1:2", "letters, digits"),
        ("patients:", "letters, digits"),
        ("patients@", "letters, digits"),
    ],
)
def test_what_is_no_reference_here_is_wrong_usage(home: Path, reference: str, message: str) -> None:
    data(home, "a")
    with pytest.raises(WrongUsage, match=message):
        find(home, "data", reference)


@given(st.text(max_size=20))
def test_any_text_as_a_reference_is_answered_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    home = tmp_path_factory.getbasetemp() / "any-text"
    with pytest.raises((NotFound, WrongUsage)) as caught:
        find(home, "model", text)
    assert "\n" not in str(caught.value)


def test_the_list_has_the_latest_of_each_name_or_all_versions_of_one(home: Path) -> None:
    assert listing(home, "data") == []
    first, second = data(home, "a"), data(home, "b")
    other = data(home, "a", name="clinics")
    assert listing(home, "data") == [other, second]
    assert listing(home, "data", "patients") == [second, first]
    assert listing(home, "model") == []


REGISTER = """
from pathlib import Path
from runner.local.assets import register
from runner.workspace import Registration
def work(home, *sources):
    for source in sources:
        print(register(Path(home), "data", Registration("m", Path(source), "uri_file")).version)
"""


def test_processes_that_register_different_content_at_once_get_versions_without_gap(
    home: Path, tmp_path: Path, together: Together
) -> None:
    processes, each = 4, 10
    sources = [tmp_path / str(number) for number in range(processes * each)]
    for source in sources:
        source.write_text(source.name)
    shares = [sources[first::processes] for first in range(processes)]
    said = together(REGISTER, [(home, *share) for share in shares])
    versions = [version for output in said for version in output.split()]
    assert sorted(map(int, versions)) == list(range(1, processes * each + 1))
    for source, version in zip(itertools.chain(*shares), versions, strict=True):
        asset = find(home, "data", f"m:{version}")
        assert Path(asset.path).name == source.name
        assert Path(asset.path).read_text() == source.name


def test_processes_that_register_the_same_content_at_once_get_the_same_version(
    home: Path, tmp_path: Path, together: Together
) -> None:
    sources = [tmp_path / str(number) for number in range(10)]
    for source in sources:
        source.write_text(source.name)
    said = {tuple(output.split()) for output in together(REGISTER, [(home, *sources)] * 4)}
    assert len(said) == 1
    assert sorted(map(int, said.pop())) == list(range(1, 11))
