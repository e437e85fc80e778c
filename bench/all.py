"""Run every benchmark, write bench/results/*.json and docs/performance.md; about half an hour.

    python -m bench.all [--quick]

Run it on a quiet machine: the load average before each part is kept in its result.
"""
import argparse
import subprocess
import sys
import time

from bench.report import ORDER, QUESTIONS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small runs: about two minutes")
    options = parser.parse_args()
    failed = []
    for name in ORDER:
        started = time.monotonic()
        print(f"== {name}", flush=True)
        # A process each: a part leaves neither its affinity nor its memory to the next.
        question = QUESTIONS.get(name, name).split()
        command = [sys.executable, "-m", f"bench.{question[0]}", *question[1:], "--save"]
        if subprocess.run(command + ["--quick"] * options.quick).returncode:
            failed.append(name)         # the others are worth having
        print(f"== {name} took {time.monotonic() - started:.0f} s", flush=True)
    subprocess.run([sys.executable, "-m", "bench.report"], check=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
