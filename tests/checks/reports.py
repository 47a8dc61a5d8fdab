"""Reports by people whose deployments and jobs failed on Azure, which the findings are for.

Each with the finding that says so beforehand, or with the reason why none can. The titles are
shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

_EXAMPLES = "https://github.com/Azure/azureml-examples"
_SDK = "https://github.com/Azure/azure-sdk-for-python/issues"
_NOTEBOOKS = "https://github.com/Azure/MachineLearningNotebooks/issues"
_DOCS = "https://github.com/MicrosoftDocs/azure-docs/issues"
_CLI = "https://github.com/Azure/azure-cli/issues"


@dataclass(frozen=True)
class Report:
    """A report; `finding` is the code of what covers it, None where `why` says why nothing does."""

    title: str
    address: str
    finding: str | None
    why: str = ""


REPORTS = (
    # Environments that can't be made.
    Report(
        "When working with conda, there are no checks on the environment's packages",
        "https://github.com/Azure/mlops-v2/issues/79",
        "unresolved",
    ),
    Report(
        "Could not find a version that satisfies azureml-samples==0+unknown",
        f"{_SDK}/10921",
        "unresolved",
    ),
    Report(
        "pip: ResolutionImpossible with azureml-mlflow and azureml-core",
        "https://github.com/Azure-Samples/rag-data-openai-python-promptflow/issues/11",
        "unresolved",
    ),
    Report(
        "pip install fails due to conflicts",
        "https://github.com/Azure/aistudio-copilot-sample/issues/103",
        "unresolved",
    ),
    Report(
        "azureml-inference-server-http supports no pydantic from 2.10 on",
        "https://github.com/microsoft/azureml-inference-server/issues/100",
        "unresolved",
    ),
    Report(
        "azureml-inference-server-http 0.4.13 requires inference-schema==1.3.0",
        "https://github.com/Azure/InferenceSchema/issues/68",
        "unresolved",
    ),
    Report(
        "ResolvePackageNotFound: numpy=1.16.0, whose image build failed",
        f"{_NOTEBOOKS}/194",
        "unresolved",
    ),
    Report(
        "conda_packages: python=3.6.8=h9f7ef89_0 can't be had", f"{_NOTEBOOKS}/202", "conda-build"
    ),
    Report(
        "python=3.7.3=h510b542_1 is not supported in the container",
        f"{_NOTEBOOKS}/589",
        "conda-build",
    ),
    Report(
        "ResolvePackageNotFound: libcxxabi of a Mac's environment",
        "https://github.com/microsoft/AzureNotebooks/issues/809",
        "other-system",
    ),
    Report(
        "-r file.txt in the pip section of a conda file is not allowed",
        "https://github.com/microsoft/hi-ml/issues/339",
        "local-file",
    ),
    Report(
        "Failure to deploy models that rely on Python 3.7.5",
        "https://github.com/Azure/mlops-v2-ado-demo/issues/7",
        "old-python",
    ),
    Report(
        "A committed MLflow model of Python 3.7 fails with ImageBuildFailure",
        "https://github.com/MicrosoftLearning/mslearn-mlops/issues/60",
        "old-python",
    ),
    Report(
        "The inference server 1.3 needs what isn't there, and 1.4 dropped Python 3.8",
        f"{_EXAMPLES}/pull/4012",
        "old-python",
    ),
    Report(
        "No module named 'distutils' under Python 3.13",
        "https://github.com/microsoft/azureml-inference-server/issues/98",
        "old-server",
    ),
    Report(
        "azureml-inference-server-http 1.3 under Python 3.8: No module named azureml.contrib",
        f"{_EXAMPLES}/pull/4009",
        "old-python",
    ),
    Report(
        "Python 3.8 and an old scikit-learn: 502 of the liveness probe",
        f"{_EXAMPLES}/pull/3847",
        "old-python",
    ),
    Report(
        "numpy.dtype size changed: credits-default-model fails to deploy",
        f"{_EXAMPLES}/issues/3415",
        "numpy-2",
    ),
    Report("Pin pandas to fix numpy incompatibility", f"{_EXAMPLES}/pull/3500", "numpy-2"),
    # Environments that lack what Azure's executors need.
    Report(
        "A required package azureml-inference-server-http is missing",
        f"{_EXAMPLES}/issues/2760",
        "inference-server",
    ),
    Report(
        "502 and a module missing: azureml-inference-server-http",
        "https://github.com/MicrosoftLearning/mslearn-aml-cli/issues/5",
        "inference-server",
    ),
    Report(
        "azureml-core must be in the environment of a batch deployment's script",
        "https://learn.microsoft.com/training/modules/deploy-model-batch-endpoint/"
        "4-deploy-custom-model-batch-endpoint",
        "batch-executor",
    ),
    Report(
        "No module named 'azureml.ai': the container of an MLflow model doesn't start",
        f"{_EXAMPLES}/pull/4008",
        "monitoring",
    ),
    Report(
        "Add azureml-ai-monitoring to the model's conda_env", f"{_EXAMPLES}/pull/3923", "monitoring"
    ),
    Report("e2e-ml-workflow: No module named 'azureml'", f"{_EXAMPLES}/pull/4022", "monitoring"),
    Report(
        "mlflow_score_script.py imports azureml.ai.monitoring unconditionally",
        f"{_EXAMPLES}/pull/3904",
        "monitoring",
    ),
    Report(
        "A 502 of the liveness probe: azureml-ai-monitoring is not in the model's conda.yaml",
        f"{_EXAMPLES}/pull/3913",
        "monitoring",
    ),
    Report(
        "azureml-in-a-day: an update of the platform imports azureml.ai.monitoring",
        f"{_EXAMPLES}/pull/4031",
        "monitoring",
    ),
    Report(
        "Endpoint containers crash on boot: azureml.ai.monitoring, then azureml.contrib",
        f"{_EXAMPLES}/pull/3928",
        "monitoring",
    ),
    Report(
        "e2e-ml-workflow: the no-code script's import changed from mlmonitoring",
        f"{_EXAMPLES}/pull/3902",
        "monitoring",
    ),
    Report(
        "A script of one's own makes an environment required for MLflow models",
        f"{_SDK}/30741",
        "environment",
    ),
    Report(
        "mlflow: got unsupported URI 'azureml://…' for the model registry",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/6564",
        "tracking",
    ),
    Report(
        "log_model: /api/2.0/mlflow/logged-models failed with 404", f"{_SDK}/44896", "logged-models"
    ),
    Report(
        "mlflow.sklearn.log_model() fails with 404 in the pipeline tutorial",
        f"{_EXAMPLES}/pull/3885",
        "logged-models",
    ),
    # Code that imports what isn't there.
    Report("ModuleNotFoundError: No module named 'azureml.core'", f"{_DOCS}/105035", "package"),
    Report("train.py: No module named 'azureml'", f"{_DOCS}/68288", "package"),
    Report(
        "Scoring script needs packages that environment.yml doesn't have",
        "https://github.com/microsoft/Azure-Synapse-Retail-Recommender-Solution-Accelerator/issues/6",
        "package",
    ),
    Report(
        "A command does not add the root folder to Python's path", f"{_SDK}/29724", "module-folder"
    ),
    Report(
        "ModuleNotFoundError: No module named 'src' in a component",
        f"{_SDK}/28958",
        "module-folder",
    ),
    Report(
        "joblib cannot be imported from sklearn.externals after an upgrade",
        "https://github.com/Azure/azureml-assets/pull/1724",
        "module-gone",
    ),
    # Scripts.
    Report("score.py not found error", f"{_SDK}/26295", "missing-file"),
    Report("entry_script score.py doesn't exist", f"{_DOCS}/97526", "missing-file"),
    Report(
        "The presence of the code's folder and of the script has to be validated",
        "https://github.com/Azure/azureml-previews/issues/60",
        "missing-file",
    ),
    Report(
        "Failed to submit deployment due to syntax errors in score.py",
        "https://github.com/Azure/mlops-starter-sklearn/issues/20",
        "syntax",
    ),
    Report(
        "run() missing 1 required positional argument: it takes a single value",
        "https://github.com/kubeflow/examples/pull/788",
        "parameters",
    ),
    Report(
        "The run() method should return a list; the actual type is NoneType",
        "https://github.com/microsoft/MLOpsPython/issues/328",
        "returns",
    ),
    Report(
        "No such file: /var/azureml-app/azureml-models/sklearn_creditcard_model/5/….pkl",
        f"{_EXAMPLES}/issues/1068",
        "model-path",
    ),
    Report(
        "init() fails: config.json could not be found", f"{_NOTEBOOKS}/1877", "workspace-config"
    ),
    # Models.
    Report("MissingDriverProgram: could not find driver program", f"{_SDK}/35387", "needs-script"),
    Report(
        "No module named sklearn.ensemble._forest: another version of scikit-learn",
        f"{_NOTEBOOKS}/1066",
        "saved-version",
    ),
    Report(
        "scikit-learn's models don't load with other versions", f"{_DOCS}/49355", "saved-version"
    ),
    Report(
        "Models saved under Python 3.8 cannot be loaded under Python 3.7",
        "https://github.com/mlflow/mlflow/issues/5419",
        "saved-python",
    ),
    Report(
        "The generated script fails over a model with an input_example: get_parameter_type",
        "https://github.com/Azure/azureml-assets/issues/3618",
        "sample",
    ),
    # Data.
    Report("No support of Parquet for MLflow models in batches", f"{_SDK}/28431", "endings"),
    Report(
        "Batch scripts fail on files that are no valid CSV", f"{_EXAMPLES}/pull/1860", "endings"
    ),
    # What is sent.
    Report(
        "Your total snapshot size exceeds the limit of 300 MB", f"{_NOTEBOOKS}/1611", "code-size"
    ),
    Report("A snapshot of 300 MB while logging starts", f"{_DOCS}/26076", "code-size"),
    Report("Exclude files from what az ml job create uploads", f"{_CLI}/21664", "code-size"),
    Report("A link to a file is not resolved correctly", f"{_SDK}/27848", "upload"),
    Report("A snapshot of code with links fails", f"{_SDK}/30141", "upload"),
    # Limits.
    Report(
        "Names of endpoints are at most 32 characters long",
        "https://github.com/Azure/azureml-assets/pull/1538",
        "declaration",
    ),
    Report(
        "Names that are longer than 32 characters fail",
        "https://github.com/Azure/aml-deploy/pull/4",
        "declaration",
    ),
    Report(
        "The container takes longer to start than the default liveness probe allows",
        f"{_EXAMPLES}/pull/3983",
        "probe",
    ),
    Report(
        "Always 408, and the deployment's log says that the request was handled",
        f"{_DOCS}/94105",
        "request-timeout",
    ),
    Report(
        "Requests are answered up to 25 minutes after they timed out, and retries add to them",
        f"{_SDK}/36296",
        "workers",
    ),
    Report(
        "max_concurrent_requests_per_instance needs WORKER_COUNT beside it",
        "https://github.com/MicrosoftDocs/azure-docs/pull/107479",
        "workers",
    ),
    Report(
        "Two documents give different limits of request_timeout_ms: 180000 is Azure's",
        f"{_DOCS}/123307",
        "declaration",
    ),
    Report(
        "How to provide secrets: we pass them as environment variables",
        f"{_SDK}/23277",
        "secret",
    ),
    # What nobody can know beforehand.
    Report(
        "Not enough quota available for Standard_DS3_v2",
        f"{_DOCS}/101942",
        None,
        "what a subscription may use only Azure knows, and it changes",
    ),
    Report(
        "Conda not found, building the image of a model of the catalog",
        f"{_SDK}/34214",
        None,
        "what is in an image only who pulls it can tell",
    ),
    Report(
        "A model's answer: Object of type ndarray is not JSON serializable",
        "https://github.com/mlflow/mlflow/issues/8220",
        None,
        "what a model returns shows when it is called: `runner serve` answers 500 there, as Azure",
    ),
    Report(
        "A value is not provided for the 'input_data' parameter",
        f"{_EXAMPLES}/issues/3385",
        None,
        "requests are not checked; `runner serve` says which key it found instead",
    ),
    Report(
        "score.py is not found in a local deployment whose code is the working folder",
        "https://github.com/Azure/azure-cli-extensions/issues/8522",
        None,
        "a fault of az ml's own local deployments",
    ),
    Report(
        "Deployment of MLflow models currently unavailable",
        "https://github.com/microsoft/azureml-inference-server/issues/112",
        None,
        "a fault of the platform, which came and goes without a change of the project",
    ),
    Report(
        "MLflow 3.7 breaks the deployment of MLflow models",
        f"{_EXAMPLES}/pull/3873",
        None,
        "other reports name another cause, and the image was changed since",
    ),
    Report(
        "Pin mlflow<3: an MLflow 3 model's container answers the liveness probe with 502",
        f"{_EXAMPLES}/pull/4051",
        None,
        "no log is shown, and other reports name another cause",
    ),
    Report(
        "pip<=21.3.1 beside python=3.10: the container crashes on startup",
        f"{_EXAMPLES}/pull/4040",
        None,
        "no log is shown; what an older pip makes of the packages only that pip can tell",
    ),
    Report(
        "The pip step hangs with azureml-core 1.43 among 20 pins",
        f"{_SDK}/25124",
        None,
        "what pip tries depends on its version in the image; uv finds an answer at once",
    ),
    Report(
        "Batch invoke with data @latest: must provide either version or label",
        f"{_DOCS}/111551",
        None,
        "a fault of one version of az ml",
    ),
)
