import pytest

from runner.venvs.executor_packages import left_out

DECLARED = ("azureml-core>=1.61,<2", "azureml_defaults", "scikit-learn==1.5.2")


@pytest.mark.parametrize(
    ("imported", "left"),
    [
        (set(), ("azureml-core>=1.61,<2", "azureml_defaults")),
        ({"sklearn", "azureml.corelike"}, ("azureml-core>=1.61,<2", "azureml_defaults")),
        ({"azureml.core.model"}, ()),
        ({"inference_schema.schema_decorators"}, ("azureml-core>=1.61,<2",)),
        ({"azureml.mlflow"}, ("azureml-core>=1.61,<2", "azureml_defaults")),
    ],
)
def test_packages_of_azures_executor_count_where_the_script_imports_them(
    imported: set[str], left: tuple[str, ...]
) -> None:
    assert left_out(DECLARED, frozenset(imported)) == left


def test_a_package_counts_where_anything_of_its_namespace_is_imported() -> None:
    assert left_out(["azureml-sdk"], frozenset({"azureml.train"})) == ()
    assert left_out(["azureml-sdk"], frozenset({"sklearn"})) == ("azureml-sdk",)
