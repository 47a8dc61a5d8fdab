"""The comment on an Azure DevOps pull request, against a small REST API of the same shape."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ROOT

SCRIPT = ROOT / ".azure" / "comment.py"
THREADS = "/organisation/My%20Project/_apis/git/repositories/repository/pullRequests/7/threads"


@dataclass
class PullRequest:
    """Its threads, as the service keeps them, and who asked for them."""

    threads: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    status: int = 200
    url: str = ""

    def comment(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "SYSTEM_ACCESSTOKEN": "of-this-run",
            "SYSTEM_COLLECTIONURI": f"{self.url}/organisation/",
            "SYSTEM_TEAMPROJECT": "My Project",
            "BUILD_REPOSITORY_ID": "repository",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
        }
        return subprocess.run(
            [sys.executable, str(SCRIPT), *map(str, words)],
            env=environment,
            capture_output=True,
            text=True,
        )

    @property
    def contents(self) -> list[str]:
        return [comment["content"] for thread in self.threads for comment in thread["comments"]]


@pytest.fixture
def pull_request() -> Iterator[PullRequest]:
    state = PullRequest()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            state.tokens.add(self.headers["Authorization"])
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path, _, query = self.path.partition("?")
            assert query == "api-version=7.1"
            found = self.result(path, body) if state.status == 200 else {}
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def result(self, path: str, body: Any) -> Any:
            if self.command == "GET":
                assert path == THREADS
                return {"value": state.threads}
            if self.command == "POST":
                assert path == THREADS
                comments = [{"id": 1, **comment} for comment in body["comments"]]
                state.threads.append({"id": len(state.threads) + 1, **body, "comments": comments})
                return state.threads[-1]
            thread, comment = path.removeprefix(f"{THREADS}/").split("/comments/")
            (changed,) = [found for found in state.threads if found["id"] == int(thread)]
            assert int(comment) == 1
            changed["comments"][0] |= body
            return changed["comments"][0]

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def preview(tmp_path: Path) -> Path:
    file = tmp_path / "pulumi.txt"
    file.write_text("~ traffic: blue=100 => blue=90 green=10\n")
    return file


def test_a_second_preview_edits_the_comment_of_the_first(
    pull_request: PullRequest, preview: Path
) -> None:
    for text in ("+ 30 to create", "30 unchanged"):
        preview.write_text(text)
        assert pull_request.comment("pulumi preview of dev", preview).returncode == 0
    (content,) = pull_request.contents
    assert content == "### pulumi preview of dev\n\n```text\n30 unchanged\n```\n"
    assert pull_request.tokens == {"Bearer of-this-run"}


def test_each_stack_has_a_comment_of_its_own_and_people_keep_theirs(
    pull_request: PullRequest, preview: Path
) -> None:
    person = {"id": 1, "comments": [{"id": 1, "content": "Is pulumi preview of dev right?"}]}
    pull_request.threads.append(person)
    for stack in ("dev", "prod", "dev"):
        pull_request.comment(f"pulumi preview of {stack}", preview)
    headings = [content.splitlines()[0] for content in pull_request.contents]
    assert headings[1:] == ["### pulumi preview of dev", "### pulumi preview of prod"]
    assert headings[0].startswith("Is ")


def test_markdown_is_shown_as_it_is_and_edited_in_place(
    pull_request: PullRequest, tmp_path: Path
) -> None:
    file = tmp_path / "comment.md"
    nothing = "<!-- mine -->\n**Nothing changes any more**\n"
    file.write_text(nothing)
    assert pull_request.comment(file).returncode == 0
    assert pull_request.contents == []
    for text in ("<!-- mine -->\n**38 change**\n\n`x`\n", nothing):
        file.write_text(text)
        assert pull_request.comment(file).returncode == 0
        assert pull_request.contents == [text]


def test_a_comment_that_somebody_deleted_is_made_again(
    pull_request: PullRequest, preview: Path
) -> None:
    pull_request.comment("pulumi preview of dev", preview)
    pull_request.threads[0]["comments"][0]["isDeleted"] = True
    pull_request.comment("pulumi preview of dev", preview)
    assert len(pull_request.threads) == 2


def test_what_a_preview_prints_cannot_leave_its_fence(
    pull_request: PullRequest, preview: Path
) -> None:
    preview.write_text("```\n# Approved\n```")
    pull_request.comment("pulumi preview of dev", preview)
    (content,) = pull_request.contents
    assert content.count("```") == 2


def test_of_a_long_preview_the_end_is_shown(pull_request: PullRequest, preview: Path) -> None:
    preview.write_text("x" * 200_000 + "\nResources: 3 to update")
    pull_request.comment("pulumi preview of dev", preview)
    (content,) = pull_request.contents
    assert len(content) < 150_000
    assert "The beginning is left out." in content
    assert content.endswith("Resources: 3 to update\n```\n")


def test_a_refusal_is_one_line_with_the_way_out_and_no_token(
    pull_request: PullRequest, preview: Path
) -> None:
    pull_request.status = 403
    done = pull_request.comment("pulumi preview of dev", preview)
    assert done.returncode == 1
    assert done.stderr == (
        "commenting on the pull request: 403 Forbidden;"
        " let the build service contribute to pull requests\n"
    )


def test_without_its_two_words_it_says_how_it_is_called() -> None:
    with pytest.raises(SystemExit, match="usage"):
        runpy.run_path(str(SCRIPT), run_name="__main__")
