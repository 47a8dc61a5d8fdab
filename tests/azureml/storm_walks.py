"""The commands that go through the storm, with checks of what each did, or left undone."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.assets.content import hash_path
from tests.azureml.storm import ONLINE_ANSWER, PREDICTIONS, Ended, Scene

Words = tuple[str, ...]

TRAIN = """
type: pipeline
experiment_name: UNIQUE
settings: {default_compute: azureml:cpu-cluster}
inputs: {rows: {type: uri_folder, path: ./rows}}
jobs:
  fit:
    type: command
    code: ./code
    command: python fit.py ${{inputs.rows}}
    environment: {image: an/image, tags: {of: UNIQUE}}
    inputs: {rows: "${{parent.inputs.rows}}"}
"""


class Walk(ABC):
    """A command; its subject is made anew for each, so that no walk depends on another."""

    quiet = False  # whether it asks for the endpoints whose jobs stay as they are

    def __init__(self, scene: Scene, unique: str) -> None:
        self.scene = scene
        self.unique = unique
        self.folder = scene.root / unique
        self.folder.mkdir()

    @property
    @abstractmethod
    def words(self) -> Words:
        """Return the command."""

    def again(self, failed: Ended) -> Sequence[Words]:
        """Return the commands to run after it failed: those of its error, or else the same."""
        return [self.words]

    def check_failed(self, failed: Ended) -> None:
        """Check that nothing was left half-done."""
        assert not self.scene.litter(self.folder)

    @abstractmethod
    def check_done(self, done: Ended) -> None:
        """Check that it is done, and only once; `done` ended well."""


class Look(Walk):
    """A command that only reads: it prints the same in any weather."""

    quiet = True
    command: Words
    expected = ""

    @property
    def words(self) -> Words:
        return (*self.command, "-o", "json")

    def check_done(self, done: Ended) -> None:
        assert done.stdout
        # The first of all went through no storm.
        type(self).expected = type(self).expected or done.stdout
        assert done.stdout == type(self).expected


class JobsList(Look):
    command = ("jobs", "list")


class JobsShow(Look):
    command = ("jobs", "show", "quiet-1")


class EndpointsList(Look):
    command = ("endpoints", "list")


class EndpointsShow(Look):
    command = ("endpoints", "show", "online")


class DataList(Look):
    command = ("data", "list", "--name", "known")


class ModelsShow(Look):
    command = ("models", "show", "known:2")


class Register(Walk):
    """A registration of new content under a new name."""

    command: Words
    segment: str

    def __init__(self, scene: Scene, unique: str) -> None:
        super().__init__(scene, unique)
        self.source = self.folder / "content"
        self.source.mkdir()
        for name in ("a.csv", "b.csv"):
            (self.source / name).write_text(f"{name} of {unique}\n")

    @property
    def words(self) -> Words:
        return (*self.command, "--name", self.unique, "--path", str(self.source), "-o", "json")

    def check_failed(self, failed: Ended) -> None:
        super().check_failed(failed)
        assert self._whole() in (0, 1)

    def check_done(self, done: Ended) -> None:
        assert done.json["version"] == "1"
        assert self._whole() == 1

    def _whole(self) -> int:
        """Return the number of versions, each of which must have all of its blobs."""
        versions = self.scene.versions(self.segment, self.unique)
        for version in versions:
            properties = version["properties"]
            assert properties["tags"]["content_hash"] == hash_path(self.source)
            stored = self.scene.stored(properties.get("modelUri") or properties["dataUri"])
            assert stored == {file.name: file.read_bytes() for file in self.source.iterdir()}
        return len(versions)


class ModelsRegister(Register):
    command = ("models", "register", "--type", "custom_model")
    segment = "models"


class DataRegister(Register):
    command = ("data", "register")
    segment = "data"


class DataAmend(Register):
    """A registration of known content that changes its description."""

    segment = "data"

    def __init__(self, scene: Scene, unique: str) -> None:
        super().__init__(scene, unique)
        plain = ("data", "register", "--name", unique, "--path", str(self.source))
        assert scene.run(*plain).status == 0

    @property
    def command(self) -> Words:  # type: ignore[override]  # differs from run to run
        return ("data", "register", "--description", f"about {self.unique}")

    def check_done(self, done: Ended) -> None:
        super().check_done(done)
        assert done.json["description"] == f"about {self.unique}"


class Fetch(Walk):
    """A copy of an asset on this machine: whole, or none."""

    @property
    def words(self) -> Words:
        return ("models", "download", "known:2", "-p", str(self.folder / "copy"))

    def check_failed(self, failed: Ended) -> None:
        super().check_failed(failed)
        assert list(self.folder.iterdir()) == []

    def check_done(self, done: Ended) -> None:
        copy = self.folder / "copy"
        assert done.stdout == f"{copy}\n"
        assert {file.name: file.read_text() for file in copy.iterdir()} == {"a.csv": "second\n"}


class Invoke(Walk):
    """A request to an online endpoint."""

    quiet = True

    @property
    def words(self) -> Words:
        request = self.folder / "request.json"
        request.write_text('{"input_data": []}')
        return ("invoke", "online", str(request), "-o", "json")

    def check_done(self, done: Ended) -> None:
        assert (done.json["status"], done.json["body"]) == (200, ONLINE_ANSWER)
        assert done.json["deployment"] == "blue"


class Cancel(Walk):
    """A job that is to end."""

    def __init__(self, scene: Scene, unique: str) -> None:
        super().__init__(scene, unique)
        scene.stage.job(scene.stage.endpoints["busy"]["name"], "Running", unique)

    @property
    def words(self) -> Words:
        return ("jobs", "cancel", self.unique)

    def again(self, failed: Ended) -> Sequence[Words]:
        canceled = self.scene.jobs_of("busy")[self.unique] == "Canceled"
        return [("jobs", "show", self.unique)] if canceled else [self.words]

    def check_failed(self, failed: Ended) -> None:
        super().check_failed(failed)
        assert self.scene.jobs_of("busy")[self.unique] in ("Running", "Canceled")

    def check_done(self, done: Ended) -> None:
        assert "Canceled" in done.stdout
        assert self.scene.jobs_of("busy")[self.unique] == "Canceled"


class Score(Walk):
    """The whole way from files on this machine to predictions on this machine."""

    deployment = "instant"
    predictions = PREDICTIONS

    def __init__(self, scene: Scene, unique: str) -> None:
        super().__init__(scene, unique)
        (self.folder / "input").mkdir()
        (self.folder / "input" / "a.csv").write_text(f"{unique}\n")
        self._before = set(scene.jobs_of("busy"))

    @property
    def target(self) -> Path:
        return self.folder / "results"

    @property
    def words(self) -> Words:
        given = ("-d", self.deployment, "--data", str(self.folder / "input"))
        return ("score", "busy", *given, "--download", str(self.target), "-o", "json")

    @property
    def begun(self) -> dict[str, str]:
        """Return the jobs that were begun since, and their states."""
        found = self.scene.jobs_of("busy")
        return {name: found[name] for name in found if name not in self._before}

    def again(self, failed: Ended) -> Sequence[Words]:
        names = [name for name, state in self.begun.items() if state != "Failed"]
        if not names:
            return [self.words]
        if self.target.exists():
            return [("jobs", "show", names[0])]
        # The job goes on: there is no need for another.
        fetched = ("jobs", "download", names[0], "-p", str(self.target))
        return [("jobs", "stream", names[0]), fetched]

    def check_failed(self, failed: Ended) -> None:
        super().check_failed(failed)
        assert len(self.begun) <= 1
        for name in self.begun:
            assert name in failed.stderr, "there is a job that nobody was told of"
        if self.target.exists():
            self._check_results()

    def check_done(self, done: Ended) -> None:
        names = [name for name, state in self.begun.items() if state != "Failed"]
        assert len(names) == 1
        assert self.begun[names[0]] == "Completed"
        if done.words[0] == "score":
            assert done.json["job"] == names[0]
            assert done.json["rows"] == self.predictions.count("\n")
        self._check_results()
        digest = hash_path(self.folder / "input")
        assert len(self.scene.versions("data", f"input-{digest[:16]}")) == 1

    def _check_results(self) -> None:
        found = self.target / "named-outputs" / "score" / "predictions.csv"
        assert found.read_text() == self.predictions


class ScoreScript(Score):
    """The same, with a job that really runs."""

    deployment = "script"
    predictions = "done\n"


class Train(Walk):
    """A job with code, an environment, a component and files of its own, begun once."""

    def __init__(self, scene: Scene, unique: str) -> None:
        super().__init__(scene, unique)
        (self.folder / "rows").mkdir()
        (self.folder / "code").mkdir()
        for file in ("rows/a.csv", "code/fit.py"):
            (self.folder / file).write_text(f"# {unique}\n")
        (self.folder / "job.yml").write_text(TRAIN.replace("UNIQUE", unique))

    @property
    def words(self) -> Words:
        return ("train", "--file", str(self.folder / "job.yml"), "--no-wait", "-o", "json")

    @property
    def begun(self) -> list[str]:
        return list(self.scene.jobs_in(self.unique))

    def again(self, failed: Ended) -> Sequence[Words]:
        return [("jobs", "show", self.begun[0])] if self.begun else [self.words]

    def check_failed(self, failed: Ended) -> None:
        super().check_failed(failed)
        assert len(self.begun) <= 1
        for name in self.begun:
            assert name in failed.stderr, "there is a job that nobody was told of"

    def check_done(self, done: Ended) -> None:
        (name,) = self.begun
        if done.words[0] == "train":
            assert done.json["name"] == name
        self.scene.forget_job(name)  # what others list is the same in any weather


class JobsDownload(Walk):
    """The results of a job that has completed."""

    def __init__(self, scene: Scene, unique: str) -> None:
        super().__init__(scene, unique)
        self._score = Score(scene, f"{unique}-job")
        ended = scene.run(*self._score.words[:-4], "-o", "json", "--no-wait")
        assert ended.status == 0, str(ended)
        self._job = json.loads(ended.stdout)["name"]

    @property
    def words(self) -> Words:
        return ("jobs", "download", self._job, "-p", str(self.folder / "results"))

    def check_failed(self, failed: Ended) -> None:
        super().check_failed(failed)
        assert list(self.folder.iterdir()) == []

    def check_done(self, done: Ended) -> None:
        named = self.folder / "results" / "named-outputs" / "score"
        assert (named / "predictions.csv").read_text() == PREDICTIONS


@dataclass(frozen=True)
class Share:
    """The number of the storm's faults that a walk gets."""

    walk: Callable[[Scene, str], Walk]
    faults: int


SHARES = (
    Share(JobsList, 6),
    Share(JobsShow, 6),
    Share(EndpointsList, 6),
    Share(EndpointsShow, 6),
    Share(DataList, 5),
    Share(ModelsShow, 5),
    Share(ModelsRegister, 8),
    Share(DataRegister, 8),
    Share(DataAmend, 4),
    Share(Fetch, 6),
    Share(Invoke, 6),
    Share(Cancel, 4),
    Share(Score, 12),
    Share(Train, 8),
    Share(ScoreScript, 4),
    Share(JobsDownload, 6),
)
