"""The comment on a GitHub pull request, against a small REST API of the same shape."""

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
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.projects import ROOT

SCRIPT = ROOT / ".github" / "comment.py"
BOT = {"login": "github-actions[bot]"}
COMMENTS = "/repos/owner/project/issues/7/comments"


@dataclass
class PullRequest:
    """Its comments, as the service keeps them, and who asked for them."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    status: int = 200
    url: str = ""

    def comment(self, file: Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "GITHUB_TOKEN": "of-this-run",
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "owner/project",
            "PULL_REQUEST": "7",
        }
        command = [sys.executable, "-I", str(SCRIPT), str(file)]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    @property
    def bodies(self) -> list[str]:
        return [comment["body"] for comment in self.comments]


@pytest.fixture
def pull_request() -> Iterator[PullRequest]:
    state = PullRequest()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            state.tokens.add(self.headers["Authorization"])
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            found = self.result(body) if state.status == 200 else {}
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def result(self, body: Any) -> Any:
            parts = urlsplit(self.path)
            if self.command == "GET":
                assert parts.path == COMMENTS
                query = parse_qs(parts.query)
                size, page = int(query["per_page"][0]), int(query["page"][0])
                return state.comments[(page - 1) * size : page * size]
            if self.command == "POST":
                assert parts.path == COMMENTS
                state.comments.append({"id": len(state.comments) + 1, "user": BOT, **body})
                return state.comments[-1]
            number = int(parts.path.removeprefix("/repos/owner/project/issues/comments/"))
            state.comments[number - 1] |= body
            return state.comments[number - 1]

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
def text(tmp_path: Path) -> Path:
    file = tmp_path / "comment.md"
    file.write_text("<!-- mine -->\n**38 change**\n\nMore.\n")
    return file


def test_a_second_push_edits_the_comment_of_the_first(
    pull_request: PullRequest, text: Path
) -> None:
    people = [{"id": place, "user": {"login": "me"}, "body": "?"} for place in range(1, 131)]
    pull_request.comments += people
    for more in ("One.", "Two."):
        text.write_text(f"<!-- mine -->\n**38 change**\n\n{more}\n")
        done = pull_request.comment(text)
        assert done.returncode == 0, done.stderr
    assert pull_request.bodies[130:] == ["<!-- mine -->\n**38 change**\n\nTwo.\n"]
    assert pull_request.tokens == {"Bearer of-this-run"}


def test_what_somebody_else_writes_under_the_same_marker_stays_theirs(
    pull_request: PullRequest, text: Path
) -> None:
    theirs = {"id": 1, "user": {"login": "me"}, "body": "<!-- mine -->\n**Approved**\n"}
    pull_request.comments.append(dict(theirs))
    assert pull_request.comment(text).returncode == 0
    assert pull_request.comments[0] == theirs
    assert len(pull_request.comments) == 2


def test_a_pull_request_that_changes_nothing_gets_no_comment_and_keeps_none_that_is_wrong(
    pull_request: PullRequest, text: Path
) -> None:
    nothing = text.with_name("nothing.md")
    nothing.write_text("<!-- mine -->\n**Nothing changes any more**\n")
    assert pull_request.comment(nothing).returncode == 0
    assert pull_request.comments == []
    pull_request.comment(text)
    pull_request.comment(nothing)
    assert pull_request.bodies == [nothing.read_text()]


def test_a_refusal_is_one_line_with_the_way_out_and_no_token(
    pull_request: PullRequest, text: Path
) -> None:
    pull_request.status = 403
    done = pull_request.comment(text)
    assert done.returncode == 1
    assert done.stderr == (
        "commenting on the pull request: 403 Forbidden; give the job pull-requests: write\n"
    )


def test_without_its_word_it_says_how_it_is_called() -> None:
    with pytest.raises(SystemExit, match="usage"):
        runpy.run_path(str(SCRIPT), run_name="__main__")
