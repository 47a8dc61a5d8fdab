"""Benchmarks of batch scoring, of starting the command line, and of comparing what was scored."""

from __future__ import annotations

import json
import pickle
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import (
    MLFLOW_VARIABLES,
    MODEL,
    ROWS,
    RUNNER,
    SAMPLE,
    Bench,
    amount,
    path_with_uv,
    summary,
)
from benchmarks.findings import Finding, compare
from benchmarks.memory import measure_peaks
from benchmarks.timing import OUTPUT, ROOT, Program, ProgramFailed, run_once, time_in_turn

PICKLE = MODEL / "model.pkl"
SHIFT = 0.3  # added to the model's intercept, so that the second version answers 5 % otherwise


def floor(bench: Bench, data: Path) -> Program:
    """Return the hand-written program of one process."""
    return bench.peer("floor", "floor", bench.python, PICKLE, data, "1.csv")


def measure_help(bench: Bench) -> list[Finding]:
    """Time `runner --help` against importing Click."""
    runner = bench.runner("--help", name="runner --help")
    click = Program("import click", [bench.python, "-c", "import click"])
    with bench.scratch() as scratch:
        what = "runner --help / import click"
        return [bench.ratio(what, runner, click, 15, scratch, at_most=2)]


def measure_sample(bench: Bench) -> list[Finding]:
    """Score the four-file sample, against unpickling the model and importing Arrow."""
    code = f"import pickle, pyarrow; pickle.load(open({str(PICKLE)!r}, 'rb'))"
    unpickle = Program("unpickle", [bench.python, "-c", code])
    with bench.scratch() as scratch:
        runner = bench.score(SAMPLE, scratch / "home")
        what = "400 rows in 4 files: runner / unpickle"
        return [bench.ratio(what, runner, unpickle, 9, scratch, at_most=1.3)]


def measure_million(bench: Bench) -> list[Finding]:
    """Score 100 files of 10,000 rows, against the floor, a pyfunc loop, and Spark."""
    files = bench.size(100)
    data, size = bench.data(files), amount(files)
    by_hand = floor(bench, data)
    pyfunc = bench.peer("pyfunc", "pyfunc_loop", bench.pyfunc_python, MODEL, data, "1.csv")
    others = [pyfunc]
    if bench.spark_python:
        others.append(bench.peer("spark", "spark_udf", bench.spark_python, MODEL, data, "parts"))
    with bench.scratch() as scratch:
        runner = bench.score(data, scratch / "home")
        bench.check_agreement([runner, by_hand, *others], scratch)
        what = f"{size}: runner / floor"
        findings = [bench.ratio(what, runner, by_hand, 5, scratch, warm=False, at_most=1.3)]
        for peer, rounds, least in zip(others, (3, 2), (2, 7), strict=False):
            what = f"{size}: {peer.name} / runner"
            findings.append(
                bench.ratio(what, peer, runner, rounds, scratch, warm=False, at_least=least)
            )
    return findings


def measure_profile(bench: Bench) -> list[Finding]:
    """Score 100 files with a profile and without; compare two such jobs."""
    files = bench.size(100)
    data, size = bench.data(files), amount(files)
    off = {"RUNNER_PROFILE": "off"}
    with bench.scratch() as scratch:
        home = scratch / "home"
        made = bench.score(data, home, name="with profile")
        without = bench.score(data, scratch / "without", name="without", variables=off)
        jobs = [summary(run_once(made, scratch))["job"] for _ in range(2)]
        run_once(without, scratch)
        what = f"{size}: with profile / without"
        ratio = bench.ratio(what, made, without, 7, scratch, warm=False)
        compared = bench.runner("jobs", "compare", *jobs, home=home, name="jobs compare")
        run_once(compared, scratch)
        taken = time_in_turn([compared], bench.rounds(7), scratch)[compared.name]
        kilobytes = (home / "jobs" / jobs[0] / "profile.json").stat().st_size / 1000
    return [
        ratio,
        Finding(f"{size}: runner jobs compare", taken, "s", at_most=1),
        Finding(f"{size}: the profile", (kilobytes,), "kB"),
    ]


def measure_many_files(bench: Bench) -> list[Finding]:
    """Score 200, 2,000 and 20,000 files of one row: the time a file costs."""
    sizes = [bench.size(number) for number in (200, 2000, 20_000)]
    seconds: dict[str, list[tuple[float, ...]]] = {RUNNER: [], "floor": []}
    with bench.scratch() as scratch:
        for size in sizes:
            data = bench.data(size, 1)
            programs = [bench.score(data, scratch / f"home-{size}"), floor(bench, data)]
            bench.check_agreement(programs, scratch)
            for name, taken in time_in_turn(programs, bench.rounds(3), scratch).items():
                seconds[name].append(taken)
    findings = []
    for name, measured in seconds.items():
        # Of medians, not pair by pair: where files are few, a difference of two runs is noise.
        few, some, many = map(median, measured)
        first = (some - few) / (sizes[1] - sizes[0]) * 1000
        second = (many - some) / (sizes[2] - sizes[1]) * 1000
        findings += [
            *(
                Finding(f"{name}: {size:,} files", taken, "s")
                for size, taken in zip(sizes, measured, strict=True)
            ),
            Finding(f"{name}: a further file, {sizes[0]:,} to {sizes[1]:,}", (first,), "ms"),
            Finding(f"{name}: a further file, {sizes[1]:,} to {sizes[2]:,}", (second,), "ms"),
            # Linear is 1; a step that grows with the square of the files would show as 10.
            Finding(
                f"{name}: a further file, the second / the first",
                (second / first,),
                at_most=1.5 if name == RUNNER else None,
            ),
        ]
    return findings


def measure_twenty_million(bench: Bench) -> list[Finding]:
    """Score 2,000 files of 10,000 rows: speed against two processes by hand, and memory."""
    few, many = bench.size(100), bench.size(2000)
    small, large = bench.data(few), bench.data(many)
    size = amount(many)
    with bench.scratch() as scratch:
        runner = bench.score(large, scratch / "home")
        two = bench.peer("two", "floor_two", bench.python, PICKLE, large, "1.csv", "2.csv")
        bench.check_agreement([runner, two], scratch)
        seconds = time_in_turn([runner, two], bench.rounds(3), scratch)
        # The same rows for both, so speeds are to each other as seconds the other way.
        what = f"{size}: rows a second, runner / two-process floor"
        rates = tuple(many * ROWS / taken for taken in seconds[RUNNER])
        findings = [
            compare(what, seconds, two.name, RUNNER, at_least=0.8),
            Finding(f"{size}: runner", rates, "rows/s"),
        ]
        before = measure_peaks(bench.score(small, scratch / "home-small"), scratch)
        after = measure_peaks(bench.score(large, scratch / "home-large"), scratch)
    for role in (role for role in before if role in after):
        what = f"peak memory of the {role}"
        findings += [
            Finding(f"{what}: large / small", (after[role] / before[role],), at_most=1.2),
            Finding(f"{what}: large", (after[role],), "MB"),
        ]
    return findings


def measure_one_file(bench: Bench) -> list[Finding]:
    """Score the rows of 2,000 files in one CSV file: speed and memory against the files."""
    number = bench.size(2000)
    many = bench.data(number)
    with bench.scratch() as scratch:
        joined = scratch / "one" / "patients.csv"
        join_tables(sorted(many.glob("*.csv")), joined)
        large = bench.score(joined.parent, scratch / "home-one", name="one file")
        files = bench.score(many, scratch / "home-many", name="files")
        bench.check_agreement([large, files], scratch)
        seconds = time_in_turn([large, files], bench.rounds(3), scratch)
        peak, of_files = (measure_peaks(program, scratch)["worker"] for program in (large, files))
    # The same rows for both, so speeds are to each other as seconds the other way.
    speed = f"{amount(number)}, in one instead: rows a second, one file / files"
    memory = "peak memory of a worker: one file / files"
    return [
        compare(speed, seconds, files.name, large.name, at_least=0.8),
        Finding(memory, (peak / of_files,), at_most=1.3),
    ]


def measure_huge_files(bench: Bench) -> list[Finding]:
    """Score a CSV file of 5 GB and a Parquet file of 5 GB: the memory of every process."""
    small = sorted(bench.data(bench.size(100)).glob("*.csv"))
    findings = []
    for suffix, grow in ((".csv", join_tables), (".parquet", join_as_parquet)):
        with bench.scratch() as scratch:
            huge = scratch / "data" / f"patients{suffix}"
            grow(small, huge, bench.size(5 * 10**9))
            program = bench.score(huge.parent, scratch / "home")
            size = f"{huge.stat().st_size / 10**9:.2g} GB of {suffix[1:]}"
            run = run_once(program, scratch)
            rows = summary(run)["rows"]
            what = f"{size}, {rows / 1e6:.0f}M rows"
            findings.append(Finding(what, (rows / run.seconds,), "rows/s"))
            shutil.rmtree(scratch / "home")
            findings += [
                Finding(f"{size}: peak memory of the {role}", (peak,), "MB", at_most=600)
                for role, peak in measure_peaks(program, scratch).items()
            ]
    return findings


def join_tables(parts: Sequence[Path], target: Path, size: int = 0) -> None:
    """Write the rows of CSV files under one header; again and again, up to `size` bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    header, _, _ = parts[0].read_bytes().partition(b"\n")
    with target.open("wb") as joined:
        joined.write(header + b"\n")
        while True:
            for part in parts:
                joined.write(part.read_bytes().partition(b"\n")[2])
            if joined.tell() >= size:
                return


def join_as_parquet(parts: Sequence[Path], target: Path, size: int) -> None:
    """Write the rows of CSV files to one Parquet file, again and again, up to `size` bytes.

    A row group has as many rows as `pandas.DataFrame.to_parquet` gives it.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    target.parent.mkdir(parents=True, exist_ok=True)
    header, _, _ = parts[0].read_text().partition("\n")
    # As the model's signature has it: MLflow converts no long of a Parquet file to a double.
    doubles = csv.ConvertOptions(column_types=dict.fromkeys(header.split(","), pa.float64()))
    tables = [csv.read_csv(part, convert_options=doubles) for part in parts]
    table = pa.concat_tables(tables).combine_chunks()
    plain: dict[str, Any] = {"use_dictionary": False, "compression": "none"}
    with parquet.ParquetWriter(target, table.schema, **plain) as writer:
        while not target.exists() or target.stat().st_size < size:
            writer.write_table(table)


def measure_compare(bench: Bench) -> list[Finding]:
    """Compare two models at 100,000 rows and a million: time against scoring, and memory."""
    findings = []
    peaks = []
    with bench.scratch() as scratch:
        home, own = scratch / "home", {"RUNNER_ENV_MANAGER": "local"}
        other = scratch / "model"
        shutil.copytree(MODEL, other)
        fitted = pickle.loads(PICKLE.read_bytes())
        fitted[-1].intercept_ = fitted[-1].intercept_ + SHIFT
        (other / "model.pkl").write_bytes(pickle.dumps(fitted))
        for path in (MODEL, other):
            words = ("models", "register", "--name", "diabetes-mlflow", "--path", str(path))
            run_once(bench.runner(*words, home=home, variables=own), scratch)
        for number in map(bench.size, (10, 100)):
            data, rows = bench.data(number), number * ROWS
            versions = ("models", "compare", "1", "2", "--data", str(data), "-o", "json")
            compared = bench.runner(*versions, home=home, name="compare", variables=own)
            once = shlex.join(bench.score(data, home).command)
            both = Program("scores", ["sh", "-c", f"{once} && {once}"], compared.variables)
            found = summary(run_once(compared, scratch))
            if found["rows"] != rows or not found["changed"]:
                raise ProgramFailed(f"of {rows:,} rows {found['rows']} were compared")
            run_once(both, scratch)
            what = f"{rows:,} rows: compare / scoring twice"
            target = 1.2 if number == bench.size(100) else None
            findings.append(
                bench.ratio(what, compared, both, 5, scratch, warm=False, at_most=target)
            )
            peaks.append(measure_peaks(compared, scratch)["command"])
            findings.append(Finding(f"{rows:,} rows: memory", (peaks[-1],), "MB"))
    growth = Finding("memory, ten times the rows", (peaks[-1] / peaks[0],), at_most=1.2)
    return [*findings, growth]


def measure_declared(bench: Bench) -> list[Finding]:
    """Score the sample in a venv: the first run, the next, and MLflow's own way.

    The runner's own environment satisfies what the model declares, so that the same packages are
    measured in both. uv's cache keeps the packages between runs; MLflow makes its environment anew
    each time.
    """
    path = {**MLFLOW_VARIABLES, "PATH": path_with_uv()}
    answer = "predictions.json"
    with bench.scratch() as scratch:
        home = scratch / "home"
        file = write_doubles(scratch / "patients.csv")

        def score(data: Path, manager: str, home: Path) -> Program:
            options = ("--env-manager", manager)
            return bench.score(data, home, *options, name=manager, variables=path)

        own, declared = score(SAMPLE, "local", scratch / "own"), score(SAMPLE, "uv", home)
        single = score(file, "uv", home)
        command = [str(Path(bench.pyfunc_python).parent / "mlflow"), "models", "predict"]
        command += ["--model-uri", str(MODEL), "--env-manager", "uv", "--content-type", "csv"]
        command += ["--input-path", str(file), "--output-path", f"{OUTPUT}/{answer}"]
        mlflow = Program("mlflow predict", command, path)
        run_once(own, scratch)
        run_once(score(SAMPLE, "uv", scratch / "warm"), scratch)
        first = run_once(declared, scratch).seconds
        ours = summary(run_once(single, scratch))["output"]
        theirs = (run_once(mlflow, scratch).output / answer).read_text()
        check_answers(Path(ours).read_text(), theirs)
        seconds = time_in_turn([own, declared], bench.rounds(5), scratch)
        differences = tuple(a - b for a, b in zip(seconds["uv"], seconds["local"], strict=True))
        what = "a file: mlflow predict / runner score"
        return [
            Finding("the first run, with uv's cache warm", (first,), "s"),
            Finding("a later run, more than here", differences, "s", 0.3, measured=seconds),
            bench.ratio(what, mlflow, single, 5, scratch, warm=False),
        ]


def write_doubles(file: Path) -> Path:
    """Write rows of the sample with a point in every number, as MLflow takes no whole numbers for
    doubles."""
    header, *rows = (SAMPLE / "patients-1.csv").read_text().splitlines()
    lines = [",".join(str(float(cell)) for cell in row.split(",")) for row in rows]
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def check_answers(ours: str, theirs: str) -> None:
    """Raise ProgramFailed where the runner's rows and MLflow's JSON have other predictions."""
    numbers = [float(line.split(",")[1]) for line in ours.splitlines()]
    others = json.loads(theirs)["predictions"]
    if numbers != others:
        raise ProgramFailed(f"the predictions differ: {numbers[:5]} and {others[:5]} …")


def measure_fresh(bench: Bench) -> list[Finding]:
    """Run `make score` in an empty clone with an empty package cache.

    The clone has what is committed, and nothing else is measured.
    """
    with bench.scratch() as scratch:
        clone, cache = scratch / "clone", scratch / "uv-cache"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        before = _megabytes(clone)
        make = Program("make score", ["make", "score"], {"UV_CACHE_DIR": str(cache)})
        seconds = run_once(make, scratch, cwd=clone).seconds
        if not list((clone / ".runner").rglob("predictions.csv")):
            raise ProgramFailed("make score ended well but left no predictions.csv")
        fetched = _megabytes(clone / ".uv")  # nothing where uv is there already
        installed = _megabytes(clone) - before - _megabytes(clone / ".runner") - fetched
        cached = _megabytes(cache)
    return [
        Finding("make score from nothing", (seconds,), "s", at_most=60),
        Finding("installed by it", (installed,), "MB", at_most=400),
        Finding("uv itself, where it isn't there", (fetched,), "MB"),
        Finding("in the package cache, mostly the same files", (cached,), "MB"),
    ]


def _megabytes(folder: Path) -> float:
    """Return the size of the files below a folder, those with several names once, in 10^6 bytes."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in files}.values()) / 1e6
