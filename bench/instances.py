"""How soon does a new instance answer, and what do idle ones cost?

    python -m bench.instances [--quick] [--count 50] [--seconds 40] [--save]

From the start of `kvd create` to the first PONG on the internal port, with an agent that runs and
with none; resident memory of an idle engine and of the agent; the agent's processor with many
instances that do nothing. Everything runs in a home of its own and is deleted in the end.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from bench import record
from kvd.client import Gone, Link
from tests.kvd.installation import Installation

QUESTION = "How soon does a new instance answer, and what do idle ones cost?"
TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(pid: int) -> float:
    """Processor time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def create_to_pong(place: Installation, name: str, port: int) -> float:
    """Seconds from the start of the command to a PONG; who asks knows the port beforehand."""
    start = time.perf_counter()
    command = subprocess.Popen([sys.executable, "-m", "kvd", "create", name],
                               env=place.environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while True:
        try:
            with Link.url(f"redis://127.0.0.1:{port}", timeout=1.0) as link:
                link.do("PING")
                break
        except Gone:
            time.sleep(0.002)
    spent = time.perf_counter() - start
    command.wait()
    return spent


def stop_agent(place: Installation) -> None:
    place.ask("POST", "/agent/stop")
    while place.home.holder() is not None:
        time.sleep(0.01)


def measure(place: Installation, first_port: int, count: int, seconds: float) -> dict:
    figures: dict = {}
    for case in ("agent runs", "no agent"):
        times = []
        for turn in range(6):
            if case == "no agent":
                stop_agent(place)
            times.append(create_to_pong(place, f"turn-{turn}", first_port))
            place.ask("DELETE", f"/key-value/turn-{turn}")
        figures[f"create to PONG, {case}"] = record.summary(times[1:]) | {"unit": "s"}
    made = [place.ask("POST", "/key-value", {"name": f"idle-{number}", "plan": "free"})
            for number in range(count)]
    for one in made:
        place.wait(one["id"])
    time.sleep(12)                      # the first samples
    pids = [place.pid(one["id"]) for one in made]
    figures["idle engine, resident"] = record.summary(map(resident_mb, pids)) | {"unit": "MB"}
    agent = place.agent_pid()
    before, start = seconds_of(agent), time.monotonic()
    time.sleep(seconds)
    share = 100 * (seconds_of(agent) - before) / (time.monotonic() - start)
    figures[f"agent, {count} idle instances"] = record.summary([share]) | {
        "unit": "% of a processor"}
    figures["agent, resident"] = record.summary([resident_mb(agent)]) | {"unit": "MB"}
    return figures


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=QUESTION)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--port", type=int, default=26000)
    parser.add_argument("--quick", action="store_true", help="ten instances, ten seconds")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(argv)
    if options.quick:
        options.count, options.seconds = 10, 10.0
    result = record.header(QUESTION, {"count": options.count, "seconds": options.seconds}, {})
    with tempfile.TemporaryDirectory(prefix="kvd-bench-") as directory:
        place = Installation(pathlib.Path(directory), options.port)
        try:
            figures = measure(place, options.port, options.count, options.seconds)
        finally:
            place.end()
    result["figures"] = [{"what": what, **figure} for what, figure in figures.items()]
    for row in result["figures"]:
        print(f"{row['what']:36} {row['median']:8.3g} {row['unit']}  "
              f"({row['min']:.3g} to {row['max']:.3g})")
    if options.save:
        print(record.write("instances", result))


if __name__ == "__main__":
    main()
