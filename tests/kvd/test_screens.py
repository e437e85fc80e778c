"""The tour of docs/instances/tour.md. Goal: what the page shows is what the commands print. Method:
run them in their order, on a terminal of 100 columns, in a fresh home; put examples in the place of
what differs each time; compare. With KVD_WRITE_SCREENS=1 the page is written anew."""
import math
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from fcntl import ioctl

import pytest

from kvd.terminal import watching
from tests.kvd.installation import ROOT, Installation

PAGE = ROOT / "docs" / "instances" / "tour.md"
BLOCK = re.compile(r"((?:^(?:    .*)?\n)*^    \S.*\n)", re.M)
NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("screens"), 25200)
    yield place
    place.end()


def at_terminal(place, words: list[str]) -> str:
    """What is printed on a terminal: results, and complaints behind them."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 96, 0, 0))
    run = subprocess.Popen([sys.executable, "-m", "kvd", *words], stdout=theirs, text=True,
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           env=place.environment | {"TERM": "xterm", "NO_COLOR": "1"})
    os.close(theirs)
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:
                return                  # it has ended
            if not part:
                return
            shown.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    _, complaint = run.communicate(timeout=60)
    reader.join()
    os.close(ours)
    text = b"".join(shown).decode().replace("\r\n", "\n")
    progress = re.compile(r"^\w+ [\w-]+: \w+\n", re.M)
    return text + progress.sub("", complaint)


def metrics() -> str:
    """A plot of figures that stand still."""
    points = [{"timestamp": watching.time.strftime("%Y-%m-%dT%H:%M:%SZ", watching.time.gmtime(at)),
               "value": (40 + 20 * math.sin(at / 500)) * (1 << 20), "unit": "bytes"}
              for at in range(int(NOW) - 3600, int(NOW), 30)]
    series = {"labels": [{"field": "resource", "value": "red-x"},
                         {"field": "metric", "value": "memory"}], "unit": "bytes",
              "values": points}
    instance = {"status": "available", "limits": {"memoryBytes": 256 << 20, "connections": 250}}
    return "\n".join(watching.plot_lines(series, instance, NOW - 3600, NOW, 92))


def steady(text: str, ids: dict[str, str]) -> str:
    """With examples in the place of what differs each time."""
    for id in re.findall(r"red-[0-9a-v]{20}", text):
        ids.setdefault(id, f"red-d8k3stdodlmc73btr{len(ids):x}q0")
    for id, example in ids.items():
        text = text.replace(id, example)
    text = re.sub(r"(:|=)[A-Za-z0-9]{32}(@| )", r"\1pDZ5vtvYw7WbRMHgfTVYgvc4wnuV8iZi\2", text)
    text = text.replace(" redis-cli --user", " valkey-cli --user")
    text = re.sub(r"--cacert \S+", "--cacert ~/.local/share/kvd/ca/ca.pem", text)
    text = re.sub(r"\b25(\d\d\d)\b", lambda match: f"6{400 + int(match[1]) % 100}", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "2026-06-09T16:25:25.489442Z", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+", "2026-06-09 16:25:25 UTC", text)
    text = re.sub(r"/\S+/home\b", "~/.local/share/kvd", text)
    text = re.sub(r"in \d+\.\d ms", "in 0.2 ms", text)
    text = re.sub(r"process \d+, \d+ engines", "process 4242, 2 engines", text)
    text = re.sub(r"[\d.]+ [GT]B free", "80 GB free", text)
    text = re.sub(r"(open files +ok +)\d+", r"\g<1>20000", text)
    text = re.sub(r"(valkey|redis)-cli is installed|no valkey-cli here.*",
                  "valkey-cli is installed", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def screens(place) -> str:
    """The page as it should be."""
    ids: dict[str, str] = {}
    lines: list[str] = []
    showing = False
    for line in PAGE.read_text().splitlines():
        if line.startswith("    $ kvd "):
            words = line.removeprefix("    $ kvd ").split()
            shown = metrics() if words[0] == "metrics" else at_terminal(place, words)
            lines += [line, *[f"    {one}".rstrip() for one in steady(shown, ids).splitlines()]]
            showing = True
        elif showing and (line.startswith("    ") or not line):
            if not line and lines[-1]:
                lines.append("")        # what stood here is what was shown before
        else:
            showing = False
            lines.append(line)
    text = "\n".join(lines).rstrip("\n") + "\n"
    return re.sub(r"\n{3,}", "\n\n", text)


def test_the_tour_shows_what_there_is_to_see(place):
    found = screens(place)
    if os.environ.get("KVD_WRITE_SCREENS"):
        PAGE.write_text(found)
    assert found == PAGE.read_text()
