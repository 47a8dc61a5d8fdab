"""What is declared, as one environment of a project has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.project import Project, stack_file

if TYPE_CHECKING:
    from runner.declarations import Catalog


def read_environment_catalog(
    project: Project, environment: str, *, may_be_missing: bool = False
) -> Catalog:
    """The declarations under `models/` with the environment's `Pulumi.<env>.yaml` laid over.

    With `may_be_missing`, a project without that folder declares nothing. Raises DeclarationError.
    """
    from runner.declarations import Catalog, lay_over, read_catalog, read_stack

    models = project.models
    empty = may_be_missing and not models.is_dir()
    catalog = Catalog(models) if empty else read_catalog(models)
    stack = stack_file(project, environment)
    return lay_over(catalog, read_stack(stack)) if stack else catalog
