"""The parts that a worker is given: files of a mini-batch, or a slice of a large file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from runner.engine.plan import InputFile, Plan
from runner.engine.slices import Slice

Key = tuple[int, int]  # a mini-batch, and a part of it: in this order rows are written


@dataclass(frozen=True)
class Part:
    """Small files of a mini-batch that lie together, or one slice of one large file.

    A mini-batch without large files is a single part.
    """

    mini_batch: int  # from 0
    index: int  # in its mini-batch, from 0
    files: tuple[InputFile, ...]
    slice: Slice | None = None

    @property
    def key(self) -> Key:
        return self.mini_batch, self.index


def divide(plan: Plan, slices: Mapping[str, Sequence[Slice]]) -> Iterator[Part]:
    """Yield the parts of a plan in the order of its files. `slices` holds each large file's."""
    for mini_batch in range(plan.mini_batches):
        index = 0
        together: list[InputFile] = []
        for file in plan.mini_batch(mini_batch):
            if file.name not in slices:
                together.append(file)
                continue
            if together:
                yield Part(mini_batch, index, tuple(together))
                index += 1
                together = []
            for piece in slices[file.name]:
                yield Part(mini_batch, index, (file,), piece)
                index += 1
        if together:
            yield Part(mini_batch, index, tuple(together))


def encode(part: Part) -> bytes:
    return json.dumps(asdict(part)).encode()


def decode(content: bytes) -> Part:
    """Read what `encode` wrote. ValueError for what is not JSON."""
    document = json.loads(content)
    document["files"] = tuple(InputFile(**file) for file in document["files"])
    if document["slice"] is not None:
        document["slice"] = Slice(**document["slice"])
    return Part(**document)
