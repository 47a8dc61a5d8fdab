"""Shows a text as one comment of an Azure DevOps pull request, edited in place.

    python .azure/comment.py TITLE FILE
    python .azure/comment.py MARKDOWN

Markdown has an HTML comment in its first line, by which it is found again; one that has nothing to
say (a single line after it) edits a comment that is there and begins none.

Takes where it runs from the pipeline's own variables, and SYSTEM_ACCESSTOKEN to sign in with.
Source: the REST API's "Pull Request Threads" and "Pull Request Thread Comments", version 7.1.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

VERSION = "?api-version=7.1"
MOST = 100_000  # characters; Azure DevOps takes 150,000
SECONDS = 30


def main(title: str, file: Path) -> None:
    """Show a text under a title."""
    heading = f"### {title}"
    show(heading, comment(heading, file.read_text()), begin=True)


def show_markdown(file: Path) -> None:
    """Show Markdown as it is."""
    body = file.read_text()
    marker, _, text = body.partition("\n")
    if len(body) > MOST:
        sys.exit(f"commenting on the pull request: {file} has more than {MOST:,} characters")
    show(marker, body, begin=len(text.strip().splitlines()) > 1)


def show(heading: str, body: str, *, begin: bool) -> None:
    """Edit the comment that begins with the heading, or begin a thread with it where asked to."""
    found = find(heading, call("GET", "threads")["value"])
    if found is None and not begin:
        return
    if found is None:
        comment = {"content": body, "commentType": "text"}
        # Closed: it says what will happen, and asks nobody for an answer.
        call("POST", "threads", {"comments": [comment], "status": "closed"})
    else:
        call("PATCH", "threads/{}/comments/{}".format(*found), {"content": body})


def comment(heading: str, text: str) -> str:
    """The text as Markdown; of a long one the end, which sums up."""
    cut = "The beginning is left out.\n" if len(text) > MOST else ""
    # Nothing in the text may close its fence.
    shown = text[-MOST:].replace("```", "` ` `").rstrip()
    return f"{heading}\n\n{cut}```text\n{shown}\n```\n"


def find(heading: str, threads: list[dict[str, Any]]) -> tuple[int, int] | None:
    """The ids of the thread and of its first comment, if that has the heading."""
    for thread in threads:
        comments = thread.get("comments") or []
        if thread.get("isDeleted") or not comments or comments[0].get("isDeleted"):
            continue
        lines = (comments[0].get("content") or "").splitlines()
        if lines[:1] == [heading]:
            return thread["id"], comments[0]["id"]
    return None


def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the REST API about the pull request that is built. Exits with what it answers."""
    request = urllib.request.Request(  # noqa: S310
        f"{pull_request()}/{path}{VERSION}",
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {os.environ['SYSTEM_ACCESSTOKEN']}",
            "Content-Type": "application/json",
        },
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        way_out = "; let the build service contribute to pull requests" if error.code == 403 else ""
        sys.exit(f"commenting on the pull request: {error.code} {error.reason}{way_out}")
    except urllib.error.URLError as error:
        sys.exit(f"commenting on the pull request: {error.reason}")


def pull_request() -> str:
    """The address of the pull request."""
    project = quote(os.environ["SYSTEM_TEAMPROJECT"])
    return (
        f"{os.environ['SYSTEM_COLLECTIONURI'].rstrip('/')}/{project}/_apis/git/repositories"
        f"/{os.environ['BUILD_REPOSITORY_ID']}"
        f"/pullRequests/{os.environ['SYSTEM_PULLREQUEST_PULLREQUESTID']}"
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        show_markdown(Path(sys.argv[1]))
    elif len(sys.argv) == 3:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        sys.exit("usage: python .azure/comment.py [TITLE] FILE")
