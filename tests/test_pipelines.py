"""The pipelines by their schemas, and by what they must never do. Nothing here needs a network."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from infra.foundation import access
from infra.policies.__main__ import RULES
from infra.roles import Role
from runner.cli import runner
from runner.cli.options import Session
from runner.environments import open_workspace
from runner.pull_request.__main__ import parser as pull_request_steps
from tests.infra.mocks import PATHS
from tests.projects import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
AZURE = ROOT / "azure-pipelines.yml"
AZURE_STEPS = ROOT / ".azure" / "pulumi.yml"
AZURE_FILES = [AZURE, AZURE_STEPS, ROOT / ".azure" / "target.yml"]
COMPARE = ROOT / ".github" / "workflows" / "compare.yml"
GITOPS = ROOT / "docs" / "guides" / "gitops.md"
# Documents whose commands tests/walks does not run.
UNWALKED = [
    ROOT / "README.md",
    GITOPS,
    *(ROOT / f"docs/guides/{page}.md" for page in ("databricks", "online", "running", "teams")),
]
STACKS = [file for file in ROOT.glob("Pulumi.*.yaml") if file.name != "Pulumi.local.yaml"]

PROGRAMS = {"runner": ".venv/bin/runner", "pulumi": "scripts/pulumi"}

_PINNED = re.compile(r"uses: (?P<action>[\w.-]+/[\w./-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
_WORD = re.compile(r"\$\(\w+\)|\$\{\{[^}]*\}\}")  # a variable, by the name of anything


def read(file: Path) -> dict[str, Any]:
    """Return a pipeline. YAML 1.1 takes the key `on` for true."""
    found: dict[Any, Any] = yaml.safe_load(file.read_text())
    return {"on" if key is True else key: value for key, value in found.items()}


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(file)["jobs"]
    return found


JOBS = [(file, name) for file in WORKFLOWS for name in jobs(file)]
EVERY_JOB = pytest.mark.parametrize(
    ("file", "name"), JOBS, ids=[f"{file.stem}-{name}" for file, name in JOBS]
)
EVERY_WORKFLOW = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def command_lines(file: Path) -> list[str]:
    """Return every line that a pipeline gives to a shell, continued lines as one."""
    return command_lines_of(read(file))


def command_lines_of(document: dict[str, Any]) -> list[str]:
    scripts = [
        text
        for node in nodes(document)
        for key in ("run", "script", "inlineScript")
        if isinstance(text := node.get(key), str)
    ]
    return [
        line.strip()
        for script in scripts
        for line in script.replace("\\\n", " ").splitlines()
        if line.strip()
    ]


def check_schema(schema: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *options]
    return subprocess.run(command, capture_output=True, text=True)


AZURE_OPTIONS = ("--data-transform", "azure-pipelines", "--regex-variant", "nonunicode")


def test_the_workflows_are_valid_by_their_schema() -> None:
    done = check_schema("vendor.github-workflows", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", AZURE_FILES, ids=lambda file: file.name)
def test_the_azure_pipeline_is_valid_by_its_schema(file: Path) -> None:
    done = check_schema("vendor.azure-pipelines", *AZURE_OPTIONS, file)
    assert done.returncode == 0, done.stdout


def test_the_schemas_see_a_misspelt_value(tmp_path: Path) -> None:
    azure = tmp_path / "azure-pipelines.yml"
    azure.write_text(AZURE.read_text().replace("lockBehavior: sequential", "lockBehavior: maybe"))
    assert check_schema("vendor.azure-pipelines", *AZURE_OPTIONS, azure).returncode == 1
    workflow = tmp_path / "workflow.yml"
    workflow.write_text(WORKFLOWS[0].read_text().replace("permissions: {}", "permissions: {id: x}"))
    assert check_schema("vendor.github-workflows", workflow).returncode == 1


@EVERY_WORKFLOW
def test_every_action_is_pinned_by_its_commit_with_its_version_beside_it(file: Path) -> None:
    lines = [line.strip(" -") for line in file.read_text().splitlines() if "uses:" in line]
    for line in lines:
        assert _PINNED.fullmatch(line) or line.startswith("uses: ./.github/workflows/"), line


def test_an_action_has_one_commit_everywhere() -> None:
    files = [*WORKFLOWS, GITOPS]
    uses = {
        line.strip(" -")
        for file in files
        for line in file.read_text().splitlines()
        if _PINNED.search(line)
    }
    actions = [match["action"] for use in uses if (match := _PINNED.fullmatch(use))]
    assert len(actions) >= 4
    assert sorted(actions) == sorted(set(actions))


@pytest.mark.parametrize(
    "file",
    [file for file in WORKFLOWS if "workflow_call" not in read(file)["on"]],
    ids=lambda file: file.stem,
)
def test_where_no_variable_is_set_yet_nothing_signs_in_and_nothing_fails(file: Path) -> None:
    for name, job in jobs(file).items():
        if job["permissions"].get("id-token") == "write":
            needed = [name]
            while found := jobs(file)[needed[-1]].get("needs"):
                needed.append(found)
            conditions = [jobs(file)[needs].get("if", "") for needs in needed]
            assert any(re.search(r"vars\.\w+ != ''", text) for text in conditions), name


@EVERY_JOB
def test_a_job_may_do_what_it_needs_and_no_more(file: Path, name: str) -> None:
    assert read(file)["permissions"] == {}
    job = jobs(file)[name]
    steps = job.get("steps", [])
    reads = "uses" in job or any("actions/checkout" in step.get("uses", "") for step in steps)
    signs_in = "uses" in job or any("azure/login" in step.get("uses", "") for step in steps)
    comments = any(
        (step.get("with") or {}).get("comment-on-pr") or "comment.py" in step.get("run", "")
        for step in steps
    )
    scripts = " ".join(step.get("run", "") for step in steps)
    reports = "report-drift" in scripts
    proposes = "propose-update" in scripts
    writes = proposes or "gh release create" in scripts
    publishes = "uv publish" in scripts
    assert job["permissions"] == {
        **({"contents": "write" if writes else "read"} if reads else {}),
        **({"id-token": "write"} if signs_in or publishes else {}),
        **({"pull-requests": "write"} if comments or proposes else {}),
        **({"issues": "write"} if reports else {}),
    }


@EVERY_WORKFLOW
def test_no_workflow_reads_a_stored_secret(file: Path) -> None:
    assert re.findall(r"secrets[.\[]|secrets: *inherit", file.read_text()) == []


@pytest.mark.parametrize("file", AZURE_FILES, ids=lambda file: file.name)
def test_the_azure_pipeline_has_no_secret_but_its_own_token(file: Path) -> None:
    text = file.read_text()
    assert re.findall(r"(?i)\$\(\w*(?:secret|password|key)\w*\)", text) == []
    assert "addSpnToEnvironment" not in text
    for task in (node for node in nodes(read(file)) if "task" in node):
        assert task["task"] == "AzureCLI@2"
        assert task["inputs"]["azureSubscription"].startswith(("scoring-", "${{ parameters."))


@EVERY_JOB
def test_a_checkout_leaves_no_token_behind(file: Path, name: str) -> None:
    for step in jobs(file)[name].get("steps", []):
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@EVERY_JOB
def test_no_job_runs_without_end(file: Path, name: str) -> None:
    job = jobs(file)[name]
    most = 180 if file.stem == "up" else 60
    assert "uses" in job or 0 < job["timeout-minutes"] <= most


def test_an_up_has_the_time_that_azure_takes() -> None:
    """A managed network is made in half an hour and more, a deployment in up to another hour."""
    (up,) = jobs(ROOT / ".github/workflows/up.yml").values()
    stages = [
        job for stage in read(AZURE)["stages"] for job in stage["jobs"] if "deployment" in job
    ]
    assert len(stages) == 2
    for minutes in (up["timeout-minutes"], *(int(stage["timeoutInMinutes"]) for stage in stages)):
        assert minutes >= 180


def test_a_pull_request_from_a_fork_gets_no_credentials() -> None:
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    for file in WORKFLOWS:
        assert "pull_request_target" not in read(file)["on"]
        if "pull_request" in read(file)["on"]:
            for job in jobs(file).values():
                assert "id-token" not in job["permissions"] or own in job["if"].split(" && ")
    (preview,) = [stage for stage in read(AZURE)["stages"] if stage["stage"] == "preview"]
    assert "ne(variables['System.PullRequest.IsFork'], 'True')" in preview["condition"]


def test_a_preview_signs_in_as_another_identity_than_a_deployment() -> None:
    texts = {file.stem: file.read_text() for file in WORKFLOWS}
    clients = {stem: set(re.findall(r"vars\.(\w*CLIENT_ID)", text)) for stem, text in texts.items()}
    for stem in ("preview", "compare", "look", "drift"):
        assert clients[stem] == {"AZURE_PREVIEW_CLIENT_ID"}
    assert clients["up"] == clients["deploy"] == {"AZURE_CLIENT_ID"}
    assert clients["checks"] == set()


def test_who_runs_a_strangers_model_has_no_rights_no_token_and_no_sign_in() -> None:
    compare = jobs(COMPARE)["compare"]
    assert compare["permissions"] == {}
    for text in ("github.token", "azure/login", "actions/checkout", "vars.", "env:"):
        assert text not in yaml.safe_dump(compare)
    (stage,) = [stage for stage in read(AZURE)["stages"] if stage["stage"] == "compare"]
    azure = {job["job"]: job for job in stage["jobs"]}
    assert azure.keys() == jobs(COMPARE).keys()
    assert azure["compare"]["steps"][0] == {"checkout": "none"}
    for text in ("azureSubscription", "AccessToken", "env:", "template"):
        assert text not in yaml.safe_dump(azure["compare"])


def test_what_signs_in_or_comments_runs_the_code_of_the_target_branch() -> None:
    target = "${{ github.event.pull_request.base.sha }}"
    for name in ("changes", "fetch", "comment"):
        steps = jobs(COMPARE)[name]["steps"]
        checkouts = [step["with"] for step in steps if "actions/checkout" in step.get("uses", "")]
        assert checkouts[0]["ref"] == target
        # What else is checked out lies aside, and nothing in it is run.
        assert all(checkout["path"] == "pull" for checkout in checkouts[1:])
        assert not any("working-directory" in step for step in steps)
    (stage,) = [stage for stage in read(AZURE)["stages"] if stage["stage"] == "compare"]
    for job in stage["jobs"]:
        if job["job"] == "compare":
            continue
        assert job["steps"][0] == {"template": ".azure/target.yml"}
        for step in job["steps"]:
            if "script" in step or "task" in step:
                folder = step.get("workingDirectory") or step["inputs"]["workingDirectory"]
                assert folder == "target"


def test_each_job_of_a_comparison_does_one_thing() -> None:
    """Where a model runs nothing signs in or comments, and where it is fetched nothing runs it."""
    (stage,) = [stage for stage in read(AZURE)["stages"] if stage["stage"] == "compare"]
    github = {name: command_lines_of(job) for name, job in jobs(COMPARE).items()}
    azure = {job["job"]: command_lines_of(job) for job in stage["jobs"]}
    for lines in (github, azure):
        for name, own in {"changes": "find"}.items() | {
            (n, n) for n in ("fetch", "compare", "comment")
        }:
            steps = re.findall(r"runner\.pull_request (\w+)", "\n".join(lines[name]))
            assert steps == [own]
        # The comment is written with no package installed.
        assert not any("make" in line for line in lines["comment"])


def test_a_fork_is_compared_as_far_as_no_cloud_is_needed() -> None:
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    found = jobs(COMPARE)
    assert [name for name, job in found.items() if own in job.get("if", "")] == ["fetch"]
    comments = [step for step in found["comment"]["steps"] if "comment.py" in step.get("run", "")]
    assert [step["if"] for step in comments] == [f"${{{{ {own} }}}}"]
    (stage,) = [stage for stage in read(AZURE)["stages"] if stage["stage"] == "compare"]
    closed = [job["job"] for job in stage["jobs"] if "IsFork" in job.get("condition", "")]
    assert closed == ["fetch", "comment"]


def test_an_up_in_progress_is_never_cancelled_and_has_its_stack_to_itself() -> None:
    (up,) = jobs(ROOT / ".github/workflows/up.yml").values()
    assert up["concurrency"] == {
        "group": "stack-${{ inputs.stack }}",
        "cancel-in-progress": False,
    }
    smoke = jobs(ROOT / ".github/workflows/deploy.yml")["smoke"]
    assert smoke["concurrency"] == {"group": "stack-dev", "cancel-in-progress": False}
    for stage in read(AZURE)["stages"]:
        if any("deployment" in job for job in stage["jobs"]):
            assert stage["lockBehavior"] == "sequential"


def test_every_stack_is_previewed_with_the_policies_as_one_comment_edited_in_place() -> None:
    job = jobs(ROOT / ".github/workflows/preview.yml")["preview"]
    stacks = sorted(file.name.split(".")[1] for file in STACKS)
    assert sorted(job["strategy"]["matrix"]["stack"]) == stacks
    (step,) = [step for step in job["steps"] if "pulumi/actions" in step.get("uses", "")]
    expected = {
        "command": "preview",
        "policyPacks": "infra/policies",
        "policyPackConfigs": "infra/policies/config.json",
        "comment-on-pr": True,
        "edit-pr-comment": True,
    }
    assert step["with"].items() >= expected.items()
    (azure,) = [stage for stage in read(AZURE)["stages"] if stage["stage"] == "preview"]
    matrix = azure["jobs"][0]["strategy"]["matrix"]
    assert sorted(matrix) == stacks
    # Refreshing asks Databricks, where the identity of previews is no user.
    assert job["env"]["PULUMI_OPTION_REFRESH"] == "${{ matrix.stack != 'lake' }}"
    assert {name for name in stacks if matrix[name]["refresh"] == "false"} == {"lake"}
    assert azure["jobs"][0]["steps"][0]["parameters"]["command"] == "preview --refresh=$(refresh)"


def test_what_goes_to_production_ran_on_dev_is_previewed_and_is_approved() -> None:
    deploy = jobs(ROOT / ".github/workflows/deploy.yml")
    assert read(ROOT / ".github/workflows/deploy.yml")["on"].keys() == {"push", "workflow_dispatch"}
    assert deploy["smoke"]["needs"] == "dev"
    assert deploy["review"]["needs"] == "smoke"
    assert deploy["review"]["with"] == {"stack": "prod"}
    assert deploy["prod"]["needs"] == "review"
    assert deploy["prod"]["with"] == {"stack": "prod", "environment": "production"}
    stages = {stage["stage"]: stage for stage in read(AZURE)["stages"]}
    assert stages["review"]["dependsOn"] == "dev"
    (look,) = stages["review"]["jobs"][0]["steps"]
    expected = {"connection": "scoring-preview", "command": "preview", "stack": "prod"}
    assert look["parameters"] == expected
    assert stages["production"]["dependsOn"] == "review"
    assert [job.get("environment") for job in stages["dev"]["jobs"]] == ["dev", None]
    assert stages["dev"]["jobs"][1]["dependsOn"] == "up"
    assert stages["production"]["jobs"][0]["environment"] == "production"


def test_drift_is_looked_for_every_day_in_what_is_deployed() -> None:
    workflow = read(ROOT / ".github/workflows/drift.yml")
    assert workflow["on"]["schedule"]
    look, report = workflow["jobs"]["look"], workflow["jobs"]["report"]
    assert look["strategy"]["matrix"]["stack"] == ["dev", "prod"]
    assert look["with"] == {"stack": "${{ matrix.stack }}", "expect-no-changes": True}
    assert (report["needs"], report["if"]) == ("look", "failure()")
    azure = read(AZURE)
    (cron,) = [schedule["cron"] for schedule in azure["schedules"]]
    assert workflow["on"]["schedule"] == [{"cron": cron}]
    stages = {stage["stage"]: stage for stage in azure["stages"]}
    assert sorted(stages["drift"]["jobs"][0]["strategy"]["matrix"]) == ["dev", "prod"]
    for name in ("checks", "dev"):  # what follows these is left out with them
        assert "Schedule" in stages[name]["condition"] or stages[name]["dependsOn"] == "checks"


@pytest.mark.parametrize("open_already", [False, True])
def test_drift_opens_an_issue_or_adds_to_the_one_that_is_open(
    open_already: bool, tmp_path: Path
) -> None:
    gh = tmp_path / "gh"
    gh.write_text(
        '#!/bin/sh\n[ "$2" = list ] && { printf "%s" "$OPEN"; exit; }\n'
        f'printf "%s\\n" "$@" > {tmp_path}/said\n'
    )
    gh.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OPEN": "7" if open_already else ""}
    command = [str(ROOT / "scripts" / "report-drift"), "https://example.org/runs/1"]
    subprocess.run(command, env=environment, check=True)
    words = (tmp_path / "said").read_text().splitlines()
    assert words[:3] == (
        ["issue", "comment", "7"] if open_already else ["issue", "create", "--title"]
    )
    assert "https://example.org/runs/1" in words[-1]


def test_every_pulumi_command_refreshes_first() -> None:
    assert read(ROOT / "Pulumi.yaml")["options"] == {"refresh": "always"}


def test_what_deploys_is_the_pulumi_that_is_tested() -> None:
    module = (ROOT / "scripts/pulumi-cli/go.mod").read_text()
    tested = re.search(r"github.com/pulumi/pulumi/pkg/v3 v([\d.]+)", module)
    assert tested
    versions = {
        node["pulumi-version"]
        for file in WORKFLOWS
        for node in nodes(read(file))
        if "pulumi-version" in node
    }
    assert versions == {tested[1]}


@pytest.mark.parametrize("file", [*WORKFLOWS, *AZURE_FILES], ids=lambda file: file.stem)
def test_every_command_of_a_pipeline_exists(file: Path) -> None:
    for line in command_lines(file):
        exists(line)


def exists(line: str) -> None:
    """Fail unless the line runs something of this project, or one of the known programs."""
    program, *words = shlex.split(_WORD.sub("word", line), comments=True)
    match program:
        case "make":
            for target in words:
                if "=" not in target:
                    assert_target(target)
        case ".venv/bin/runner":
            assert_runner_takes(words)
        case ".venv/bin/python" | "python3" if words[0] == "-m":
            assert words[1] == "runner.pull_request", line
            pull_request_steps().parse_args(
                list(takewhile(lambda word: word not in ">>|", words[2:]))
            )
        case ".venv/bin/python" | "python3":
            assert (ROOT / words[0]).is_file(), line
        case "scripts/report-drift" | "scripts/release-notes" | "scripts/propose-update":
            assert (ROOT / program).is_file(), line
        case "scripts/pulumi":
            assert_pulumi_has_the_policies(words)
        case _:
            name = program.partition("=")[0]
            known = (
                "az",
                "cat",
                "echo",
                "gh",
                "git",
                "mkdir",
                "set",
                "tar",
                "export",
                ".uv/bin/uv",
            )
            assert name in (*known, "ARM_SUBSCRIPTION_ID", "ARM_TENANT_ID"), line


def assert_pulumi_has_the_policies(words: list[str]) -> None:
    pack = words[words.index("--policy-pack") + 1]
    assert (ROOT / pack / "PulumiPolicy.yaml").is_file()
    assert (ROOT / words[words.index("--policy-pack-config") + 1]).is_file()


def assert_target(target: str) -> None:
    if target.startswith(".venv/"):
        assert (ROOT / "requirements" / f"{target.removeprefix('.venv/')}.txt").is_file(), target
    else:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


def assert_runner_takes(words: list[str]) -> None:
    """Fail unless the command line parses these words; nothing is run."""
    root = click.Context(runner, obj=Session(open_workspace), **runner.context_settings)
    command: click.Command = runner
    while isinstance(command, click.Group):
        name, *words = words
        below = command.get_command(root, name)
        assert below is not None, name
        command = below
    command.make_context(None, words, parent=root)


def shell_blocks(document: Path) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def own_lines(document: Path) -> list[str]:
    """Return the lines of this project's own commands in a document."""
    lines = "".join(shell_blocks(document)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith(("make ", "runner ", "pulumi up "))]


@pytest.mark.parametrize("document", UNWALKED, ids=lambda path: path.name)
def test_what_a_document_gives_to_a_shell_is_whole(document: Path) -> None:
    for block in shell_blocks(document):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", UNWALKED, ids=lambda path: path.name)
def test_every_command_of_a_document_that_is_not_walked_exists(document: Path) -> None:
    lines = own_lines(document)
    assert lines
    for line in lines:
        exists(re.sub(r"^(pulumi|runner)", lambda word: PROGRAMS[word[0]], line))


def test_the_guide_lets_a_deployment_assign_the_roles_of_the_program_and_no_others() -> None:
    (given,) = re.findall(r'^ROLES="(.*?)"', GITOPS.read_text(), re.MULTILINE | re.DOTALL)
    assigned = {role.id for role in vars(access).values() if isinstance(role, Role)}
    assert set(re.split(r",\s*", given)) == assigned


def test_the_guide_lets_a_deployment_assign_roles_to_service_principals_only() -> None:
    (condition,) = re.findall(r'^ONLY="(.*?)"$', GITOPS.read_text(), re.MULTILINE | re.DOTALL)
    only = "ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}"
    for place in ("Request", "Resource"):
        assert f"@{place}[$ASSIGN:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals" in condition
        assert f"@{place}[$ASSIGN:PrincipalType] {only}" in condition
    assert condition.count("(") == condition.count(")")


def test_no_pipeline_of_the_guide_writes_to_a_whole_subscription() -> None:
    lines = "".join(shell_blocks(GITOPS)).replace("\\\n", " ").splitlines()
    whole = [line.strip() for line in lines if re.search(r"/subscriptions/\$SUBSCRIPTION ", line)]
    assert whole == ["role scoring-preview /subscriptions/$SUBSCRIPTION Reader"]


def test_the_guide_registers_whatever_the_program_needs_of_azure() -> None:
    (names,) = re.findall(r"^for namespace in (.*?); do$", GITOPS.read_text(), re.M | re.S)
    ours = {re.match(r"Microsoft\.(\w+)/", path)[1] for path in PATHS.values()}  # type: ignore[index]
    # Roles belong to no provider to register. Managed networks and budgets have theirs, and no
    # test without an engine makes them.
    needed = ours - {"Authorization"} | {"Network", "Consumption"}
    assert set(names.replace("\\", "").split()) == needed


def test_the_first_deployment_of_the_guide_is_of_every_stack_without_its_pins() -> None:
    (section,) = re.findall(
        r"^## The first deployment\n(.*?)^## ", GITOPS.read_text(), re.MULTILINE | re.DOTALL
    )
    deployed = {
        job["with"]["stack"]
        for job in jobs(ROOT / ".github/workflows/deploy.yml").values()
        if "with" in job
    }
    assert deployed == {"dev", "prod"}
    for file in STACKS:
        stack = file.name.split(".")[1]
        assert f"`{file.name}`" in section
        # Whose stack no pipeline deploys has no identity to hand it to.
        handed = rf"\nhand_over {stack}$" if stack in deployed else "$"
        assert re.search(rf"^pulumi up --stack {stack} .*{handed}", section, re.MULTILINE)


def test_the_guide_names_every_policy_with_its_settings_and_defaults() -> None:
    rows = dict(re.findall(r"^\| `([\w.-]+)` \| (.*?) ?\|$", GITOPS.read_text(), re.MULTILINE))
    for rule in RULES:
        settings = [
            f"`{setting.key}: {json.dumps(setting.schema['default'])}`" for setting in rule.settings
        ]
        assert rows[rule.name] == ", ".join(settings)


def test_the_variables_and_names_of_the_guide_are_those_of_the_pipelines() -> None:
    guide, text = GITOPS.read_text(), "".join(file.read_text() for file in WORKFLOWS)
    used = set(re.findall(r"vars\.(\w+)", text))
    told = guide + (ROOT / "CONTRIBUTING.md").read_text()
    assert used == set(re.findall(r"gh variable set (\w+)", told))
    connections = set(
        re.findall(r"(?:connection|azureSubscription): (scoring-\w+)", AZURE.read_text())
    )
    assert connections == {"scoring-preview", "scoring-dev", "scoring-prod"}
    for name in (*connections, "PULUMI_BACKEND_URL", "`scoring`"):
        assert name in guide


def test_a_command_that_does_not_exist_is_seen() -> None:
    for line in (
        "make polish",
        "make .venv/nothing",
        ".venv/bin/runner score --envy dev",
        "curl x",
    ):
        with pytest.raises((AssertionError, click.ClickException)):
            exists(line)
