from tests.azureml.conftest import _no_settings_of_mine, stage, workspace_group

__all__ = ["_no_settings_of_mine", "stage", "workspace_group"]
