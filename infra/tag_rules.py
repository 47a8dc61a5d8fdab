"""The rules that Azure has for tags, and the tags of this program's own.

Source: Azure Resource Manager's documentation on tags and their limits; 128 is what a storage
account takes of a name, and every resource gets the same tags.
"""

from collections.abc import Iterator

SET_ON_ALL = ("commit", "environment", "project")
OURS = (*SET_ON_ALL, "model")  # which a deployment has, too
MOST_TAGS = 50
MOST_OWN_TAGS = MOST_TAGS - len(OURS)
_LONGEST_NAME, _LONGEST_VALUE = 128, 256
_FORBIDDEN = "<>%&\\?/"
_RESERVED = ("azure", "microsoft", "windows")


def refused_tags(name: str, value: str) -> Iterator[str]:
    """Yield what is wrong with a stack's own tag: Azure refuses it, or it overwrites ours."""
    if name.lower() in OURS:
        yield f"is a tag that every deployment sets itself, allowed: any but {', '.join(OURS)}"
    if not name.strip() or len(name) > _LONGEST_NAME:
        yield f"has a name of {len(name)} characters, allowed: 1 to {_LONGEST_NAME}"
    if wrong := sorted({*name} & {*_FORBIDDEN} | {sign for sign in name if not sign.isprintable()}):
        yield f"found {', '.join(map(repr, wrong))} in the name, allowed: none of {_FORBIDDEN}"
    if name.lower().startswith(_RESERVED):
        yield f"is a name that Azure keeps, allowed: none that begins with {', '.join(_RESERVED)}"
    if len(value) > _LONGEST_VALUE:
        yield f"has a value of {len(value)} characters, allowed: at most {_LONGEST_VALUE}"
