"""Where logs and metrics go."""

from dataclasses import dataclass

from pulumi_azure_native import applicationinsights, operationalinsights, resources

from infra.options import holds_data, made_by_commit
from infra.settings import Settings


@dataclass(frozen=True)
class Monitoring:
    """A log workspace, and the Application Insights component that writes into it."""

    logs: operationalinsights.Workspace
    insights: applicationinsights.Component


def declare_monitoring(settings: Settings, group: resources.ResourceGroup) -> Monitoring:
    logs = operationalinsights.Workspace(
        "logs",
        workspace_name=settings.names.logs,
        resource_group_name=group.name,
        location=settings.location,
        sku=operationalinsights.WorkspaceSkuArgs(
            name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018
        ),
        retention_in_days=90 if settings.production else 30,
        features=operationalinsights.WorkspaceFeaturesArgs(
            disable_local_auth=True,
            enable_log_access_using_only_resource_permissions=True,
        ),
        tags=settings.tags,
        opts=holds_data(settings),
    )
    insights = applicationinsights.Component(
        "insights",
        resource_name_=settings.names.insights,
        resource_group_name=group.name,
        location=settings.location,
        kind="web",
        application_type=applicationinsights.ApplicationType.WEB,
        ingestion_mode=applicationinsights.IngestionMode.LOG_ANALYTICS,
        workspace_resource_id=logs.id,
        # Azure ML reports with the component's key and has no other way; so the key stays on.
        disable_local_auth=False,
        tags=settings.tags,
        opts=made_by_commit(additional_secret_outputs=["instrumentation_key", "connection_string"]),
    )
    return Monitoring(logs, insights)
