"""MEMORY STATS, DOCTOR and MALLOC-STATS."""
from . import inspect
from .cold import Verbatim, register
from .cold_info import human, memory_figures

SMALL = 5 << 20                         # bytes: below, ratios say nothing


@register("memory|stats")
def stats(server, client, argv: list[bytes]) -> dict:
    n = inspect.snapshot(server.capsule)
    m = memory_figures(n)
    databases = inspect.databases(server.capsule)
    keys = sum(db["keys"] for db in databases)
    tables = {f"db.{db['index']}": {
        # Deadlines stand in the entries themselves: no table of their own.
        "overhead.hashtable.main": db["table"], "overhead.hashtable.expires": 0,
    } for db in databases}
    return {
        "peak.allocated": n["used_peak"], "total.allocated": n["used"],
        "startup.allocated": n["startup"], "replication.backlog": 0, "replicas.repl.buffer": 0,
        "clients.slaves": 0, "clients.normal": n["clients_memory"], "cluster.links": 0,
        "cluster.slot_import": 0, "cluster.slot_export": 0, "aof.buffer": n["aof_buffer"],
        "lua.caches": n["scripts_memory"], "functions.caches": n["libraries_memory"], **tables,
        "overhead.db.hashtable.lut": n["tables"],
        "overhead.db.hashtable.rehashing": 0, "overhead.total": m["overhead"],
        "db.dict.rehashing.count": 0, "keys.count": keys,
        "keys.bytes-per-key": (n["used"] - n["startup"]) // keys if keys else 0,
        "dataset.bytes": m["dataset"], "dataset.percentage": m["dataset_percent"],
        "peak.percentage": m["peak_percent"], "allocator.allocated": n["used"],
        "allocator.active": n["active"], "allocator.resident": m["allocator_resident"],
        "allocator.muzzy": 0, "allocator-fragmentation.ratio": m["frag_ratio"],
        "allocator-fragmentation.bytes": m["frag_bytes"], "allocator-rss.ratio": m["rss_ratio"],
        "allocator-rss.bytes": m["rss_bytes"], "rss-overhead.ratio": m["overhead_ratio"],
        "rss-overhead.bytes": m["overhead_bytes"], "fragmentation": m["fragmentation"],
        "fragmentation.bytes": m["fragmentation_bytes"],
    }


def complaints(n: dict, m: dict) -> list[str]:
    """What looks wrong, a sentence each."""
    out = []
    if n["used_peak"] > n["used"] * 1.5:
        out.append(f"Peak: at some time {human(n['used_peak'])} were used, now "
                   f"{human(n['used'])}. Pages that keys left behind go back to the system by and "
                   "by, or at once with MEMORY PURGE.")
    if m["frag_ratio"] > 1.4:
        out.append(f"Fragmentation: blocks take {human(n['active'])} of pages for "
                   f"{human(n['used'])} of data. Values have changed their sizes; the room is "
                   "reused as new ones come.")
    if m["rss_ratio"] > 1.1:
        out.append(f"Free pages: {human(m['rss_bytes'])} are held ready for growth. MEMORY PURGE "
                   "gives them back.")
    if n["clients"] and n["clients_memory"] / n["clients"] > 200_000:
        out.append(f"Clients: their buffers hold {human(n['clients_memory'])}. CLIENT LIST shows "
                   "who reads slowly (omem) or sends large requests (qbuf).")
    if n["maxmemory"] and n["used"] > n["maxmemory"] * 0.9 and n["policy"] == 0:
        out.append(f"Limit: {100 * n['used'] // n['maxmemory']}% of maxmemory are used and the "
                   "policy is noeviction: writes will be refused.")
    return out


@register("memory|doctor")
def doctor(server, client, argv: list[bytes]) -> Verbatim:
    n = inspect.snapshot(server.capsule)
    if n["used"] < SMALL:
        return Verbatim(f"Only {human(n['used'])} are used: too little to judge by.\n")
    found = complaints(n, memory_figures(n))
    if not found:
        return Verbatim("Nothing looks wrong with the use of memory.\n")
    return Verbatim("".join(f"* {line}\n" for line in found))


@register("memory|malloc-stats")
def malloc_stats(server, client, argv: list[bytes]) -> Verbatim:
    n = inspect.snapshot(server.capsule)
    lines = [f"used {n['used']}, mapped {n['mapped']}, free pages held {n['free_pages']} bytes",
             "", "  block     in use       room     filled"]
    for size, used, room in inspect.heap_classes(server.capsule):
        lines.append(f"{size:7d} {used:10d} {room:10d} {100 * used / max(room, 1):9.1f}%")
    return Verbatim("\n".join(lines) + "\n")
