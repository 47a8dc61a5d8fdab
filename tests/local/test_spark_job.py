"""`runner train` of Spark jobs: what their program is given, and what keeps them from running."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.java import SHORT_LIVED, needs_java
from tests.projects import ROOT, ScratchProject, without_mlflow

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/sparkJob.schema.json\n"
TRAIN = (
    SCHEMA + "type: spark\ncode: ./src\nentry: {file: fit.py}\npy_files: [more.py]\n"
    "args: --rows ${{inputs.rows}} '${{ inputs.word }}' $HOME ${{outputs.model}}\n"
    "inputs:\n  rows: {type: uri_file, path: ../../data/lines/f000.txt, mode: direct}\n"
    "  word: it's\n"
    "outputs: {model: {type: custom_model, mode: direct}}\n"
    "conf: {spark.driver.memory: 1g, spark.hello.there: 'a: b\\c'}\n"
    "resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\n"
)
TELL = (
    "import json, os, sys\n"
    "told = {'words': sys.argv[1:], 'environment': dict(os.environ), 'python': sys.executable}\n"
    "json.dump(told, open(os.path.join(sys.argv[-1], 'told.json'), 'w'))\n"
)
# Its second half fails in an executor, where Spark's own error is the cause.
FIT = """
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
spark = SparkSession.builder.getOrCreate()
conf = spark.sparkContext.getConf()
print("master", spark.sparkContext.master, conf.get("spark.driver.memory"))
print("hello", conf.get("spark.hello.there"), conf.get("spark.ui.enabled"))

@udf("string")
def greet(number):
    import more
    return more.GREETING + " " + str(1 / (number - 2))

print("said", [row[0] for row in spark.range(2).select(greet("id")).collect()])
print(spark.range(5).select(greet("id")).collect())
"""


@pytest.fixture
def spark(project: ScratchProject) -> ScratchProject:
    """Return a project with a Spark job, not tracked, whose program starts no Spark."""
    project.write("models/echo/train.yml", TRAIN)
    project.write("models/echo/src/fit.py", TELL)
    project.write("models/echo/src/more.py", "GREETING = 'hello'\n")
    return without_mlflow(project)


@needs_java
def test_the_program_is_run_by_this_python_with_its_arguments_as_they_are(
    spark: ScratchProject,
) -> None:
    job = spark.json("train", "echo")
    assert (job["status"], job["type"]) == ("Completed", "spark")
    told = json.loads(Path(job["folder"], "named-outputs", "model", "told.json").read_text())
    rows = str(spark.root / "data" / "lines" / "f000.txt")
    assert told["words"][:-1] == ["--rows", rows, "it's", "$HOME"]
    assert told["python"] == told["environment"]["PYSPARK_PYTHON"] == sys.executable
    path = told["environment"]["PYTHONPATH"].split(os.pathsep)
    assert path[0].endswith("more.py")
    assert str(ROOT) in path
    listed = spark.json("jobs", "list", "--type", "spark")
    assert [found["name"] for found in listed] == [job["name"]]


@needs_java
def test_spark_has_the_declared_settings_and_what_fails_in_it_is_told(
    spark: ScratchProject,
) -> None:
    spark.write("models/echo/src/fit.py", FIT)
    done = spark.run("train", "echo", env={"RUNNER_SPARK_MASTER": "local[2]"} | SHORT_LIVED)
    assert "master local[2] 1g" in done.stderr
    assert r"hello a: b\c false" in done.stderr
    assert "said ['hello -0.5', 'hello -1.0']" in done.stderr
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "the command exited with status 1" in done.stderr.splitlines()[-1]
    assert " INFO " not in done.stderr
    assert " WARN " not in done.stderr


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (None, "JAVA_HOME=/nowhere has no bin/java that runs"),
        ('openjdk version "11.0.2"', "Spark runs on Java 17 or 21"),
    ],
)
def test_without_a_java_that_spark_takes_nothing_is_begun(
    spark: ScratchProject, says: str | None, words: str
) -> None:
    home = "/nowhere"
    if says is not None:
        java = spark.write("jdk/bin/java", f"#!/bin/sh\necho '{says}' >&2\n")
        java.chmod(0o755)
        home = str(spark.root / "jdk")
    done = spark.run("train", "echo", env={"JAVA_HOME": home})
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert words in done.stderr
    assert not spark.home.exists()


@needs_java
@pytest.mark.parametrize(
    ("old", "new", "status", "words"),
    [
        ("file: fit.py", "file: fti.py", 3, "entry names fti.py, which is not in"),
        ("[more.py]", "[more.py, gone.zip]", 3, "py_files names gone.zip, which is not in"),
        ("code: ./src\n", "", 3, "has no code, which its entry.file lies in"),
        ("{file: fit.py}", "{class_name: a.B}", 3, "runs the class a.B (entry.class_name)"),
        ("'${{ inputs.word }}'", "'", 3, "args of"),
        ("resources: {", "sources: {", 2, "sources: unknown key; did you mean 'resources'?"),
    ],
)
def test_what_cannot_be_run_is_named_in_one_line(
    spark: ScratchProject, old: str, new: str, status: int, words: str
) -> None:
    assert old in TRAIN
    spark.write("models/echo/train.yml", TRAIN.replace(old, new))
    done = spark.run("train", "echo")
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert words in done.stderr
    assert not list(spark.home.glob("jobs/*"))
