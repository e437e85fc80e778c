"""Pages that are run: what a reader would do with a quickstart, done by a shell.

    a paragraph with `name.x`, a colon at its end, and a fenced block
                                    the block is put into that file, at its end if there is one
    `    $ command`                 typed; lines below it without `$` are what it prints, with
                                    `...` for anything
    a command that ends with `&`    goes on in the background, until the page is at its end
"""
import dataclasses
import pathlib
import re
import subprocess
import threading
import time

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"(?:\A|\n\n)(?:(?!\n\n).)*?`([\w./-]+\.\w+)`(?:(?!\n\n).)*:\n*\Z", re.S)
WAIT_SECONDS = 60


@dataclasses.dataclass
class File:
    name: str
    text: str


@dataclasses.dataclass
class Command:
    line: str
    prints: str | None                  # None where the page does not say


def steps(page: str) -> list[File | Command]:
    """What a page tells to do, in its order."""
    found, place = [], 0
    for fence in FENCE.finditer(page):
        before = page[place:fence.start()]
        found += commands(before)
        name = FILE.search(before)
        if name:
            found.append(File(name[1], fence[2]))
        place = fence.end()
    return found + commands(page[place:])


def commands(text: str) -> list[Command]:
    found, current = [], None
    for line in text.splitlines():
        if line.startswith("    $ "):
            found.append(current := Command(line[6:], None))
        elif line.startswith("    ") and current:
            current.prints = (current.prints or "") + line[4:] + "\n"
        else:
            current = None
    return found


def matches(wanted: str, printed: str) -> bool:
    """Whether it printed that, where `...` is anything, and a line of it any number of lines."""
    pattern = "".join(r"(?:.*\n)*" if line == "...\n" else
                      ".*".join(map(re.escape, line.split("...")))
                      for line in wanted.splitlines(keepends=True))
    # The last line of what is wanted may be the first of several.
    return re.match(pattern, printed if printed.endswith("\n") else printed + "\n") is not None


class Shell:
    """A shell that is told line after line, as at a terminal."""

    def __init__(self, directory: pathlib.Path, environment: dict[str, str]):
        self.directory = directory
        self.log = open(directory / "background.log", "wb")
        self.process = subprocess.Popen(
            ["bash"], cwd=directory, env=environment, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)

    def do(self, line: str) -> tuple[int, str]:
        """Exit status and what it printed; progress and complaints go to the log."""
        timer = threading.Timer(WAIT_SECONDS, self.process.kill)
        timer.start()
        try:
            if line.endswith("&"):
                redirected = line[:-1] if ">" in line else line[:-1] + ">> background.log"
                line = redirected + " 2>> background.log &"
            else:
                line = f"{{ {line}\n}} < /dev/null"
            self.process.stdin.write(f"{line}\nprintf '\\n--end %d--\\n' $?\n")
            self.process.stdin.flush()
            printed = ""
            while True:
                read = self.process.stdout.readline()
                assert read, f"the shell ended at: {line}"
                if ended := re.fullmatch(r"--end (\d+)--\n", read):
                    return int(ended[1]), printed.removesuffix("\n")
                printed += read
        finally:
            timer.cancel()

    def end(self) -> None:
        self.process.stdin.write("kill $(jobs -p); wait; exit\n")
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def background(self) -> str:
        return (self.directory / "background.log").read_text(errors="replace")[-4000:]


def follow(page: str, directory: pathlib.Path, environment: dict[str, str], skip: str) -> int:
    """Do what a page says; the number of commands that were typed.

    Args:
        skip: a pattern of commands that are not typed: what installs packages.
    """
    shell, typed = Shell(directory, environment), 0
    try:
        for step in steps(page):
            if isinstance(step, File):
                path = directory / step.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "a") as file:
                    file.write(step.text)
            elif not re.match(skip, step.line):
                typed += 1
                attend(shell, step)
    finally:
        shell.end()
    return typed


def attend(shell: Shell, step: Command) -> None:
    """Type it, and see that it prints what the page says; `cat` once the file is there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        status, printed = shell.do(step.line)
        good = status == 0 and (step.prints is None or matches(step.prints, printed))
        if good:
            return
        # A file that a worker writes comes when it comes.
        if not step.line.startswith("cat ") or time.monotonic() > deadline:
            raise AssertionError(f"$ {step.line}\n{printed}(status {status})\n"
                                 f"the log:\n{shell.background()}")
        time.sleep(0.1)
