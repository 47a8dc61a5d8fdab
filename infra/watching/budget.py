"""The budget of the resource group for a month, and the people who are told when it costs more.

Source: Azure's documentation on budgets. A budget stops nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from pulumi_azure_native import consumption, monitor

from infra.component import within
from infra.foundation.platform import Platform
from infra.settings import Settings
from infra.watching.watch import Budget


def declare_budget(
    settings: Settings, platform: Platform, action_group: monitor.ActionGroup | None
) -> consumption.Budget | None:
    """Declare the budget; None where none is asked for."""
    budget = settings.budget
    if budget is None:
        return None
    return consumption.Budget(
        "budget",
        budget_name=settings.names.of_group("budget"),
        scope=platform.resource_group.id,
        category=consumption.CategoryType.COST,
        amount=budget.amount,
        time_grain=consumption.TimeGrainType.MONTHLY,
        time_period=consumption.BudgetTimePeriodArgs(start_date=_this_month(datetime.now(UTC))),
        notifications=dict(_notifications(budget, action_group)),
        # It begins in the month in which it is made: Azure takes no earlier one, and never
        # changes it.
        opts=within(ignore_changes=["timePeriod"]),
    )


def _this_month(now: datetime) -> str:
    return f"{now:%Y-%m}-01T00:00:00Z"


def _notifications(
    budget: Budget, action_group: monitor.ActionGroup | None
) -> Iterator[tuple[str, consumption.NotificationArgs]]:
    for kind, thresholds in (
        (consumption.ThresholdType.ACTUAL, budget.thresholds),
        (consumption.ThresholdType.FORECASTED, budget.forecast),
    ):
        for threshold in sorted({*thresholds}):
            yield (
                f"{kind.value.lower()}-{threshold}",
                consumption.NotificationArgs(
                    enabled=True,
                    operator=consumption.OperatorType.GREATER_THAN_OR_EQUAL_TO,
                    threshold=threshold,
                    threshold_type=kind,
                    contact_emails=list(budget.emails),
                    contact_groups=[action_group.id] if action_group else None,
                ),
            )
