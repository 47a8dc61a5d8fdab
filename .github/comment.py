"""Shows a Markdown file as one comment of a GitHub pull request, edited in place.

    python3 .github/comment.py FILE

The file's first line is an HTML comment, by which the comment is found again. One that has nothing
to say (a single line after it) edits a comment that is there and begins none. Takes GITHUB_API_URL
and GITHUB_REPOSITORY from the run, PULL_REQUEST, its number, and GITHUB_TOKEN to sign in with.
Source: the REST API's "Issue comments", version 2022-11-28.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MOST = 65_536  # characters that GitHub takes
PAGE = 100  # comments that it gives at once
SECONDS = 30
WRITER = "github-actions[bot]"  # whose comments this edits; anybody may write the first line


def main(file: Path) -> None:
    """Edit the comment that begins with the file's first line, or write one."""
    body = file.read_text()
    marker, _, text = body.partition("\n")
    if len(body) > MOST:
        sys.exit(f"commenting on the pull request: {file} has more than {MOST:,} characters")
    found = find(marker)
    if found is not None:
        call("PATCH", f"issues/comments/{found}", {"body": body})
    elif len(text.strip().splitlines()) > 1:
        call("POST", f"issues/{number()}/comments", {"body": body})


def find(marker: str) -> int | None:
    """Return the id of the comment that this wrote before."""
    page = 1
    while True:
        comments = call("GET", f"issues/{number()}/comments?per_page={PAGE}&page={page}")
        for comment in comments:
            lines = (comment.get("body") or "").splitlines()
            if lines[:1] == [marker] and (comment.get("user") or {}).get("login") == WRITER:
                found: int = comment["id"]
                return found
        if len(comments) < PAGE:
            return None
        page += 1


def number() -> int:
    """Return the number of the pull request."""
    return int(os.environ["PULL_REQUEST"])


def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the REST API about the repository. Exits with what it answers."""
    api, repository = os.environ["GITHUB_API_URL"], os.environ["GITHUB_REPOSITORY"]
    request = urllib.request.Request(  # noqa: S310
        f"{api}/repos/{repository}/{path}",
        None if body is None else json.dumps(body).encode(),
        {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        way_out = "; give the job pull-requests: write" if error.code == 403 else ""
        sys.exit(f"commenting on the pull request: {error.code} {error.reason}{way_out}")
    except urllib.error.URLError as error:
        sys.exit(f"commenting on the pull request: {error.reason}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 .github/comment.py FILE")
    main(Path(sys.argv[1]))
