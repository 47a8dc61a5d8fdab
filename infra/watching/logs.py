"""The log workspace and Application Insights, to which logs and metrics go."""

from pulumi_azure_native import applicationinsights, operationalinsights, resources

from infra.component import within
from infra.options import holds_data, made_by_commit
from infra.settings import Settings

_SECRETS = ["instrumentation_key", "connection_string"]


def declare_logs(
    settings: Settings, group: resources.ResourceGroup
) -> operationalinsights.Workspace:
    """Declare the log workspace, or look up the one that is there already."""
    if settings.existing.log_analytics:
        return operationalinsights.Workspace.get(
            "logs", settings.existing.log_analytics, opts=within()
        )
    return operationalinsights.Workspace(
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


def declare_insights(
    settings: Settings, group: resources.ResourceGroup, logs: operationalinsights.Workspace
) -> applicationinsights.Component:
    """Declare what writes into the log workspace, or look up the one that is there already."""
    existing = settings.existing.application_insights
    if existing:
        return applicationinsights.Component.get(
            "insights", existing, opts=within(additional_secret_outputs=_SECRETS)
        )
    return applicationinsights.Component(
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
        opts=made_by_commit(additional_secret_outputs=_SECRETS),
    )
