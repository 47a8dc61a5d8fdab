from pathlib import Path

import pytest

from runner.declarations import (
    AssetReference,
    CommandJob,
    DeclarationError,
    Environment,
    JobInput,
    JobOutput,
    SparkJob,
    read,
    read_as,
)

from .conftest import Write


def job(write: Write, text: str) -> CommandJob:
    return read_as(write("train.yml", "environment: azureml:e:1\n" + text), CommandJob)


def wrong(write: Write, text: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        job(write, text)
    return str(caught.value)


def test_a_command_job_is_read(write: Write, tmp_path: Path) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
        type: command
        command: >-
          python train.py --data ${{inputs.table}} --rate ${{ inputs.rate }}
          --model ${{outputs.model}}
        code: src
        environment: {image: a/b, conda_file: conda.yml}
        compute: azureml:cpu-cluster
        inputs:
          table: {type: uri_file, path: ../data/labeled.csv, mode: ro_mount}
          asset: {path: azureml:patients:2}
          remote: {type: uri_folder, path: azureml://datastores/d/paths/p}
          rate: 0.5
          name: text
          rounds: {value: 3}
          quick: true
        outputs:
          model: {type: mlflow_model, mode: upload}
          rest:
        environment_variables: {A: 1}
        display_name: train
        experiment_name: diabetes
        description: Train
        tags: {a: b}
        resources: {instance_count: 2, shm_size: 1g}
        limits: {timeout: 3600}
        distribution: {type: pytorch, process_count_per_instance: 1}
        queue_settings: {job_tier: standard}
        identity: {type: user_identity}
        services: {ssh: {type: ssh}}
        status: Completed
    """
    read_one = read(write("jobs/train.yml", text))
    assert isinstance(read_one, CommandJob)
    assert read_one.inputs == {
        "table": JobInput(tmp_path / "data/labeled.csv", "uri_file", "ro_mount"),
        "asset": JobInput(AssetReference("patients", version="2")),
        "remote": JobInput("azureml://datastores/d/paths/p"),
        "rate": 0.5,
        "name": "text",
        "rounds": 3,
        "quick": True,
    }
    assert read_one.outputs == {
        "model": JobOutput("mlflow_model", mode="upload"),
        "rest": JobOutput("uri_folder"),
    }
    assert isinstance(read_one.environment, Environment)
    assert read_one.environment.conda_file == tmp_path / "jobs/conda.yml"
    assert (read_one.code, read_one.compute) == (tmp_path / "jobs/src", "cpu-cluster")
    assert read_one.limits.timeout == 3600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("type: command\n", "command: missing, and required"),
        ("command: ' '\n", "allowed: a command"),
        (
            "command: run ${{inputs.tabel}}\ninputs: {table: 1}\n",
            "2: command: found ${{inputs.tabel}}, but inputs has no 'tabel'; did you mean 'table'?",
        ),
        ("command: run ${{outputs.x}}\n", "but outputs has no 'x'; there are none"),
        (
            "command: run ${{search_space.x}}\n",
            "found ${{search_space.x}}, allowed: ${{inputs.<name>}} and ${{outputs.<name>}}",
        ),
        ("command: run ${{inputs}}\ninputs: {a: 1}\n", "but inputs has no ''"),
        ("command: run\ninputs: {a b: 1}\n", "inputs.a b: found the name 'a b', allowed: letters"),
        ("command: run\noutputs: {1a: }\n", "outputs.1a: found the name '1a'"),
        ("command: run\ninputs: {a: }\n", "inputs.a: found nothing, allowed: a value, or"),
        ("command: run\ninputs: {a: [1]}\n", "inputs.a: found a list, allowed: a value, or"),
        ("command: run\ninputs: {a: {type: uri_file}}\n", "inputs.a.path: missing, and required"),
        ("command: run\ninputs: {a: {path: 'azureml:a b:1'}}\n", "inputs.a.path: found the text"),
        ("command: run\ntype: pipeline\n", "type: found the text 'pipeline', allowed: command"),
        ("command: run\nlimits: {timeout: 0}\n", "allowed: 1 or more"),
    ],
)
def test_what_is_wrong_is_named(write: Write, text: str, words: str) -> None:
    message = wrong(write, text)
    assert words in message
    assert "\n" not in message


def test_every_wrong_name_of_a_command_is_reported(write: Write) -> None:
    assert len(wrong(write, "command: ${{inputs.a}} ${{outputs.b}}\n").splitlines()) == 2


SPARK = "type: spark\nentry: {file: a.py}\n"


def test_a_spark_job_is_read(write: Write, tmp_path: Path) -> None:
    text = """
        $schema: https://azuremlschemas.azureedge.net/latest/sparkJob.schema.json
        type: spark
        code: src
        entry: {file: fit.py}
        py_files: [more.zip]
        jars: [a.jar]
        files: [b.txt]
        archives: [c.zip#c]
        conf: {spark.driver.cores: 1, spark.sql.shuffle.partitions: 8, spark.x.y: true}
        args: --rows ${{inputs.rows}} --out ${{ outputs.model }}
        inputs: {rows: {type: uri_file, path: ../rows.csv, mode: direct}, rate: 0.5}
        outputs: {model: {type: mlflow_model, mode: direct}}
        environment: azureml:e:1
        resources: {instance_type: standard_e4s_v3, runtime_version: 3.4}
        identity: {type: user_identity}
        tags: {team: risk}
    """
    found = read(write("jobs/train.yml", text))
    assert isinstance(found, SparkJob)
    assert (found.entry.file, found.code) == ("fit.py", tmp_path / "jobs/src")
    assert found.conf["spark.x.y"] == "true"
    assert found.conf["spark.driver.cores"] == "1"
    assert found.inputs["rows"] == JobInput(tmp_path / "rows.csv", "uri_file", "direct")
    assert found.resources is not None
    assert found.resources.runtime_version == "3.4"
    assert (found.py_files, found.archives) == (("more.zip",), ("c.zip#c",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("type: spark\n", "entry: missing, and required"),
        (SPARK + "comand: x\n", "3: comand: unknown key"),
        (SPARK + "conf: {a: {b: c}}\n", "conf.a: found a mapping"),
        (SPARK + "environment_variables: {A: b}\n", "3: environment_variables: unknown key"),
        ("type: spark\nentry: {file: a.py, class_name: b}\n", "allowed: file or class_name"),
        ("type: spark\nentry: {file: ../a.py}\n", "2: entry.file: found the text '../a.py'"),
        (SPARK + "args: ${{inputs.x}}\n", "3: args: found ${{inputs.x}}, but inputs has no 'x'"),
        (SPARK + "py_files: [a.py, a.py]\n", "allowed: each file once"),
        (SPARK + "resources: {instance_count: 2}\n", "resources.instance_count: unknown key"),
    ],
)
def test_what_is_wrong_with_a_spark_job_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read(write("train.yml", text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
