"""The former place of a provider that stacks from before 0.1.0 hold by name in their state."""

from infra.dynamic.deletion import ScheduleDisablingProvider as ScheduleDisablingProvider

__all__ = ["ScheduleDisablingProvider"]
