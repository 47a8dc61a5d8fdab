"""Scripts' answers here, held against those of Microsoft's own server beside it.

`azmlinfsrv` runs under gunicorn, as in Azure's images; ours behind the endpoint's gateway, which
here keeps the container's status. The same requests go to both, and every answer is compared.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest

from runner.local.serving.deployment import Deployment
from runner.local.serving.gateway import Endpoint, Gateway
from tests.inference_server import server_python

from .scripts import script_plan
from .served import Served, received, status_of
from .test_deployment import wait_for
from .test_gateway import KEY, Client, Reply

TEXT = """
import datetime, json, os
import flask
import numpy as np
from azureml_inference_server_http.api.aml_response import AMLResponse

def init():
    print("starting")

def parts():
    yield b"one "
    yield b"two"

def run(raw_data, request_headers):
    try:
        wish = json.loads(raw_data)["wish"]
    except Exception:
        return {"got": raw_data, "type": type(raw_data).__name__}
    if wish == "headers":
        return {name: value for name, value in request_headers.items() if name != "Authorization"}
    return {
        "none": lambda: None,
        "text": lambda: "\\u00e9",
        "nan": lambda: [float("nan"), float("inf"), 1e300],
        "tuple": lambda: {"a": (1, 2), 3: True},
        "array": lambda: np.array([1.5, 2]),
        "arrays": lambda: {"a": np.array([1])},
        "number": lambda: np.float64(0.5),
        "date": lambda: datetime.date(2026, 1, 2),
        "bytes": lambda: b"bytes",
        "set": lambda: {1},
        "raise": lambda: 1 / 0,
        "abort": lambda: flask.abort(404, "not mine"),
        "timeout": lambda: (_ for _ in ()).throw(TimeoutError("mine")),
        "response": lambda: flask.Response("text", 203, {"X-Own": "1"}, mimetype="text/csv"),
        "aml": lambda: AMLResponse("a,b", 200, {"Content-Type": "text/csv", "X-Two": "a, b"}),
        "aml json": lambda: AMLResponse({"a": 1}, 201, json_str=True),
        "aml none": lambda: AMLResponse(None, 200),
        "failed": lambda: AMLResponse("down", 503),
        "empty": lambda: flask.Response(status=204),
        "stream": lambda: flask.Response(parts()),
        "redirect": lambda: flask.redirect("/elsewhere"),
        "cookies": lambda: AMLResponse("c", 200, {"Set-Cookie": "a=1,b=2"}),
        "blanks": lambda: flask.Response("b", headers={"X-A": " a \t", "X-B": ""}),
        "hops": lambda: flask.Response("h", headers={"Keep-Alive": "x", "X-A": "1"}),
        "nothing": lambda: AMLResponse("none", 304),
    }[wish]()
"""
RAW = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    if request.args.get("echo"):
        return AMLResponse(request.get_data(), 200, {"Content-Type": request.content_type or "x/y"})
    return {
        "method": request.method,
        "path": request.path,
        "full": request.full_path,
        "url": request.url,
        "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(flat=False),
        "files": {name: file.read().decode() for name, file in request.files.items()},
        "type": request.content_type,
        "length": request.content_length,
        "json": request.get_json(silent=True),
        "size": len(request.get_data()),
        "cookies": dict(request.cookies),
        "headers": sorted(name for name in request.headers.keys() if name != "Authorization"),
        "kind": AMLRequest.__name__,
    }
"""
# What a driver module is, some of Azure's SDKs write: its init() runs, and the other's run().
SCHEMA = """
import logging
import scoring as driver_module

def init():
    driver_module.init()

def run(input_data):
    raise RuntimeError("the driver's own run() is passed over")
"""
SCORING = """
import logging
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    pass

@input_schema("rows", NumpyParameterType(np.array([[1, 2.5]])))
@input_schema("options", StandardPythonParameterType({"twice": True}))
@output_schema(StandardPythonParameterType([1.5]))
def run(rows, options={"twice": False}):
    level = logging.getLogger("mine").level
    return [*(rows.sum(axis=1) * (2 if options["twice"] else 1)).tolist(), level]
"""
LOGGING = {"version": 1, "loggers": {"mine": {"level": "ERROR"}}}
FORM = "application/x-www-form-urlencoded"
PARTS = (
    b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n"
    b'--x\r\ncontent-disposition: form-data; name=f; filename="f.txt"\r\n\r\nfile\r\n--x--\r\n'
)


@dataclass(frozen=True)
class Asked:
    """A request; `headers` beside Host and Content-Length."""

    script: str
    method: str = "POST"
    target: str = "/score"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.script} {self.method} {self.target} {dict(self.headers)} {self.body[:30]!r}"


def wish(name: str) -> Asked:
    return Asked("text", body=json.dumps({"wish": name}).encode())


def plain(script: str, body: bytes, **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(script, headers=named, body=body)


WISHES = (
    *("headers", "none", "text", "nan", "tuple", "array", "arrays", "number", "date", "bytes"),
    *("set", "raise", "abort", "timeout", "response", "aml", "aml json", "aml none", "failed"),
    *("empty", "stream", "redirect", "cookies", "hops", "blanks", "nothing"),
)
JSON = "application/json"
IDS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id")
CASES = [
    *map(wish, WISHES),
    plain("text", b'{"a": 1}'),
    plain("text", b'{"a": 1}', Content_Type="text/plain"),
    plain("text", b"a=1&b=2", Content_Type=FORM),
    plain("text", PARTS, Content_Type="multipart/form-data; boundary=x"),
    plain("text", b""),
    plain("text", b"\xef\xbb\xbf{}"),
    plain("text", b'"\xff"', Content_Type=JSON),
    plain("text", '"é"'.encode("latin-1"), Content_Type="application/json; charset=latin-1"),
    plain("text", gzip.compress(b"{}", mtime=0), Content_Encoding="gzip", Content_Type=JSON),
    plain("text", b"{}", TraceId="trace-1", Cookie="a=1; b=2"),
    *(Asked("text", method, headers={}) for method in ("GET", "OPTIONS", "HEAD", "PUT", "DELETE")),
    Asked("text", "GET", "/score?a=1&b=[1,2]&c=x&c=null&d=%C3%A9+y", {}),
    Asked("text", "PATCH", "/score", {}, b"{}"),
    *(plain("text", b"{}", **{name: "mine"}) for name in IDS),
    *(plain("text", b"{}", **{name: "x" * 100}) for name in IDS),
    *(plain("text", b"{}", **{"x-request-id": "mine", name: "x" * 101}) for name in IDS[1:]),
    plain("text", b"{}", **{"x-request-id": "x" * 101}),
    plain("text", b"{}", **dict(zip(IDS, ("own", "old", "client"), strict=True))),
    *(Asked("text", method, "/swagger.json", {}) for method in ("GET", "HEAD", "POST", "OPTIONS")),
    *(
        Asked(script, "GET", f"/swagger.json?version={version}", {})
        for script in ("text", "schema")
        for version in ("2", "2.0", "3", "3.0", "3.1", "4", "")
    ),
    plain("raw", b'{"a": 1}', Content_Type=JSON),
    plain("raw", b"a=1&a=2&b=3", Content_Type=FORM),
    plain("raw", PARTS, Content_Type="multipart/form-data; boundary=x"),
    plain("raw", b"\x00\xff"),
    plain("raw", b"{}", X_Forwarded_Proto="https"),
    Asked("raw", headers={"X_Own": "1", "Content_Length": "9"}, body=b"{}"),
    plain("raw", b"{}", Cookie="a=1; b=2", X_Own="1", Accept="*/*"),
    *(
        Asked("raw", method, "/score?a=1&a=%20&b=%C3%A9", {})
        for method in ("GET", "OPTIONS", "HEAD", "PUT")
    ),
    Asked(
        "raw", target="/score?echo=1", headers={"Content-Type": "image/png"}, body=b"\x89PNG\xff"
    ),
    Asked("raw", target="/%73core?x=/%2F%3F", headers={}, body=b"1"),
    Asked("raw", target="/score?a=1#part?b=2", headers={}, body=b"1"),
    plain("schema", b'{"rows": [[1, 2], [3, 4]], "options": {"twice": true}}', Content_Type=JSON),
    plain("schema", b'{"rows": [[1, 2]], "other": 1}', Content_Type="application/json; x=y"),
    plain("schema", b'{"rows": [[1, 2]]}', Content_Type="text/plain"),
    plain("schema", b'{"rows": [[1, 2]]}'),
    plain("schema", b'{"options": {"twice": true}}', Content_Type=JSON),
    plain("schema", b'{"rows": "text"}', Content_Type=JSON),
    plain("schema", b"\xef\xbb\xbf" + b'{"rows": [[1]]}', Content_Type=JSON),
    plain("schema", b"[1]", Content_Type=JSON),
    plain("schema", b"{", Content_Type=JSON),
    plain("schema", b"", Content_Type=JSON),
    plain("schema", b'{"rows": [[1, 2]]}', Content_Type=JSON, Origin="https://one.example"),
    plain("schema", b'{"rows": [[1, 2]]}', Content_Type=JSON, Origin="https://other.example"),
    Asked("schema", "GET", "/score?rows=[[1,2]]", {}),
    Asked(
        "schema",
        "OPTIONS",
        headers={"Origin": "https://one.example", "Access-Control-Request-Method": "POST"},
    ),
]


class Both:
    """A script under Microsoft's server and under ours."""

    def __init__(self, folder: Path, name: str, files: Mapping[str, str], **variables: str) -> None:
        plan = script_plan(
            folder / name, files["score.py"], name=name, environment_variables=variables
        )
        for file, text in files.items():
            (folder / name / file).write_text(text)
        self._log = (folder / f"{name}.txt").open("wb")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = (
            "from azureml_inference_server_http import amlserver;"
            "amlserver.DEFAULT_HOST = '127.0.0.1'; amlserver.run()"  # else it listens to all
        )
        self._theirs = subprocess.Popen(
            [
                *(server_python(), "-c", program),
                *("--entry_script", "score.py", "--port", str(self.port)),
            ],
            cwd=folder / name,
            env=os.environ | variables | {"AML_APP_ROOT": str(folder / name)},
            stdout=self._log,
            stderr=self._log,
        )
        self.deployment = Deployment(plan, self._log)
        self.deployment.begin()
        self._client: Client | None = None

    def wait_until_ready(self) -> None:
        self.deployment.wait_until_ready()
        name = self.deployment.plan.name
        endpoint = Endpoint("here", {name: self.deployment}, KEY, {name: 100})
        self.gateway = Gateway(endpoint, lambda _: None, container_status=True)
        self._client = Client(self.gateway)
        wait_for(self._listens)

    def ours(self, asked: Asked) -> Reply:
        assert self._client is not None
        path, _, query = asked.target.partition("?")
        return self._client.ask(
            asked.body, asked.method, path, headers=_headers(asked), query=query
        )

    def theirs(self, asked: Asked) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(asked.method, asked.target, skip_host=True, skip_accept_encoding=True)
        for name, value in _headers(asked).items():
            connection.putheader(name, value)
        connection.endheaders(asked.body)
        response = connection.getresponse()
        reply = Reply(response.status, response.getheaders(), response.read())
        connection.close()
        return reply

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self.gateway.close()
        self.deployment.kill()
        self.deployment.close()
        self._theirs.terminate()
        self._theirs.wait()
        self._log.close()

    def _listens(self) -> bool:
        with socket.socket() as trying:
            return trying.connect_ex(("127.0.0.1", self.port)) == 0


def _headers(asked: Asked) -> dict[str, str]:
    length = (
        {"Content-Length": str(len(asked.body))} if asked.body or asked.method == "POST" else {}
    )
    given = {"Host": "endpoint.example", **asked.headers, **length}
    # An endpoint's gateway gives an id to what has none, and so it is given here to both.
    return {"x-request-id": "given"} | given


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Both]]:
    folder = tmp_path_factory.mktemp("both")
    schema = {
        "score.py": SCHEMA,
        "scoring.py": SCORING,
        "config.json": json.dumps({"SERVICE_NAME": "from the file", "AZUREML_LOG_LEVEL": "DEBUG"}),
        "logging.json": json.dumps(LOGGING),
    }
    with ExitStack() as stack:
        found = {
            "text": Both(folder, "text", {"score.py": TEXT}, SERVICE_NAME="named"),
            "raw": Both(folder, "raw", {"score.py": RAW}),
            "schema": Both(folder, "schema", schema, AML_CORS_ORIGINS="https://one.example"),
        }
        for both in found.values():
            stack.callback(both.close)
        for both in found.values():
            both.wait_until_ready()
        yield found


def compared(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return the parts of a reply that are the same whoever answers and when."""
    own = {"date", "server", "connection", "x-ms-run-fn-exec-ms", "azureml-model-deployment"}
    pairs = [(name.lower(), value) for name, value in reply.pairs]
    if ("transfer-encoding", "chunked") in pairs:  # which ours are not
        pairs.remove(("transfer-encoding", "chunked"))
        pairs.append(("content-length", str(len(reply.body))))
    # Those of one name keep their order; that of methods is a set's.
    kept = sorted((pair for pair in pairs if pair[0] not in own), key=lambda pair: pair[0])
    kept = [(name, _sorted(value) if name == "allow" else value) for name, value in kept]
    return reply.status, kept, reply.body


def _sorted(value: str) -> str:
    return ", ".join(sorted(value.split(", ")))


@pytest.mark.parametrize("asked", CASES, ids=str)
def test_every_answer_is_that_of_microsofts_server(
    servers: Mapping[str, Both], asked: Asked
) -> None:
    both = servers[asked.script]
    assert compared(both.ours(asked)) == compared(both.theirs(asked))


def head(*lines: str, target: str = "/score", method: str = "POST", version: str = "1.1") -> bytes:
    """Return a request without a body whose connection ends after it; `lines` are more headers."""
    first = [f"{method} {target} HTTP/{version}", f"Authorization: Bearer {KEY}"]
    return "\r\n".join([*first, "Connection: close", *lines, "", ""]).encode("latin-1")


def long_target(size: int) -> bytes:
    """Return a request whose first line has so many bytes."""
    rest = len("GET /score?x= HTTP/1.1")
    return head("Host: here", method="GET", target=f"/score?x={'x' * (size - rest)}")


def many_headers(count: int) -> bytes:
    return head("Host: here", *(f"X-{number}: 1" for number in range(count - 3)), method="GET")


def long_header(size: int) -> bytes:
    """Return a request with a header whose line has so many bytes, its end included."""
    return head("Host: here", f"X-Long: {'x' * (size - len('X-Long: ') - 2)}", method="GET")


CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
HEADS = {
    "longest target": long_target(4094),
    "longer target": long_target(4095),
    "endless target": b"GET /" + b"x" * 100_000,
    "most headers": many_headers(100),
    "more headers": many_headers(101),
    "longest header": long_header(8190),
    "longer header": long_header(8191),
    "length and chunks": head("Content-Length: 2", "Transfer-Encoding: chunked") + CHUNKED,
    "chunks and length": head("Transfer-Encoding: chunked", "Content-Length: 2") + CHUNKED,
    "two lengths": head("Content-Length: 2", "Content-Length: 3") + b"{} ",
    "one length twice": head("Content-Length: 2", "Content-Length: 2") + b"{}",
    "lengths in one": head("Content-Length: 2, 2") + b"{}",
    "a length with a sign": head("Content-Length: +2") + b"{}",
    "a length below 0": head("Content-Length: -1"),
    "a length in words": head("Content-Length: two"),
    "chunks": head("Transfer-Encoding: chunked") + CHUNKED,
    "chunks twice": head("Transfer-Encoding: chunked, chunked") + CHUNKED,
    "chunks, then another": head("Transfer-Encoding: chunked, gzip") + CHUNKED,
    "another coding": head("Transfer-Encoding: own") + CHUNKED,
    "a space before the colon": head("Host: here", "Content-Length : 2") + b"{}",
    "a folded header": head("Host: here", "X-A: 1", " 2", method="GET"),
    "no name of a header": head("Host: here", ": 2", method="GET"),
    "no colon": head("Host: here", "abc", method="GET"),
    "two hosts": head("Host: here", "Host: there", method="GET"),
    "an expectation": head("Host: here", "Expect: magic", "Content-Length: 2") + b"{}",
    "a control character": head("Host: here", "X-A: a\x01b", method="GET"),
    "a NUL": head("Host: here", "X-A: a\x00b", method="GET"),
    "no version": b"GET /score\r\n\r\n",
    "another version": head("Host: here", method="GET", version="3.0"),
    "no request": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "small letters": head("Host: here", method="get"),
    "a target that is not ASCII": head("Host: here", method="GET", target="/score?\xe9"),
}


@pytest.fixture(scope="module")
def served(servers: Mapping[str, Both]) -> Iterator[Served]:
    served = Served(servers["text"].gateway)
    yield served
    served.stop()


@pytest.mark.parametrize("name", HEADS)
def test_what_is_no_request_has_the_status_that_microsofts_server_gives(
    servers: Mapping[str, Both], served: Served, name: str
) -> None:
    def status(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(HEADS[name])
            return status_of(received(connection))

    assert status(served.port) == status(servers["text"].port)
