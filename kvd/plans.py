"""The tables of what can be chosen: instance types, policies, persistence, regions.

Each choice has several spellings, since the API, the Blueprint, the dashboard and the engine write
them differently; all are read, and each place is answered in its own. A size name (`1g`) is kept
as it was asked for: a program that compares what it wished with what it got finds no difference.
"""
import re
from dataclasses import dataclass

from .errors import BadRequest

MIB = 1 << 20
GIB = 1 << 30
MEMORY_MAX_BYTES = 512 * GIB
MEMORY_MIN_BYTES = 8 * MIB
CONNECTIONS_MAX = 100_000


@dataclass(frozen=True)
class Plan:
    """One instance type.

    Attributes:
        key: how the API writes it.
        title: how a person reads it.
        memory_bytes: the memory limit; 0 where it is given by hand.
        connections: the limit of clients at a time.
    """

    key: str
    title: str
    memory_bytes: int
    connections: int

    @property
    def persistent(self) -> bool:
        return self.key != "free"


# In the API's spelling. `20g` and `40g` are Pro Max and Pro Ultra, which have no other name there.
PLANS = {plan.key: plan for plan in (
    Plan("free", "Free", 25 * MIB, 50),
    Plan("starter", "Starter", 256 * MIB, 250),
    Plan("standard", "Standard", GIB, 1_000),
    Plan("pro", "Pro", 5 * GIB, 5_000),
    Plan("pro_plus", "Pro Plus", 10 * GIB, 10_000),
    Plan("20g", "Pro Max", 20 * GIB, 20_000),
    Plan("40g", "Pro Ultra", 40 * GIB, 40_000),
    Plan("256mb", "Starter", 256 * MIB, 250),
    Plan("1g", "Standard", GIB, 1_000),
    Plan("5g", "Pro", 5 * GIB, 5_000),
    Plan("10g", "Pro Plus", 10 * GIB, 10_000),
    Plan("custom", "Custom", 0, 0),
)}
# Names that lead to a row above, and sizes of the Blueprint that have no row of their own.
PLAN_SPELLINGS = {"pro_max": "20g", "pro_ultra": "40g"}
BLUEPRINT_SIZES = {"3g": (3 * GIB, 3_000), "50g": (50 * GIB, 50_000)}
# The deprecated half of the API knows no size names.
REDIS_PLANS = {"256mb": "starter", "1g": "standard", "5g": "pro", "10g": "pro_plus",
               "20g": "custom", "40g": "custom"}
# What a person chooses from; the order of the table in `--help` and the documents.
PLAN_NAMES = ["free", "starter", "standard", "pro", "pro_plus", "pro_max", "pro_ultra", "custom"]
PLAN_SIZES = ["256mb", "1g", "3g", "5g", "10g", "20g", "40g", "50g"]

POLICIES = ["allkeys-lru", "noeviction", "allkeys-lfu", "allkeys-random", "volatile-lru",
            "volatile-lfu", "volatile-random", "volatile-ttl"]
PURPOSES = {"cache": "allkeys-lru", "queue": "noeviction"}
PERSISTENCE = ["journal_snapshot", "snapshot", "off"]
PERSISTENCE_TITLES = {"journal_snapshot": "Journal + Snapshot", "snapshot": "Snapshot only",
                      "off": "Off"}
SNAPSHOT_ONLY = ("persistence mode snapshot is not available yet, since the engine writes no "
                 "snapshots on a schedule: choose journal_snapshot or off")
REGIONS = ["oregon", "ohio", "virginia", "frankfurt", "singapore", "local"]
# The engine a new instance is born with, and what it says its version is.
ENGINES = {"valkey8": "8.1.4", "redis6": "6.2.14"}
IDENTITIES = {"valkey8": "valkey", "redis6": "redis6"}      # server-identity


def one_of(what: str, given: str, valid: list[str]) -> BadRequest:
    """The refusal of a value that is none of those."""
    return BadRequest(f"there is no {what} {given!r}: it is one of {', '.join(valid)}")


def parse_plan(given: str, memory_bytes: int | None = None,
               connections: int | None = None) -> tuple[Plan, int, int]:
    """What a plan's name, in any spelling, stands for.

    Args:
        given: `pro_plus`, `pro plus`, `Pro Plus`, `10g`, `custom`.
        memory_bytes: for `custom`.
        connections: for `custom`; 1,000 for each GiB, and no less than 250, if it is not given.
    Returns:
        The plan, its bytes and its connections.
    Raises:
        BadRequest: unknown, or custom without a memory limit, or another with one.
    """
    key = re.sub(r"[\s-]+", "_", given.strip().lower())
    key = PLAN_SPELLINGS.get(key, key)
    if key in BLUEPRINT_SIZES and memory_bytes is None:
        memory_bytes, connections = BLUEPRINT_SIZES[key][0], connections or BLUEPRINT_SIZES[key][1]
        key = "custom"
    plan = PLANS.get(key)
    if plan is None:
        raise one_of("plan", given, PLAN_NAMES + PLAN_SIZES)
    if key != "custom":
        if memory_bytes is not None or connections is not None:
            raise BadRequest(f"the {plan.title} plan has its own limits: --memory and "
                             "--connections belong to the custom plan")
        return plan, plan.memory_bytes, plan.connections
    if memory_bytes is None:
        raise BadRequest("the custom plan needs a memory limit, such as --memory 2g")
    if not MEMORY_MIN_BYTES <= memory_bytes <= MEMORY_MAX_BYTES:
        raise BadRequest(f"memory {show_bytes(memory_bytes)} is out of range: "
                         f"{show_bytes(MEMORY_MIN_BYTES)} to {show_bytes(MEMORY_MAX_BYTES)}")
    if connections is None:
        connections = min(CONNECTIONS_MAX, max(250, memory_bytes * 1000 // GIB))
    if not 1 <= connections <= CONNECTIONS_MAX:
        raise BadRequest(f"{connections} connections is out of range: 1 to {CONNECTIONS_MAX}")
    return plan, memory_bytes, connections


def parse_policy(given: str) -> str:
    """A policy in the engine's spelling: `allkeys_lru` and `cache` are allkeys-lru."""
    key = given.strip().lower().replace("_", "-")
    key = PURPOSES.get(key, key)
    if key not in POLICIES:
        raise one_of("maxmemory policy", given, POLICIES)
    return key


def api_policy(policy: str) -> str:
    """As the API writes it: allkeys_lru."""
    return policy.replace("-", "_")


def parse_persistence(given: str, plan: Plan) -> str:
    """A persistence mode in the API's spelling, if the plan can have it."""
    key = re.sub(r"[\s+-]+", "_", given.strip().lower())
    if key not in PERSISTENCE:
        raise one_of("persistence mode", given, PERSISTENCE)
    if key == "snapshot":
        raise BadRequest(SNAPSHOT_ONLY)
    if key != "off" and not plan.persistent:
        raise BadRequest("a Free instance keeps its data in memory only: its persistence is off")
    return key


def parse_region(given: str) -> str:
    """A region's name."""
    key = given.strip().lower()
    if key not in REGIONS:
        raise one_of("region", given, REGIONS)
    return key


def parse_engine(given: str) -> str:
    """An engine version that an instance can be born with."""
    if given not in ENGINES:
        raise one_of("engine", given, list(ENGINES))
    return given


UNITS = {"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10, "m": MIB, "mb": MIB,
         "mib": MIB, "g": GIB, "gb": GIB, "gib": GIB}


def parse_bytes(given: str) -> int:
    """`512mb`, `2g`, `1.5 GB`: a unit is a power of 1024, as in the table of plans."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", given.lower())
    if match is None or match[2] not in UNITS or len(match[1]) > 15:
        raise BadRequest(f"{given!r} is no amount of memory: write it as 512mb or 2g")
    return int(float(match[1]) * UNITS[match[2]])


def show_bytes(count: float) -> str:
    """25 MB, 1.5 GB."""
    for size, unit in ((1 << 40, "TB"), (GIB, "GB"), (MIB, "MB"), (1 << 10, "KB")):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count:.0f} bytes"
