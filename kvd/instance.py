"""What an instance is: what somebody has chosen for it, and what we have given it.

A frozen record; a change makes a new one (`dataclasses.replace`). It is stored as it stands, so
its fields may gain members with defaults and never lose one.
"""
import shlex
from dataclasses import dataclass

from .allowlist import Rule
from .names import show_host
from .plans import PLANS, Plan

# Render's words for what is going on.
CREATING, AVAILABLE, UNAVAILABLE = "creating", "available", "unavailable"
UPDATING, RESTARTING, SUSPENDED = "updating_instance", "config_restart", "suspended"
RECOVERING, RECOVERY_FAILED = "recovery_in_progress", "recovery_failed"
WAITING = (CREATING, UPDATING, RESTARTING, RECOVERING, UNAVAILABLE)
STATUSES = (AVAILABLE, SUSPENDED, *WAITING, RECOVERY_FAILED)


@dataclass(frozen=True)
class Instance:
    """One instance.

    Attributes:
        plan: key in the table of plans.
        memory_bytes: the engine's maxmemory.
        connections: the engine's maxclients.
        policy: in the engine's spelling, with hyphens.
        persistence: journal_snapshot or off.
        engine: the version it was born with.
        internal_port: plaintext; on the internal host.
        external_port: TLS.
        password: of the tenant, behind both URLs.
        old_password: accepted beside the password until old_password_until.
        created_at, updated_at, old_password_until: seconds since the epoch.
    """

    id: str
    name: str
    plan: str
    memory_bytes: int
    connections: int
    region: str
    policy: str
    persistence: str
    engine: str
    internal_port: int
    external_port: int
    password: str
    created_at: float
    updated_at: float
    status: str = CREATING
    internal_auth: bool = False
    allowlist: tuple[Rule, ...] = ()
    old_password: str = ""
    old_password_until: float = 0.0
    options: dict[str, str] | None = None

    @property
    def type(self) -> Plan:
        return PLANS[self.plan]

    @property
    def suspended(self) -> bool:
        return self.status == SUSPENDED

    def internal_url(self, host: str) -> str:
        """For programs on the private side."""
        login = f"default:{self.password}@" if self.internal_auth else ""
        return f"redis://{login}{show_host(host)}:{self.internal_port}"

    def external_url(self, host: str) -> str:
        """For programs elsewhere: TLS, and the instance's id as the user."""
        return f"rediss://{self.id}:{self.password}@{show_host(host)}:{self.external_port}"

    def cli_command(self, host: str, ca: str = "") -> str:
        """To paste into a shell; the space before it keeps it out of the shell's history."""
        tool = "redis-cli" if self.engine == "redis6" else "valkey-cli"
        return (f" REDISCLI_AUTH={self.password} {tool} --user {self.id} -h {host} "
                f"-p {self.external_port} --tls" + (f" --cacert {shlex.quote(ca)}" if ca else ""))
