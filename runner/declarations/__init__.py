"""Reads the YAML of the Azure ML CLI v2 into checked records, and lays a stack file over them."""

from runner.declarations.batch import (
    BatchDefaults,
    BatchDeployment,
    BatchEndpoint,
    BatchSettings,
    RetrySettings,
)
from runner.declarations.catalog import Catalog, read_catalog, survey_catalog
from runner.declarations.data import Data
from runner.declarations.deployment import CodeConfiguration, Identity, Resources
from runner.declarations.environment import Build, Environment
from runner.declarations.job import (
    CommandJob,
    JobInput,
    JobOutput,
    OtherJob,
    ProgramJob,
    SparkJob,
)
from runner.declarations.kinds import Declaration, read, read_as
from runner.declarations.model import Model
from runner.declarations.names import is_asset_name, is_endpoint_name
from runner.declarations.online import (
    DataCollector,
    OnlineDeployment,
    OnlineEndpoint,
    Probe,
    RequestSettings,
    ScaleSettings,
)
from runner.declarations.overlay import Stack, lay_over, read_stack
from runner.declarations.pipeline_deployment import PipelineDeployment
from runner.declarations.problem import DeclarationError, Problem
from runner.declarations.references import AssetReference, parse_reference
from runner.errors import WrongUsage

__all__ = [
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
    "PipelineDeployment",
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
    "survey_catalog",
]
