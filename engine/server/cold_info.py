"""INFO: Valkey's sections and field names, each with a value that is true here.

A field of something that does not exist in this server (clusters, scripts, replicas, forks) says
0, none or no, since those who read it take its absence for an error. Nothing else is constant.
"""
import os
import resource
import socket
import sys
import zlib
from functools import cache

from kvd import __version__

from ..wire.command import command_table
from . import inspect
from .cold import Error, Verbatim, is_legacy, register

PAGE = resource.getpagesize()
POLICIES = ("noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru",
            "volatile-lfu", "volatile-random", "volatile-ttl")
DIRECTIVES = ("port", "hz", "supervised", "latency-tracking-info-percentiles", "maxclients")


def human(size: float) -> str:
    """1536 -> "1.50K"."""
    if size < 1024:
        return f"{size:.0f}B"
    for unit in "KMGT":
        size /= 1024
        if size < 1024:
            return f"{size:.2f}{unit}"
    return f"{size / 1024:.2f}P"


def resident_bytes() -> int:
    """Physical memory of this process."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def system_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * PAGE


def memory_figures(n: dict) -> dict:
    """What INFO memory and MEMORY STATS both derive from a snapshot."""
    resident = resident_bytes()
    overhead = min(n["startup"] + n["tables"] + n["clients_memory"] + n["aof_buffer"], n["used"])
    allocator_resident = n["active"] + n["free_pages"]
    net = n["used"] - n["startup"]
    return dict(
        resident=resident, overhead=overhead, dataset=n["used"] - overhead,
        dataset_percent=100 * (n["used"] - overhead) / net if net > 0 else 0.0,
        peak_percent=100 * n["used"] / n["used_peak"], allocator_resident=allocator_resident,
        frag_ratio=n["active"] / n["used"], frag_bytes=n["active"] - n["used"],
        rss_ratio=allocator_resident / n["active"], rss_bytes=allocator_resident - n["active"],
        overhead_ratio=resident / allocator_resident,
        overhead_bytes=resident - allocator_resident,
        fragmentation=resident / n["used"], fragmentation_bytes=resident - n["used"],
    )


def percentile(buckets: list[tuple[float, int]], percent: float) -> float:
    """The span, in microseconds, that `percent` of the calls did not exceed."""
    total = sum(count for _, count in buckets)
    seen = 0
    for top, count in buckets:
        seen += count
        if seen >= total * percent / 100:
            return top
    return 0.0


@cache
def build_id() -> str:
    """The same for two servers that know the same commands, and else different."""
    text = "".join(map(repr, command_table().values())) + sys.version
    return f"{zlib.crc32(text.encode()):08x}"


def processor() -> str:
    return "X86 TSC" if os.uname().machine == "x86_64" else "ARM CNTVCT"


# A listener's number in INFO says its kind, in Valkey too. RDMA would be 3.
LISTENER_NUMBERS = {"tcp": 0, "unix": 1, "tls": 2}
LISTENERS_FURTHER = 4


def listeners(server) -> list[tuple[str, str]]:
    """The doors that are open, as INFO's listener fields say it."""
    found: dict[tuple[str, int], list[str]] = {}
    for fd, kind in inspect.listeners(server.capsule):
        if kind == "control":
            continue                    # the owner's: nobody else has to know of it
        with socket.socket(fileno=os.dup(fd)) as door:
            address = door.getsockname()
        host, port = address[:2] if isinstance(address, tuple) else (address, 0)
        found.setdefault((kind, port), []).append(host)
    fields: dict[int, str] = {}
    for (kind, port), hosts in found.items():
        number = LISTENER_NUMBERS[kind]
        if number in fields:            # another port of a kind
            number = max(LISTENERS_FURTHER, max(fields) + 1)
        fields[number] = "".join([f"name={kind}", *(f",bind={host}" for host in hosts),
                                  f",port={port}" if port else ""])
    return [(f"listener{number}", fields[number]) for number in sorted(fields)]


# -- sections: (field, value) pairs ----------------------------------------------------------------

def server_section(server, n: dict, config: dict) -> list:
    uptime = max(n["wall_us"] // 1000 - n["started_ms"], 0) // 1000
    names = [] if n["identity_redis"] else [
        ("server_name", "valkey"), ("valkey_version", n["valkey_version"]),
        ("valkey_release_stage", "ga")]
    return [
        ("redis_version", n["redis_version"]), *names, ("kvd_version", __version__),
        ("redis_git_sha1", "00000000"), ("redis_git_dirty", 0), ("redis_build_id", build_id()),
        ("redis_mode", "standalone"), ("server_mode", "standalone"),
        ("os", "{0.sysname} {0.release} {0.machine}".format(os.uname())),
        ("arch_bits", 64), ("monotonic_clock", f"{processor()} @ {n['ticks_per_us']:.2f} ticks/us"),
        ("multiplexing_api", "epoll"), ("gcc_version", sys.version.split()[-1].rstrip("]")),
        ("process_id", os.getpid()), ("process_supervised", config["supervised"]),
        ("run_id", n["run_id"]), ("tcp_port", config["port"]),
        ("server_time_usec", n["wall_us"]), ("uptime_in_seconds", uptime),
        ("uptime_in_days", uptime // 86400), ("hz", config["hz"]), ("configured_hz", config["hz"]),
        ("clients_hz", config["hz"]), ("lru_clock", n["lru_clock"]),
        ("executable", sys.executable), ("config_file", server.config_file or ""),
        ("io_threads_active", 0), ("availability_zone", ""),
        *listeners(server),
    ]


def tls_section(server, n: dict, config: dict) -> list:
    return [(f"tls_{whose}_cert_{field}", value) for whose in ("server", "client", "ca")
            for field, value in (("serial", "none"), ("expires_in_seconds", 0))]


def clients_section(server, n: dict, config: dict) -> list:
    return [
        ("connected_clients", n["clients"]), ("cluster_connections", 0),
        ("maxclients", config["maxclients"]),
        ("client_recent_max_input_buffer", n["clients_input_max"]),
        ("client_recent_max_output_buffer", n["clients_output_max"]),
        ("blocked_clients", n["blocked_clients"]), ("tracking_clients", n["trackers"]),
        ("pubsub_clients", n["pubsub_clients"]),
        ("watching_clients", n["watching_clients"]),
        ("clients_in_timeout_table", n["deadlines"]),
        ("total_watched_keys", n["watched_keys"]),
        ("total_blocking_keys", n["awaited_keys"]),
        ("total_blocking_keys_on_nokey", n["awaited_keys_gone"]),
        ("paused_reason", "client_pause" if n["paused_ms"] else "none"),
        ("paused_actions", "none" if not n["paused_ms"] else "all" if n["paused_all"] else "write"),
        ("paused_timeout_milliseconds", n["paused_ms"]),
    ]


def memory_section(server, n: dict, config: dict) -> list:
    m = memory_figures(n)
    return [
        ("used_memory", n["used"]), ("used_memory_human", human(n["used"])),
        ("used_memory_rss", m["resident"]), ("used_memory_rss_human", human(m["resident"])),
        ("used_memory_peak", n["used_peak"]), ("used_memory_peak_human", human(n["used_peak"])),
        ("used_memory_peak_perc", f"{m['peak_percent']:.2f}%"),
        ("used_memory_overhead", m["overhead"]), ("used_memory_startup", n["startup"]),
        ("used_memory_dataset", m["dataset"]),
        ("used_memory_dataset_perc", f"{m['dataset_percent']:.2f}%"),
        ("allocator_allocated", n["used"]), ("allocator_active", n["active"]),
        ("allocator_resident", m["allocator_resident"]), ("allocator_muzzy", 0),
        ("total_system_memory", system_bytes()),
        ("total_system_memory_human", human(system_bytes())),
        *scripts_fields(n),
        ("maxmemory", n["maxmemory"]), ("maxmemory_human", human(n["maxmemory"])),
        ("maxmemory_policy", POLICIES[n["policy"]]),
        ("allocator_frag_ratio", f"{m['frag_ratio']:.2f}"),
        ("allocator_frag_bytes", m["frag_bytes"]),
        ("allocator_rss_ratio", f"{m['rss_ratio']:.2f}"), ("allocator_rss_bytes", m["rss_bytes"]),
        ("rss_overhead_ratio", f"{m['overhead_ratio']:.2f}"),
        ("rss_overhead_bytes", m["overhead_bytes"]),
        ("mem_fragmentation_ratio", f"{m['fragmentation']:.2f}"),
        ("mem_fragmentation_bytes", m["fragmentation_bytes"]),
        ("mem_not_counted_for_evict", n["not_counted"]), ("mem_replication_backlog", 0),
        ("mem_total_replication_buffers", 0), ("mem_replicas_repl_buffer", 0),
        ("mem_clients_slaves", 0), ("mem_clients_normal", n["clients_memory"]),
        ("mem_cluster_links", 0), ("mem_cluster_slot_import", 0), ("mem_cluster_slot_export", 0),
        ("mem_aof_buffer", n["aof_buffer"]), ("mem_allocator", "kvd"),
        ("mem_overhead_db_hashtable_rehashing", 0),
        ("active_defrag_running", 10 if n["defrag_running"] else 0),   # percent of the time
        ("lazyfree_pending_objects", n["dropped_items"]),
        ("lazyfreed_objects", n["freed_items"]),
    ]


def scripts_fields(n: dict) -> list:
    """Machines have a heap of their own, which is not part of used_memory; texts are."""
    total = n["vm_eval"] + n["vm_functions"]
    texts = n["scripts_memory"] + n["libraries_memory"]
    return [
        ("used_memory_lua", n["vm_eval"]), ("used_memory_vm_eval", n["vm_eval"]),
        ("used_memory_lua_human", human(n["vm_eval"])),
        ("used_memory_scripts_eval", n["scripts_memory"]),
        ("number_of_cached_scripts", n["scripts"]), ("number_of_functions", n["functions"]),
        ("number_of_libraries", n["libraries"]), ("used_memory_vm_functions", n["vm_functions"]),
        ("used_memory_vm_total", total), ("used_memory_vm_total_human", human(total)),
        ("used_memory_functions", n["libraries_memory"]), ("used_memory_scripts", texts),
        ("used_memory_scripts_human", human(texts)),
    ]


def loading_fields(n: dict) -> list:
    done, total = n["loading_done"], max(n["loading_total"], n["loading_done"], 1)
    took = max(n["wall_us"] // 1000 - n["loading_started_ms"], 0) / 1000
    return [
        ("loading_start_time", n["loading_started_ms"] // 1000),
        ("loading_total_bytes", n["loading_total"]), ("loading_rdb_used_mem", n["used"]),
        ("loading_loaded_bytes", done), ("loading_loaded_perc", f"{100 * done / total:.2f}"),
        ("loading_eta_seconds", round(took * (total - done) / done) if done else 1),
    ]


def persistence_section(server, n: dict, config: dict) -> list:
    # What the journal knows of itself stands in the place of what is so without one.
    journal = server.journal.info() if server.journal is not None else {}
    fields = [
        ("loading", n["loading"]), ("async_loading", 0), ("current_cow_peak", 0),
        ("current_cow_size", 0), ("current_cow_size_age", 0), ("current_fork_perc", "0.00"),
        ("current_save_keys_processed", 0), ("current_save_keys_total", 0),
        ("rdb_changes_since_last_save", n["dirty"]), ("rdb_bgsave_in_progress", 0),
        ("rdb_last_save_time", n["started_ms"] // 1000), ("rdb_last_bgsave_status", "ok"),
        ("rdb_last_bgsave_time_sec", -1), ("rdb_current_bgsave_time_sec", -1), ("rdb_saves", 0),
        ("rdb_last_cow_size", 0), ("rdb_last_load_keys_expired", 0),
        ("rdb_last_load_keys_loaded", 0), ("aof_enabled", n["aof_enabled"]),
        ("aof_rewrite_in_progress", 0), ("aof_rewrite_scheduled", 0),
        ("aof_last_rewrite_time_sec", -1), ("aof_current_rewrite_time_sec", -1),
        ("aof_last_bgrewrite_status", "ok"), ("aof_rewrites", 0),
        ("aof_rewrites_consecutive_failures", 0),
        ("aof_last_write_status", "err" if n["aof_status"] else "ok"), ("aof_last_cow_size", 0),
        ("module_fork_in_progress", 0), ("module_fork_last_cow_size", 0),
        ("slot_migration_fork_in_progress", 0),
    ]
    if n["aof_enabled"]:
        fields += [
            ("aof_current_size", n["aof_size"] + n["aof_earlier_size"] + n["aof_base_size"]
                + n["aof_pending"]),
            ("aof_base_size", n["aof_base_size"]), ("aof_pending_rewrite", 0),
            ("aof_buffer_length", n["aof_pending"]),
            ("aof_pending_bio_fsync", n["aof_size"] > n["aof_synced"]),
            ("aof_delayed_fsync", n["aof_delayed_fsync"]),
        ]
    fields = [(name, journal.pop(name, value)) for name, value in fields]
    fields += journal.items() if n["aof_enabled"] else []
    return fields + loading_fields(n) if n["loading"] else fields


def stats_section(server, n: dict, config: dict) -> list:
    zeros = dict.fromkeys((
        "io_threaded_reads_processed", "io_threaded_writes_processed",
        "io_threaded_freed_objects", "io_threaded_accept_processed", "io_threaded_poll_processed",
        "io_threaded_total_prefetch_batches", "io_threaded_total_prefetch_entries"), 0)
    return [
        ("total_connections_received", n["connections_received"]),
        ("total_commands_processed", n["commands_processed"]),
        ("instantaneous_ops_per_sec", round(n["ops_rate"])),
        ("total_net_input_bytes", n["bytes_in"]), ("total_net_output_bytes", n["bytes_out"]),
        ("total_net_repl_input_bytes", 0), ("total_net_repl_output_bytes", 0),
        ("total_net_cluster_slot_import_bytes", 0), ("total_net_cluster_slot_export_bytes", 0),
        ("instantaneous_input_kbps", f"{n['in_rate'] / 1024:.2f}"),
        ("instantaneous_output_kbps", f"{n['out_rate'] / 1024:.2f}"),
        ("instantaneous_input_repl_kbps", "0.00"), ("instantaneous_output_repl_kbps", "0.00"),
        ("rejected_connections", n["connections_rejected"]), ("sync_full", 0),
        ("sync_partial_ok", 0), ("sync_partial_err", 0), ("expired_keys", n["expired"]),
        ("expired_fields", n["expired_fields"]), ("expired_stale_perc", "0.00"),
        ("expired_keys_with_volatile_items_stale_perc", "0.00"),
        ("expired_time_cap_reached_count", n["expire_capped"]),
        ("expire_cycle_cpu_milliseconds", n["expire_us"] // 1000),
        ("evicted_keys", n["evicted"]), ("evicted_clients", n["clients_evicted"]),
        ("evicted_scripts", n["scripts_evicted"]),
        ("total_eviction_exceeded_time", n["over_limit_us"] // 1000),
        ("current_eviction_exceeded_time", n["over_limit_now_us"] // 1000),
        ("keyspace_hits", n["hits"]),
        ("keyspace_misses", n["misses"]), ("pubsub_channels", n["channels"]),
        ("pubsub_patterns", n["patterns"]), ("pubsubshard_channels", n["shard_channels"]),
        ("latest_fork_usec", 0), ("total_forks", 0),
        ("migrate_cached_sockets", 0), ("slave_expires_tracked_keys", 0),
        ("active_defrag_hits", n["moves"]), ("active_defrag_misses", 0),
        ("active_defrag_key_hits", 0), ("active_defrag_key_misses", 0),
        ("total_active_defrag_time", n["defrag_us"] // 1000),
        ("current_active_defrag_time", n["defrag_now_us"] // 1000),
        ("tracking_total_keys", n["tracked_keys"]),
        ("tracking_total_items", n["tracked_items"]),
        ("tracking_total_prefixes", n["tracked_prefixes"]),
        ("unexpected_error_replies", n["python_errors"]),
        ("total_error_replies", n["error_replies"]), ("dump_payload_sanitizations", 0),
        ("total_reads_processed", n["reads"]), ("total_writes_processed", n["writes"]),
        *zeros.items(),
        ("client_query_buffer_limit_disconnections", n["query_limit_closes"]),
        ("client_output_buffer_limit_disconnections", n["output_limit_closes"]),
        ("reply_buffer_shrinks", 0), ("reply_buffer_expands", 0),
        ("eventloop_cycles", n["turns"]), ("eventloop_duration_sum", n["turn_us"]),
        ("eventloop_duration_cmd_sum", n["command_us"]),
        ("instantaneous_eventloop_cycles_per_sec", round(n["turns_rate"])),
        ("instantaneous_eventloop_duration_usec", round(n["turn_us_rate"])),
        ("acl_access_denied_auth", n["acl_denied_auth"]),
        ("acl_access_denied_cmd", n["acl_denied_command"]),
        ("acl_access_denied_key", n["acl_denied_key"]),
        ("acl_access_denied_channel", n["acl_denied_channel"]),
        ("acl_access_denied_tls_cert", 0), ("acl_access_denied_db", n["acl_denied_database"]),
        *outer_door(n),
    ]


def outer_door(n: dict) -> list:
    """Who wanted to come in from outside and may not; only where there is an outer door."""
    return [("external_connections_refused", n["outer_refused"]),
            ("external_last_refused", n["outer_last"].decode())] if n["outer"] else []


def replication_section(server, n: dict, config: dict) -> list:
    return [
        ("role", "master"), ("connected_slaves", 0), ("replicas_waiting_psync", 0),
        ("master_failover_state", "no-failover"), ("master_replid", n["run_id"]),
        ("master_replid2", "0" * 40), ("master_repl_offset", 0), ("second_repl_offset", -1),
        ("repl_backlog_active", 0), ("repl_backlog_size", 0),
        ("repl_backlog_first_byte_offset", 0), ("repl_backlog_histlen", 0),
    ]


def cpu_section(server, n: dict, config: dict) -> list:
    def pair(suffix: str, who: int) -> list:
        use = resource.getrusage(who)
        return [(f"used_cpu_sys{suffix}", f"{use.ru_stime:.6f}"),
                (f"used_cpu_user{suffix}", f"{use.ru_utime:.6f}")]
    thread = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return [*pair("", resource.RUSAGE_SELF), *pair("_children", resource.RUSAGE_CHILDREN),
            *pair("_main_thread", thread),
            ("used_active_time_main_thread", f"{n['turn_us'] / 1e6:.6f}")]


def nothing(server, n: dict, config: dict) -> list:
    return []


def commandstats_section(server, n: dict, config: dict) -> list:
    return [(f"cmdstat_{name}", f"calls={calls},usec={usec},usec_per_call="
             f"{usec / calls if calls else 0:.2f},rejected_calls={rejected},failed_calls={failed}")
            for name, calls, usec, rejected, failed in inspect.command_stats(server.capsule)]


def errorstats_section(server, n: dict, config: dict) -> list:
    # A script chooses its errors' codes: none may end the field's name.
    safe = str.maketrans("#:\n\r", "____")
    return [(f"errorstat_{code.translate(safe)}", f"count={count}")
            for code, count in sorted(inspect.error_counts(server.capsule))]


def latencystats_section(server, n: dict, config: dict) -> list:
    wanted = [float(word) for word in config["latency-tracking-info-percentiles"].split()]
    return [(f"latency_percentiles_usec_{name}",
             ",".join(f"p{percent:g}={percentile(buckets, percent):.3f}" for percent in wanted))
            for name, buckets in inspect.histograms(server.capsule).items() if buckets]


def cluster_section(server, n: dict, config: dict) -> list:
    return [("cluster_enabled", 0)]


def engines_section(server, n: dict, config: dict) -> list:
    used = n["vm_eval"] + n["vm_functions"]
    return [("engines_count", 1), ("engines_total_used_memory", used),
            ("engines_total_memory_overhead", 0),
            ("engine_0", f"name=LUA,module=lua,abi_version=4,used_memory={used},"
                         "memory_overhead=0")]


def keyspace_section(server, n: dict, config: dict) -> list:
    return [(f"db{db['index']}", f"keys={db['keys']},expires={db['volatile']},"
             f"avg_ttl={db['avg_ttl_ms']},keys_with_volatile_items={db['with_fields']}")
            for db in inspect.databases(server.capsule)]


# Name to ask for, title, maker, and whether INFO alone shows it.
SECTIONS = (
    ("server", "Server", server_section, True), ("tls", "TLS", tls_section, False),
    ("clients", "Clients", clients_section, True), ("memory", "Memory", memory_section, True),
    ("persistence", "Persistence", persistence_section, True),
    ("stats", "Stats", stats_section, True),
    ("replication", "Replication", replication_section, True), ("cpu", "CPU", cpu_section, True),
    ("modules", "Modules", nothing, True),
    ("commandstats", "Commandstats", commandstats_section, False),
    ("errorstats", "Errorstats", errorstats_section, True),
    ("latencystats", "Latencystats", latencystats_section, False),
    ("cluster", "Cluster", cluster_section, True),
    ("cluster_info", "Cluster Info", nothing, False),
    ("scriptingengines", "Scripting Engines", engines_section, False),
    ("keyspace", "Keyspace", keyspace_section, True),
)


def text_of(value) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


@register("info")
def info(server, client, argv: list[bytes]) -> Verbatim:
    if len(argv) > 2 and is_legacy(server, client):
        raise Error("ERR syntax error")
    wanted = {word.decode("utf-8", "replace").lower() for word in argv[1:]} or {"default"}
    everything = wanted & {"all", "everything"}
    numbers = inspect.snapshot(server.capsule)
    config = server.config(*DIRECTIVES)
    parts = []
    for name, title, make, by_default in SECTIONS:
        if everything or name in wanted or (by_default and "default" in wanted):
            lines = [f"{field}:{text_of(value)}\r\n"
                     for field, value in make(server, numbers, config)]
            parts.append(f"# {title}\r\n{''.join(lines)}")
    return Verbatim("\r\n".join(parts))
