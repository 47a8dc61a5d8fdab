"""The resource options that many parts of the platform share."""

from copy import copy
from typing import Any

import pulumi

from infra.component import within
from infra.stack_config import StackSettings

# The tag says which commit made a resource. Every commit would otherwise change every resource,
# and a preview would no longer show what a pull request is about.
UNTOUCHED = ["tags.commit"]


def made_by_commit(**more: Any) -> pulumi.ResourceOptions:
    """Return the options of a tagged resource; `more` as `pulumi.ResourceOptions` takes it."""
    return within(ignore_changes=[*UNTOUCHED, *more.pop("ignore_changes", [])], **more)


def holds_data(settings: StackSettings, **more: Any) -> pulumi.ResourceOptions:
    """Return the options of a tagged resource whose loss loses data: production keeps it."""
    kept = settings.production
    return made_by_commit(protect=kept, retain_on_delete=kept, **more)


def serves(settings: StackSettings, **more: Any) -> pulumi.ResourceOptions:
    """Return the options of a tagged resource that callers know by name: production keeps it."""
    return made_by_commit(protect=settings.production, **more)


class DeclaredResources:
    """Collects a program's resources, but not its branches, as a transformation of its stack."""

    def __init__(self) -> None:
        self.resources: list[pulumi.Resource] = []

    def __call__(self, args: pulumi.ResourceTransformationArgs) -> None:
        if isinstance(args.resource, pulumi.CustomResource):
            self.resources.append(args.resource)


def refuse_destroy(declared: DeclaredResources) -> None:
    """Have `pulumi destroy` refuse to delete anything.

    A protected resource stops a `destroy` only when its turn comes, after what depends on it is
    gone. This one depends on all the others, so its turn comes first.
    """
    pulumi.Stash(
        "production",
        input="protected: `pulumi destroy` deletes nothing of this stack",
        opts=pulumi.ResourceOptions(depends_on=[*declared.resources], protect=True),
    )


def without_older_types(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    """Leave out the aliases that azure-native gives a resource: its type in every API version.

    A state needs them that holds the resource under such a type, and this program has never named
    one. Pulumi makes a URN of each, for each resource, which takes longer than all the rest of it.
    """
    if not args.type_.startswith("azure-native:"):
        return None
    options = copy(args.opts)
    options.aliases = [
        alias
        for alias in options.aliases or ()
        if not (isinstance(alias, pulumi.Alias) and isinstance(alias.type_, str))
    ]
    return pulumi.ResourceTransformationResult(args.props, options)
