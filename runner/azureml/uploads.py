"""Uploads files to blobs, in parallel; each whole or not at all, and none that is there already.

The blobs lie below a folder that is named by the hash of all files, and each keeps the hash of its
own bytes. So a blob of the right hash is not sent again, whoever sent it; one of another hash is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any

from runner.assets.content import Content, ContentFile, hash_content, hash_file
from runner.azureml.small_blobs import SmallBlobWriter
from runner.azureml.storage import writing_errors
from runner.parallel import all_or_first_error

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

HASH = "sha256"  # of a blob's metadata
BLOCK = 4 << 20  # bytes sent at a time; a file of no more than that is one request
_MOST_BLOCKS = 50_000  # of one blob
_FILES = 16  # on their way at once
_BLOCKS = 16  # of big files, on their way at once
_TRIES = 3


@dataclass(frozen=True)
class Sent:
    """The result of an upload."""

    content_hash: str
    bytes: int  # that were really sent


@dataclass(frozen=True)
class _Blob:
    size: int
    digest: str | None


def upload(
    container: ContainerClient,
    folder: str,
    content: Content,
    hashes: Mapping[str, str],
    on_progress: Callable[[int], None],
) -> Sent:
    """Send files to blobs below a folder, and return the hash of the files as they were read.

    `hashes` are the known hashes of files, by name. `on_progress` is called with the number of
    bytes done, from any thread. Several processes may send the same files at once. Raises
    EnvironmentRefused, which names the role that is missing.
    """
    with writing_errors(container):
        there = _blobs(container, f"{folder}/")
    sender = _Sender(container, folder, there, hashes, on_progress)
    with ThreadPoolExecutor(_FILES, "upload") as files, ThreadPoolExecutor(_BLOCKS) as blocks:
        sender.blocks = blocks
        with writing_errors(container), all_or_first_error(files, str) as begin:
            sent = [(file.name, begin(sender.send, file)) for file in content.files]
        digests = [(name, digest.result()) for name, digest in sent]
    return Sent(hash_content(content.shape, digests), sender.bytes)


class _Sender:
    """Sends files one by one; any number of threads may do so at once."""

    blocks: ThreadPoolExecutor

    def __init__(
        self,
        container: ContainerClient,
        folder: str,
        there: Mapping[str, _Blob],
        hashes: Mapping[str, str],
        on_progress: Callable[[int], None],
    ) -> None:
        self._container = container
        self._folder = folder
        self._there = there
        self._hashes = hashes
        self._on_progress = on_progress
        self._small = SmallBlobWriter(container, _FILES)
        self._lock = Lock()
        self._room = Semaphore(_BLOCKS)  # bounds the memory
        self._done = 0
        self.bytes = 0

    def send(self, file: ContentFile) -> str:
        """Send a file unless it is there; return its hash."""
        name = f"{self._folder}/{file.name}"
        known = self._hashes.get(file.name)
        there = self._there.get(name)
        if there and there.size == file.size and there.digest:
            known = known or hash_file(file)
            if known == there.digest:
                self._count(file.size, sent=False)
                return known
        return self._send_big(name, file) if file.size > BLOCK else self._send_small(name, file)

    def _send_small(self, name: str, file: ContentFile) -> str:
        content = b"".join(file.read())
        digest = sha256(content).hexdigest()
        if not self._small.put(name, content, {HASH: digest}):
            self._container.upload_blob(
                name, content, length=len(content), overwrite=True, metadata={HASH: digest}
            )
        self._count(len(content))
        return digest

    def _send_big(self, name: str, file: ContentFile) -> str:
        from azure.core.exceptions import HttpResponseError

        for tries_left in reversed(range(_TRIES)):
            try:
                return self._send_blocks(name, file)
            except HttpResponseError as error:
                # The first of several processes to commit a blob discards the others' blocks.
                if getattr(error, "error_code", None) not in (
                    "InvalidBlockList",
                    "InvalidBlobOrBlock",
                ):
                    raise
                found = _blobs(self._container, name).get(name)
                if found and found.size == file.size and found.digest == hash_file(file):
                    return found.digest
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _send_blocks(self, name: str, file: ContentFile) -> str:
        from azure.storage.blob import BlobBlock

        blob = self._container.get_blob_client(name)
        size = max(BLOCK, -(-file.size // _MOST_BLOCKS))
        digest = sha256()
        ids: list[str] = []
        staged: list[Future[None]] = []
        for block in _blocks(file.read(), size):
            digest.update(block)
            ids.append(f"{len(ids):08d}")
            self._room.acquire()
            staged.append(self.blocks.submit(self._stage, blob, ids[-1], block))
            if staged[0].done():
                staged.pop(0).result()
        for staging in staged:
            staging.result()
        blocks = [BlobBlock(block_id) for block_id in ids]
        blob.commit_block_list(blocks, metadata={HASH: digest.hexdigest()})
        return digest.hexdigest()

    def _stage(self, blob: Any, block_id: str, block: bytes) -> None:
        try:
            blob.stage_block(block_id, block, len(block))
        finally:
            self._room.release()
        self._count(len(block))

    def _count(self, size: int, sent: bool = True) -> None:
        with self._lock:
            self._done += size
            self.bytes += size if sent else 0
            done = self._done
        self._on_progress(done)


def _blobs(container: ContainerClient, prefix: str) -> dict[str, _Blob]:
    found = container.list_blobs(name_starts_with=prefix, include=["metadata"])
    return {blob.name: _Blob(blob.size, (blob.metadata or {}).get(HASH)) for blob in found}


def _blocks(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield chunks of any size as blocks of one size; the last block may be smaller."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
