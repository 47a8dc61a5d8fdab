import pytest

from runner.venvs.secrets import without_keys


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:key@a.example/simple", "https://***@a.example/simple"),
        (
            "--index-url=https://key@a.example/x and more",
            "--index-url=https://***@a.example/x and more",
        ),
        ("git+https://key@a.example/x.git@v1", "git+https://***@a.example/x.git@v1"),
        ("see https://a.example/w?sig=abc&se=1#sha256=0", "see https://a.example/w?***#sha256=0"),
        ("(https://u:p@a.example/x)", "(https://***@a.example/x)"),
        ("https://${KEY}@a.example/x", "https://${KEY}@a.example/x"),
        ("https://me:${KEY}@a.example/x", "https://me:${KEY}@a.example/x"),
        ("https://${ME}:${KEY}@a.example/x", "https://${ME}:${KEY}@a.example/x"),
        ("https://${ME}:key@a.example/x", "https://***@a.example/x"),
        ("https://a.example/simple", "https://a.example/simple"),
        ("https://u:p@ss@a.example/x", "https://***@a.example/x"),
        ("https://u:p'ss@a.example/x", "https://***@a.example/x"),
        ("mail me@a.example", "mail me@a.example"),
        ("https://us/er:p@ss@a.example/", "https://us/er:p@ss@a.example/"),
    ],
)
def test_an_address_is_shown_without_what_gives_access_to_it(text: str, shown: str) -> None:
    assert without_keys(text) == shown
