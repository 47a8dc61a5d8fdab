import subprocess
import sys


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
