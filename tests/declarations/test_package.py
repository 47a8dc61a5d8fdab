import subprocess
import sys

import runner.declarations


def test_the_public_names_are_exactly_these() -> None:
    assert runner.declarations.__all__ == [
        "AssetReference",
        "BatchDefaults",
        "BatchDeployment",
        "BatchEndpoint",
        "BatchSettings",
        "Build",
        "Catalog",
        "CodeConfiguration",
        "CommandJob",
        "Data",
        "DataCollector",
        "Declaration",
        "DeclarationError",
        "Environment",
        "Identity",
        "JobInput",
        "JobOutput",
        "Model",
        "OnlineDeployment",
        "OnlineEndpoint",
        "OtherJob",
        "Probe",
        "Problem",
        "ProgramJob",
        "RequestSettings",
        "Resources",
        "RetrySettings",
        "ScaleSettings",
        "SparkJob",
        "Stack",
        "WrongUsage",
        "is_asset_name",
        "is_endpoint_name",
        "lay_over",
        "parse_reference",
        "read",
        "read_as",
        "read_catalog",
        "read_stack",
    ]


def test_every_public_name_exists() -> None:
    for name in runner.declarations.__all__:
        assert getattr(runner.declarations, name) is not None


def test_importing_it_loads_no_yaml_and_nothing_heavy() -> None:
    heavy = [
        "yaml",
        "difflib",
        "azure",
        "pulumi",
        "mlflow",
        "pandas",
        "numpy",
        "sklearn",
        "pyarrow",
    ]
    code = f"import sys, runner.declarations; print(*(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
