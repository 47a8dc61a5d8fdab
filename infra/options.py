"""Resource options that many parts of the platform share."""

from typing import Any

import pulumi

from infra.settings import Settings

# The tag says which commit made a resource. Every commit would otherwise change every resource,
# and a preview would no longer show what a pull request is about.
UNTOUCHED = ["tags.commit"]


def made_by_commit(**more: Any) -> pulumi.ResourceOptions:
    """The options of a tagged resource; `more` as `pulumi.ResourceOptions` takes it."""
    return pulumi.ResourceOptions(
        ignore_changes=[*UNTOUCHED, *more.pop("ignore_changes", [])], **more
    )


def holds_data(settings: Settings, **more: Any) -> pulumi.ResourceOptions:
    """The options of a tagged resource whose loss loses data: production keeps it."""
    kept = settings.production
    return made_by_commit(protect=kept, retain_on_delete=kept, **more)
