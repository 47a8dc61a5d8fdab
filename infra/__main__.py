"""What exists on Azure in one environment, from top to bottom.

Pulumi runs this folder as a program and puts it first on the path of modules, so no module in it
may have the name of one of the standard library or of a package.
"""

from pathlib import Path

import pulumi
from pulumi.runtime import get_root_directory, register_stack_transformation

from infra.batch import declare_batch_endpoints
from infra.environments import declare_environments
from infra.foundation import declare_platform
from infra.online import declare_online_endpoints
from infra.options import without_older_types
from infra.outputs import runner_output
from infra.settings import read_settings, say_waiting, warn_of_closed_network
from runner.declarations import DeclarationError
from runner.short_paths import shorten_paths

root = Path(get_root_directory()).resolve()
try:
    settings = read_settings(root)
except DeclarationError as error:
    problems = shorten_paths(str(error), root)
    raise pulumi.RunError(f"nothing is declared before this is put right:\n{problems}") from None
say_waiting(settings)
warn_of_closed_network(settings)
register_stack_transformation(without_older_types)

platform = declare_platform(settings)
environments = declare_environments(settings, platform)
batch_endpoints = declare_batch_endpoints(settings, platform, environments)
online_endpoints = declare_online_endpoints(settings, platform, environments)

pulumi.export("runner", runner_output(settings, platform, [*batch_endpoints, *online_endpoints]))
