"""agent status|start|stop|install|key, settings: the installation itself."""
import os
import pathlib
import subprocess
import sys
import sysconfig
import time

import click

from ..errors import BadRequest, Conflict, Failed, TimedOut
from ..names import shown
from ..settings import SETTINGS, read_setting, show_setting
from .remote import start_agent
from .session import Session, offer, table, verb

STOP_SECONDS = 40.0
UNIT = """\
[Unit]
Description=kvd agent: starts and watches key value instances
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
Environment=KVD_HOME={home}
{path}ExecStart={python} -m kvd agent run
Restart=on-failure
RestartSec=1
# Engines serve on while the agent is restarted or updated.
KillMode=process
LimitNOFILE=200000
UMask=0077

[Install]
WantedBy={target}
"""


@click.group()
def agent() -> None:
    """The process that starts and watches engines. It is started when it is needed."""


@agent.command(hidden=True)
def run() -> None:
    """Run the agent in the foreground, as systemd does."""
    from ..agent.main import main
    from ..home import Home, default_home
    sys.exit(main(Home(default_home())))


@agent.command()
@verb()
def status(session: Session) -> None:
    """Say whether the agent runs. Starts nothing."""
    if not session.remote.running():
        session.print({"running": False, "home": str(session.home.root)},
                      "The agent does not run. Engines that run serve on without it.")
        sys.exit(5)
    found = session.ask("GET", "/agent")
    place = f", API also on http://{found['apiListen']}" if found["apiListen"] else ""
    session.print({"running": True} | found,
                  f"The agent runs as process {found['pid']} in {found['home']}: "
                  f"{found['instances']} instances, {found['engines']} engines{place}")


@agent.command()
@verb(changes=True)
def start(session: Session) -> None:
    """Start the agent, if it does not run."""
    if not session.remote.running():
        if session.dry_run:
            session.print({"running": False}, "Would start the agent")
            return
        start_agent(session.home)
    found = session.ask("GET", "/agent")
    session.print(found, f"The agent runs as process {found['pid']}")


@agent.command()
@verb(changes=True)
def stop(session: Session) -> None:
    """End the agent. Engines serve on, unwatched, until it runs again."""
    if not session.remote.running():
        session.print({"running": False}, "The agent does not run.")
        return
    if session.dry_run:
        session.print({"running": True}, "Would stop the agent; engines would serve on")
        return
    session.ask("POST", "/agent/stop")
    deadline = time.monotonic() + STOP_SECONDS
    while session.home.holder() is not None:
        if time.monotonic() > deadline:
            raise TimedOut("the agent does not end: it finishes a change")
        time.sleep(0.02)
    session.print({"running": False}, "The agent has ended; engines serve on.")


@agent.command()
@click.option("--print", "only_print", is_flag=True, help="Print the unit and write nothing.")
@click.option("--system/--user", "system", default=os.geteuid() == 0,
              help="For the whole system, or for your own user.")
@verb(changes=True)
def install(session: Session, only_print: bool, system: bool) -> None:
    """Write a systemd unit, so that the agent runs after a reboot."""
    unit = UNIT.format(home=session.home.root, python=sys.executable, path=source_path(),
                       target="multi-user.target" if system else "default.target")
    path = pathlib.Path("/etc/systemd/system" if system else
                        os.path.expanduser("~/.config/systemd/user")) / "kvd-agent.service"
    found = {"path": str(path), "unit": unit, "written": not (only_print or session.dry_run)}
    if only_print:
        session.print(found, unit.rstrip())
        return
    if session.dry_run:
        session.print(found, f"Would write {path}")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from None
    scope = "" if system else " --user"
    session.print(found, f"Wrote {path}. Now:\n    systemctl{scope} daemon-reload && "
                         f"systemctl{scope} enable --now kvd-agent"
                         + ("" if system else "\n    loginctl enable-linger"))
    try:
        subprocess.run(["systemctl", *scope.split(), "daemon-reload"], check=False,
                       capture_output=True)
    except OSError:
        pass                            # no systemd here: the file waits for one


def source_path() -> str:
    """A line for the unit where Python does not find us by itself: in an unpacked source."""
    source = pathlib.Path(__file__).resolve().parent.parent.parent
    installed = {pathlib.Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return "" if source in installed else f"Environment=PYTHONPATH={source}\n"


@agent.group()
def key() -> None:
    """Keys for the API over TCP (`kvd settings api-listen 127.0.0.1:8700`)."""


@key.command("create")
@click.argument("name", default="")
@verb(changes=True)
def key_create(session: Session, name: str) -> None:
    """Make a key. It is shown once."""
    if session.dry_run:
        session.print({"name": name}, "Would make a key")
        return
    found = session.ask("POST", "/keys", {"name": name})
    session.print(found, found["key"])
    session.note("Keep it: it is not shown again.")


@key.command("list")
@verb()
def key_list(session: Session) -> None:
    """List keys, without what they are."""
    found = session.ask("GET", "/keys")
    if session.as_json:
        session.print(found)
    else:
        table(["id", "name"], [[one["id"], one["name"]] for one in found])


@key.command("revoke")
@click.argument("id")
@verb(changes=True)
def key_revoke(session: Session, id: str) -> None:
    """Let a key open nothing any more."""
    if session.dry_run:
        session.print({"id": id, "revoked": False}, f"Would revoke {id}")
        return
    session.ask("DELETE", f"/keys/{id}")
    session.print({"id": id, "revoked": True}, f"Revoked {id}")


@click.command()
@click.argument("name", required=False, shell_complete=offer(SETTINGS))
@click.argument("value", required=False)
@verb(changes=True)
def settings(session: Session, name: str | None, value: str | None) -> None:
    """Show or change the installation's settings."""
    found = session.ask("GET", "/settings")
    if name is None:
        if session.as_json:
            session.print(found)
        else:
            table(["setting", "value", ""], [
                [one["name"], show_setting(one["name"], one["value"]), one["help"]]
                for one in found])
        return
    row = next((one for one in found if one["name"] == name), None)
    if row is None:
        raise BadRequest(f"there is no setting {shown(name)}: it is one of "
                         f"{', '.join(one['name'] for one in found)}")
    if value is None:
        session.print(row, show_setting(name, row["value"]))
        return
    if not session.remote.local:
        raise Conflict("settings are changed on the agent's own host")
    if session.dry_run:
        stored = read_setting(name, value)
        session.print(row | {"value": stored},
                      f"Would change {name}: {show_setting(name, row['value'])} -> "
                      f"{show_setting(name, stored)}")
        return
    found = session.ask("PUT", f"/settings/{name}", {"value": value})
    session.print(found, f"{name} is {show_setting(name, found['value'])}")
    if name == "api-listen":
        session.note("It takes effect when the agent starts anew: `kvd agent stop`, then any "
                     "verb.")


COMMANDS = [agent, settings]
