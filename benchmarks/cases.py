"""The measurements: each takes a bench, runs programs on it, and returns what it found."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.findings import Finding, Target, compare
from benchmarks.memory import measure_peaks
from benchmarks.timing import ROOT, Program, ProgramFailed, run_once, time_in_turn

MODEL = ROOT / "models" / "diabetes" / "model"
SAMPLE = ROOT / "data" / "diabetes" / "unlabeled"
FLOOR, FLOOR_TWO, PYFUNC, SPARK, RUNNER = "floor", "two-process floor", "pyfunc", "spark", "runner"
MEGA = 1e6


@dataclass(frozen=True)
class Bench:
    """Where and with what to measure."""

    work: Path  # generated data, outputs and the runner's workspaces
    python: str  # runs the runner and the floors
    pyfunc_python: str  # has mlflow and pandas
    spark_python: str | None  # has pyspark; None leaves Spark out
    runner: str | None = None  # a command to measure in the runner's place
    quick: bool = False  # a tenth of the files and rows, one round: to see that it works

    def rounds(self, wanted: int) -> int:
        return 1 if self.quick else wanted

    def size(self, wanted: int) -> int:
        return max(1, wanted // 10) if self.quick else wanted


def data_folder(bench: Bench, files: int, rows_per_file: int) -> Path:
    """Generate a folder of unlabelled files, unless an earlier run with this work folder has."""
    parent = bench.work / f"data-{files}x{rows_per_file}"
    done = parent / "done"
    if not done.exists():
        shutil.rmtree(parent, ignore_errors=True)
        generator = ROOT / "data" / "diabetes" / "generate.py"
        size = ["--rows", "0", "--files", str(files), "--rows-per-file", str(rows_per_file)]
        command = [bench.pyfunc_python, str(generator), *size, "--output", str(parent)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        done.touch()
    return parent / "unlabeled"


def runner_program(bench: Bench, data: Path, home: Path) -> Program:
    """`runner score` on a folder, in a workspace of its own that its runs share."""
    default = [*_runner(bench), "score", "diabetes-batch"]
    command = shlex.split(bench.runner) if bench.runner else default
    return Program(
        RUNNER,
        lambda _output: [*command, "--data", str(data), "-o", "json"],
        {"RUNNER_HOME": str(home)},
    )


def _runner(bench: Bench) -> list[str]:
    return [bench.python, "-m", "runner"]


def peer_program(bench: Bench, name: str, data: Path) -> Program:
    """A peer on a folder."""
    pickled = str(MODEL / "model.pkl")
    python, module, model, outputs = {
        FLOOR: (bench.python, "floor", pickled, ["1.csv"]),
        FLOOR_TWO: (bench.python, "floor_two", pickled, ["1.csv", "2.csv"]),
        PYFUNC: (bench.pyfunc_python, "pyfunc_loop", str(MODEL), ["1.csv"]),
        SPARK: (bench.spark_python or "", "spark_udf", str(MODEL), ["parts"]),
    }[name]
    return Program(
        name,
        lambda output: [
            *(python, "-m", f"benchmarks.peers.{module}", model, str(data)),
            *(str(output / one) for one in outputs),
        ],
        # As the runner does: more threads than that fight over the cores.
        dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    )


def count(bench: Bench, paths: Sequence[Path]) -> dict[str, int]:
    """Count the predictions in output files."""
    command = [bench.python, "-m", "benchmarks.predictions", *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def check_agreement(bench: Bench, programs: Sequence[Program], scratch: Path) -> None:
    """Run each program once, to warm up, and see that all made the same predictions.

    Raises `ProgramFailed` where they differ, or where the runner's summary and file do.
    """
    counts: dict[str, dict[str, int]] = {}
    for program in programs:
        run = run_once(program, scratch)
        if program.name == RUNNER:
            summary = json.loads(run.stdout)
            counts["runner's summary"] = dict(sorted(summary["predictions"].items()))
            counts[RUNNER] = count(bench, [Path(summary["output"])])
        else:
            counts[program.name] = count(bench, sorted(run.output.rglob("*.csv")))
        shutil.rmtree(run.output)
    expected = next(iter(counts.values()))
    if not expected or any(found != expected for found in counts.values()):
        raise ProgramFailed(f"the programs don't agree on the predictions: {counts}")


def _scratch(bench: Bench) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="scratch-", dir=bench.work)


def _describe(files: int) -> str:
    return f"{files / 100:g}M rows in {files:,} files"


def measure_million(bench: Bench) -> list[Finding]:
    """100 files of 10,000 rows: against the floor, a pyfunc loop, and Spark."""
    data = data_folder(bench, bench.size(100), 10_000)
    peers = [
        (FLOOR, 5, Target("at most", 1.3)),
        (PYFUNC, 3, Target("at least", 2)),
        *([(SPARK, 2, Target("at least", 7))] if bench.spark_python else []),
    ]
    findings = []
    size = _describe(bench.size(100))
    with _scratch(bench) as folder:
        scratch = Path(folder)
        runner = runner_program(bench, data, scratch / "home")
        programs = {name: peer_program(bench, name, data) for name, _, _ in peers}
        check_agreement(bench, [runner, *programs.values()], scratch)
        for name, rounds, target in peers:
            seconds = time_in_turn([runner, programs[name]], bench.rounds(rounds), scratch)
            over, under = (RUNNER, name) if target.kind == "at most" else (name, RUNNER)
            findings.append(compare(f"{size}: {over} / {under}", seconds, over, under, target))
    return findings


def measure_profile(bench: Bench) -> list[Finding]:
    """100 files of 10,000 rows, with a profile and without; comparing two such jobs."""
    data = data_folder(bench, bench.size(100), 10_000)
    size = _describe(bench.size(100))
    with _scratch(bench) as folder:
        scratch = Path(folder)
        made = replace(runner_program(bench, data, scratch / "home"), name="with profile")
        without = runner_program(bench, data, scratch / "home-without")
        without = replace(
            without,
            name="without",
            environment={**without.environment, "RUNNER_PROFILE": "off"},
        )
        jobs = [json.loads(run_once(made, scratch).stdout)["job"] for _ in range(2)]
        run_once(without, scratch)
        seconds = time_in_turn([made, without], bench.rounds(7), scratch)
        compared = Program(
            "jobs compare",
            lambda _output: [*_runner(bench), "jobs", "compare", *jobs],
            made.environment,
        )
        time_in_turn([compared], 1, scratch)
        taken = time_in_turn([compared], bench.rounds(7), scratch)[compared.name]
        profile = scratch / "home" / "jobs" / jobs[0] / "profile.json"
        kilobytes = profile.stat().st_size / 1000
    return [
        compare(f"{size}: with profile / without", seconds, made.name, without.name),
        Finding(f"{size}: runner jobs compare", taken, "s", Target("at most", 1)),
        Finding(f"{size}: the profile", (kilobytes,), "kB"),
    ]


def measure_sample(bench: Bench) -> list[Finding]:
    """The four-file sample, against unpickling the model and importing Arrow."""
    code = f"import pickle, pyarrow; pickle.load(open({str(MODEL / 'model.pkl')!r}, 'rb'))"
    unpickle = Program("unpickle", lambda _output: [bench.python, "-c", code])
    with _scratch(bench) as folder:
        scratch = Path(folder)
        runner = runner_program(bench, SAMPLE, scratch / "home")
        time_in_turn([runner, unpickle], 1, scratch)
        seconds = time_in_turn([runner, unpickle], bench.rounds(9), scratch)
    what = "400 rows in 4 files: runner / unpickle"
    return [compare(what, seconds, RUNNER, "unpickle", Target("at most", 1.3))]


def measure_twenty_million(bench: Bench) -> list[Finding]:
    """2,000 files of 10,000 rows: speed against two hand-written processes, and memory."""
    small = data_folder(bench, bench.size(100), 10_000)
    large = data_folder(bench, bench.size(2000), 10_000)
    size = _describe(bench.size(2000))
    with _scratch(bench) as folder:
        scratch = Path(folder)
        programs = [
            runner_program(bench, large, scratch / "home"),
            peer_program(bench, FLOOR_TWO, large),
        ]
        check_agreement(bench, programs, scratch)
        seconds = time_in_turn(programs, bench.rounds(3), scratch)
        findings = [
            compare(
                f"{size}: rows a second, runner / two-process floor",
                seconds,
                # The same rows for both, so speeds are to each other as seconds the other way.
                FLOOR_TWO,
                RUNNER,
                Target("at least", 0.8),
            )
        ]
        rows = bench.size(2000) * 10_000
        rates = tuple(rows / value for value in seconds[RUNNER])
        findings.append(Finding(f"{size}: runner", rates, "rows/s"))
        findings += _memory_growth(bench, small, large, scratch)
    return findings


def _memory_growth(bench: Bench, small: Path, large: Path, scratch: Path) -> list[Finding]:
    """Peak memory of each role on the large folder, against the small one."""
    before = measure_peaks(runner_program(bench, small, scratch / "home-small"), scratch)
    after = measure_peaks(runner_program(bench, large, scratch / "home-large"), scratch)
    findings = []
    for role in (role for role in before if role in after):
        growth, what = after[role].rss_mb / before[role].rss_mb, f"peak memory of the {role}"
        findings += [
            Finding(f"{what}: large / small", (growth,), target=Target("at most", 1.2)),
            Finding(f"{what}: small", (before[role].rss_mb,), "MB"),
            Finding(f"{what}: large", (after[role].rss_mb,), "MB"),
            Finding(f"{what}: large, shared pages divided", (after[role].pss_mb,), "MB"),
        ]
    return findings


def measure_one_file(bench: Bench) -> list[Finding]:
    """The rows of 2,000 files in one CSV file: speed and a worker's memory against the files."""
    many = data_folder(bench, bench.size(2000), 10_000)
    with _scratch(bench) as folder:
        scratch = Path(folder)
        joined = scratch / "one" / "patients.csv"
        join_tables(sorted(many.glob("*.csv")), joined)
        large = replace(runner_program(bench, joined.parent, scratch / "home-one"), name="one file")
        files = replace(runner_program(bench, many, scratch / "home-many"), name="files")
        counts = {}
        for program in (large, files):
            run = run_once(program, scratch)
            counts[program.name] = json.loads(run.stdout)["predictions"]
            shutil.rmtree(run.output)
        if counts[large.name] != counts[files.name]:
            raise ProgramFailed(f"one file is not scored as its rows in many are: {counts}")
        seconds = time_in_turn([large, files], bench.rounds(3), scratch)
        peak = measure_peaks(large, scratch)["worker"].rss_mb
        peak_of_files = measure_peaks(files, scratch)["worker"].rss_mb
    size = _describe(bench.size(2000))
    speed = compare(
        f"{size}, in one instead: rows a second, one file / files",
        seconds,
        # The same rows for both, so speeds are to each other as seconds the other way.
        files.name,
        large.name,
        Target("at least", 0.8),
    )
    memory = "peak memory of a worker"
    return [
        speed,
        Finding(
            f"{memory}: one file / files", (peak / peak_of_files,), "×", Target("at most", 1.3)
        ),
        Finding(f"{memory}: one file", (peak,), "MB"),
        Finding(f"{memory}: files", (peak_of_files,), "MB"),
    ]


def measure_huge_files(bench: Bench) -> list[Finding]:
    """A CSV file of 5 GB and a Parquet file of 5 GB: the memory of every process."""
    small = data_folder(bench, bench.size(100), 10_000)
    findings = []
    for suffix, grow in ((".csv", join_tables), (".parquet", join_as_parquet)):
        with _scratch(bench) as folder:
            scratch = Path(folder)
            huge = scratch / "data" / f"patients{suffix}"
            grow(sorted(small.glob("*.csv")), huge, bench.size(5 * 10**9))
            program = runner_program(bench, huge.parent, scratch / "home")
            size = f"{huge.stat().st_size / 10**9:.2g} GB of {suffix[1:]}"
            run = run_once(program, scratch)
            summary = json.loads(run.stdout)
            rate = (summary["rows"] / run.seconds,)
            findings.append(Finding(f"{size}, {summary['rows'] / MEGA:.0f}M rows", rate, "rows/s"))
            shutil.rmtree(scratch / "home")
            for role, peak in measure_peaks(program, scratch).items():
                what = f"{size}: peak memory of the {role}"
                findings.append(Finding(what, (peak.rss_mb,), "MB", Target("at most", 600)))
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
    with parquet.ParquetWriter(
        target, table.schema, use_dictionary=False, compression="none"
    ) as writer:
        while not target.exists() or target.stat().st_size < size:
            writer.write_table(table)


def measure_many_files(bench: Bench) -> list[Finding]:
    """200, 2,000 and 20,000 files of one row: the time a file costs, and that it stays so."""
    few, some, many = sizes = [bench.size(number) for number in (200, 2000, 20_000)]
    programs = []
    with _scratch(bench) as folder:
        scratch = Path(folder)
        for size in sizes:
            data = data_folder(bench, size, 1)
            runner = runner_program(bench, data, scratch / f"home-{size}")
            floor = peer_program(bench, FLOOR, data)
            check_agreement(bench, [runner, floor], scratch)
            programs += [replace(one, name=f"{one.name} {size}") for one in (runner, floor)]
        seconds = time_in_turn(programs, bench.rounds(3), scratch)
    findings = []
    for name in (RUNNER, FLOOR):
        first = _cost_of_a_file(seconds, name, few, some)
        second = _cost_of_a_file(seconds, name, some, many)
        findings += [
            *(Finding(f"{name}: {n:,} files", seconds[f"{name} {n}"], "s") for n in sizes),
            Finding(f"{name}: a further file, {few:,} to {some:,}", (first,), "ms"),
            Finding(f"{name}: a further file, {some:,} to {many:,}", (second,), "ms"),
            # Linear is 1; a step that grows with the square of the files would show as 10.
            Finding(
                f"{name}: a further file, the second / the first",
                (second / first,),
                target=Target("at most", 1.5) if name == RUNNER else None,
            ),
        ]
    return findings


def _cost_of_a_file(
    seconds: Mapping[str, tuple[float, ...]], name: str, few: int, many: int
) -> float:
    """Milliseconds each further file takes, without what starting up takes.

    Of medians, not pair by pair: a difference of two runs is mostly noise where files are few.
    """
    return (
        (median(seconds[f"{name} {many}"]) - median(seconds[f"{name} {few}"])) / (many - few) * 1000
    )


def measure_fresh(bench: Bench) -> list[Finding]:
    """An empty clone and an empty package cache: `make score`. Needs git, make and uv.

    What is measured is what is committed.
    """
    with _scratch(bench) as folder:
        clone, cache = Path(folder) / "clone", Path(folder) / "uv-cache"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        before = _megabytes(clone)
        make = Program(
            "make score", lambda _output: ["make", "score"], {"UV_CACHE_DIR": str(cache)}
        )
        seconds = run_once(make, Path(folder), cwd=clone).seconds
        if not list((clone / ".runner").rglob("predictions.csv")):
            raise ProgramFailed("make score ended well but left no predictions.csv")
        workspace = _megabytes(clone / ".runner")
        fetched = _megabytes(clone / ".uv")  # nothing where uv is there already
        installed = _megabytes(clone) - before - workspace - fetched
        cached = _megabytes(cache)
    return [
        Finding("make score from nothing", (seconds,), "s", Target("at most", 60)),
        Finding("installed by it", (installed,), "MB", Target("at most", 400)),
        Finding("uv itself, where it isn't there", (fetched,), "MB"),
        Finding("in the package cache, mostly the same files", (cached,), "MB"),
    ]


def _megabytes(folder: Path) -> float:
    """The size of the files below a folder, those with several names once, in 10^6 bytes."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in files}.values()) / MEGA


def measure_help(bench: Bench) -> list[Finding]:
    """`runner --help`, against importing Click."""
    runner = Program("runner --help", lambda _output: [bench.python, "-m", "runner", "--help"])
    click = Program("import click", lambda _output: [bench.python, "-c", "import click"])
    with _scratch(bench) as folder:
        time_in_turn([runner, click], 1, Path(folder))
        seconds = time_in_turn([runner, click], bench.rounds(15), Path(folder))
    what = "runner --help / import click"
    return [compare(what, seconds, runner.name, click.name, Target("at most", 2))]


CASES: dict[str, Callable[[Bench], list[Finding]]] = {
    "help": measure_help,
    "sample": measure_sample,
    "score-1m": measure_million,
    "profile": measure_profile,
    "many-files": measure_many_files,
    "score-20m": measure_twenty_million,
    "one-file": measure_one_file,
    "huge-files": measure_huge_files,
    "fresh": measure_fresh,
}
