"""How Databricks says no: `{"error_code", "message"}`, and a page of HTML for a bad token."""

from __future__ import annotations

from html import escape
from typing import Any

from tests.emulator.messages import Refusal, Response, answer


class Refused(Refusal):
    """A refusal in the shape of Databricks."""

    def response(self) -> Response:
        """Give it as the response that goes out."""
        body: dict[str, Any] = {
            "error_code": self.error["code"],
            "message": self.error["message"],
        }
        if "details" in self.error:
            body["details"] = self.error["details"]
        return answer(self.status, body, self.headers)


class RefusedAsPage(Refusal):
    """A refusal before the interface is reached, which comes as a page."""

    def response(self) -> Response:
        """Give it as the response that goes out."""
        reason = escape(str(self.error["message"]))
        page = (
            '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>\n'
            f"<title>Error {self.status} {reason}</title>\n</head>\n"
            f"<body><h2>HTTP ERROR {self.status}</h2>\n<p>Reason:\n"
            f"<pre>    {reason}</pre></p>\n</body>\n</html>\n"
        )
        headers = {"Content-Type": "text/html;charset=utf-8"}
        return Response(self.status, page.encode(), headers)


def invalid(message: str) -> Refused:
    """Return 400: a parameter has a value that can't be."""
    return Refused(400, "INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> Refused:
    """Return 404: what is asked for is not there."""
    return Refused(404, "RESOURCE_DOES_NOT_EXIST", message)


def there_already(message: str) -> Refused:
    """Return 400, as most interfaces have it: a name is taken."""
    return Refused(400, "RESOURCE_ALREADY_EXISTS", message)


def wrong_state(message: str) -> Refused:
    """Return 400: the request does not fit the state."""
    return Refused(400, "INVALID_STATE", message)


def denied(message: str) -> Refused:
    """Return 403: the caller has no right to it."""
    return Refused(403, "PERMISSION_DENIED", message)
