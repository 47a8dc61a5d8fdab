"""Sign in with no more than some roles, for a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulator.authorization import ASSIGNMENT
from tests.emulator.built_in_roles import BUILT_IN
from tests.emulator.emulator import Emulator


@contextmanager
def hold(emulator: Emulator, *roles: tuple[str, str]) -> Iterator[None]:
    """Hold who signs in to these roles, each by its name and on a scope's id, until the end."""
    person, made = emulator.cloud.application.object_id, []
    emulator.cloud.held.add(person)
    try:
        for name, scope in roles:
            (role,) = (key for key, known in BUILT_IN.items() if known.name == name)
            path = f"{scope}/providers/{ASSIGNMENT}/{uuid.uuid4()}"
            definition = f"/providers/Microsoft.Authorization/roleDefinitions/{role}"
            given = {"roleDefinitionId": definition, "principalId": person}
            status, answer = emulator.arm("PUT", path, {"properties": given})
            assert status == 201, answer
            made.append(path)
        yield
    finally:
        emulator.cloud.held.remove(person)
        for path in made:
            emulator.arm("DELETE", path)
