"""What every result file carries: machine, versions, commit, date, settings; medians, spread."""
import datetime
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess

from bench import peers

RESULTS = peers.ROOT / "bench" / "results"


def machine() -> dict:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")),
                 platform.machine())
    thp = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(), "load_before": round(os.getloadavg()[0], 2),
        "transparent_hugepage": thp.read_text().strip() if thp.exists() else "",
    }


def commit() -> str:
    """HEAD, with `+` when the tree differs from it."""
    def git(*args):
        return subprocess.run(["git", *args], cwd=peers.ROOT, capture_output=True,
                              text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "engine", "kvd", "bench",
                  ":!bench/results")
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def versions(running: dict[str, peers.Peer]) -> dict:
    return {name: {"version": peer.version(), "allocator": peer.allocator(),
                   "flags": shlex.join(peer.flags)} for name, peer in running.items()}


def summary(values) -> dict:
    """Median, least and greatest of one figure over the rounds."""
    values = list(values)
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def header(question: str, settings: dict, versions: dict) -> dict:
    return {"question": question, "commit": commit(), "machine": machine(), "peers": versions,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "settings": settings}


def rounded(value):
    """Six significant digits: more is noise and makes the files long."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def dump(result: dict) -> str:
    """JSON with a line for each row of a list: short files, readable differences."""
    parts = []
    for name, value in rounded(result).items():
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        else:
            text = json.dumps(value)
        parts.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def write(name: str, result: dict, directory: pathlib.Path | None = None) -> pathlib.Path:
    directory = directory or RESULTS
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    path.write_text(dump(result))
    return path
