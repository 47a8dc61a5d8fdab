from __future__ import annotations

import json

import pytest
from azure.core.exceptions import ServiceRequestError

from runner.azure.errors import Missing, ServiceError, refusal, scrub, unreachable
from runner.errors import NotFound


def body(code: str, message: str, **more: object) -> str:
    return json.dumps({"error": {"code": code, "message": message, **more}})


def test_a_refusal_has_azures_code_and_words_on_one_line() -> None:
    error = refusal(400, body("BadArgument", "This\nis wrong."), "do it")
    assert str(error) == "Azure refused to do it (400, BadArgument: This is wrong.)"
    assert (error.status, error.code, error.exit_status) == (400, "BadArgument", 3)


def test_what_details_say_is_told_too() -> None:
    details = [{"code": "Inner", "message": "The real reason."}]
    assert "Outer. The real reason." in str(refusal(400, body("A", "Outer.", details=details), "x"))


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        (401, "az login"),
        (403, "AzureML Data Scientist"),
        (409, "try again"),
        (429, "in a minute"),
        (503, "Azure's own trouble"),
    ],
)
def test_each_status_names_its_way_out(status: int, way_out: str) -> None:
    assert way_out in str(refusal(status, body("X", "y"), "look"))


def test_a_404_is_both_a_services_answer_and_not_found() -> None:
    error = refusal(404, body("ResourceNotFound", "gone"), "look")
    assert isinstance(error, Missing)
    assert isinstance(error, NotFound)
    assert isinstance(error, ServiceError)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "('Unable to connect to proxy', NewConnectionError(\"HTTPSConnection(host='127.0.0.1',"
            ' port=9): Failed to establish a new connection: [Errno 111] Connection refused"))',
            "(Connection refused); check HTTPS_PROXY and NO_PROXY",
        ),
        (
            "HTTPSConnection(host='h', port=443): Failed to resolve 'h' ([Errno -2] Name or"
            " service not known)",
            "(Name or service not known); check the network, and",
        ),
        (
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
            "(Connection reset by peer); check the network",
        ),
        (
            "('Connection aborted.', RemoteDisconnected('Remote end closed connection without"
            " response'))",
            "(Remote end closed connection without response); check",
        ),
        ("Read timed out. (read timeout=2)", "(Read timed out. (read timeout=2)); try again, or"),
    ],
)
def test_a_connection_that_fails_is_told_in_plain_words(said: str, told: str) -> None:
    text = str(unreachable(ServiceRequestError(said), "look", "h.azure.com"))
    assert text.startswith(f"can't look: h.azure.com does not answer {told}")


def test_an_account_without_keys_names_the_workspaces_own_setting() -> None:
    text = str(refusal(403, body("KeyBasedAuthenticationNotPermitted", "No."), "read it", "A Role"))
    assert "systemDatastoresAuthMode" in text
    assert "A Role" not in text


def test_a_signature_that_has_expired_is_no_missing_role() -> None:
    text = str(refusal(403, body("AuthenticationFailed", "No."), "read it", "Some Role"))
    assert "run it again" in text
    assert "Some Role" not in text


def test_a_refusal_on_storage_names_the_role() -> None:
    text = str(refusal(403, "", "list blobs", "Storage Blob Data Reader"))
    assert "needs the role 'Storage Blob Data Reader'" in text


@pytest.mark.parametrize("text", ["<html><b>502</b> Bad Gateway</html>", "not json", "", "[1]"])
def test_a_body_in_another_shape_does_no_harm(text: str) -> None:
    assert "(502" in str(refusal(502, text, "look"))


@pytest.mark.parametrize(
    "secret",
    [
        "https://a.blob.core.windows.net/c/b?sv=1&sig=SECRET%2Bx&se=2",
        "Authorization: Bearer SECRET.abc.def",
        "DefaultEndpointsProtocol=https;AccountKey=SECRET==;EndpointSuffix=x",
        '{"primaryKey": "SECRET", "secondaryKey": "SECRET"}',
        "client_secret=SECRET&x=1",
        '{"access_token": "SECRET"}',
        '{"sasToken": "SECRET"}',
        "token eyJhbGciSECRET.eyJSECRET.SECRET was refused",
    ],
)
def test_secrets_are_scrubbed(secret: str) -> None:
    assert "SECRET" not in scrub(secret)
    assert "SECRET" not in str(refusal(400, body("X", secret), "look"))
