"""What Python-served commands read of an engine: numbers out of server_t, as plain values.

Each function takes the capsule that the Server face hands out, and copies: nothing that it returns
points into the engine. Texts and layouts are the business of cold_*.py.
"""
from libc.stdint cimport uint32_t, uint64_t

from ..commands.pubsub cimport (
    CHANNEL_PATTERN, CHANNEL_PLAIN, CHANNEL_SHARD, pubsub_channels,
)
from ..commands.script_state cimport scripting_t
from ..commands.state cimport (
    RATE_IN, RATE_OPS, RATE_OUT, RATE_TURN_US, RATE_TURNS, command_stats_t, server_t,
)
from ..core.clock cimport clock_wall_us, ticks_to_us
from ..core.glob cimport glob_match
from ..core.heap cimport HEAP_CLASSES, UNIT_SIZE, heap_t
from ..core.rand cimport rand_seed, rand_t
from ..core.table cimport table_overhead, table_sample
from ..store.entry cimport entry_deadline, entry_t
from ..store.keyspace cimport keyspace_count, keyspace_t
from ..wire.client cimport client_memory
from ..wire.command cimport (
    CLIENT_PAUSED, client_t, command_at, command_count, command_full_name, command_t,
)
from ..wire.identity cimport IDENTITY_VALKEY, IDENTITY_VALKEY_VERSION, identity_redis_version
from .capsule cimport server_from
from .commandlog cimport commandlog_of, commandlog_reset, commandlog_t, log_entry_t
from .door cimport door_of
from .latency cimport LATENCY_SAMPLES, latency_event_t, latency_reset, latency_t
from .loop cimport (
    LISTENERS_MAX, LISTEN_CONTROL, LISTEN_TCP, LISTEN_TLS, LISTEN_UNIX, listener_t, loop_listeners,
)
from .stats cimport HISTOGRAM_SIZE, errors_t, histogram_top, stats_rate, stats_reset

cdef enum:
    TTL_SAMPLES = 32                    # keys looked at for a database's avg_ttl


SCRIPT_FIGURES = (
    "vm_eval", "vm_functions", "scripts_memory", "libraries_memory", "scripts", "libraries",
    "functions", "scripts_evicted",
)


cdef str name_of(const command_t* cmd):
    cdef char name[64]
    return name[:command_full_name(cmd, name)].decode()


# -- numbers for INFO and MEMORY STATS ------------------------------------------------------------

cdef dict clients_of(server_t* srv):
    cdef size_t memory = 0
    cdef size_t input_max = 0
    cdef size_t output_max = 0
    cdef uint32_t i
    cdef uint32_t parked = 0
    cdef client_t* c
    for i in range(srv.client_count):
        c = srv.clients[i]
        parked += c.flags & CLIENT_PAUSED != 0
        memory += client_memory(c)
        input_max = c.query.size_max if c.query.size_max > input_max else input_max
        output_max = c.reply.size_max if c.reply.size_max > output_max else output_max
    return dict(
        clients=srv.client_count, maxclients=srv.config.maxclients, clients_memory=memory,
        clients_input_max=input_max, clients_output_max=output_max,
        blocked_clients=srv.blocking.clients + parked, awaited_keys=srv.store.awaited,
        trackers=srv.tracking.trackers.count, tracked_keys=srv.tracking.keys.count,
        tracked_items=srv.tracking.items, tracked_prefixes=srv.tracking.prefixes.count,
        pubsub_clients=srv.pubsub.clients, channels=pubsub_channels(srv, CHANNEL_PLAIN),
        patterns=pubsub_channels(srv, CHANNEL_PATTERN),
        shard_channels=pubsub_channels(srv, CHANNEL_SHARD),
        awaited_keys_gone=srv.blocking.keys_gone, deadlines=srv.blocking.deadline_count,
        paused_ms=max(srv.pause.until_us - srv.mono_us + 999, 0) // 1000,
        paused_all=bool(srv.pause.all), watching_clients=srv.watching,
        watched_keys=srv.store.watched, monitors=srv.monitors,
    )


cdef dict memory_of(server_t* srv):
    cdef heap_t* heap = &srv.heap
    cdef size_t room = heap.large
    cdef size_t tables = 0
    cdef int i
    for i in range(HEAP_CLASSES):
        room += heap.klass[i].room * heap.klass[i].size
    for i in range(srv.store.database_count):
        tables += table_overhead(&srv.databases[i].table)
    return dict(
        used=heap.used, used_peak=max(heap.used_peak, heap.used), mapped=heap.mapped,
        active=max(room, heap.used), free_pages=heap.dirty_units * UNIT_SIZE,
        startup=srv.stats.memory_startup, tables=tables, not_counted=srv.evict.not_counted,
        maxmemory=srv.evict.limit_bytes, policy=<int>srv.evict.policy,
        aof_buffer=srv.aof.buf.size_max, dropped_items=srv.store.dropped_items,
        freed_items=srv.store.reaped,
    )


cdef dict counters_of(server_t* srv):
    cdef uint64_t ticks = 0
    cdef int i
    for i in range(command_count()):
        ticks += srv.stats.commands[i].ticks
    return dict(
        commands_processed=srv.stats.commands_processed, command_us=ticks_to_us(&srv.ticks, ticks),
        connections_received=srv.stats.connections_received,
        connections_rejected=srv.stats.connections_rejected,
        reads=srv.stats.reads, writes=srv.stats.writes, bytes_in=srv.stats.bytes_in,
        bytes_out=srv.stats.bytes_out, error_replies=srv.stats.error_replies,
        outer=srv.config.external_user.size != 0, outer_refused=srv.stats.outer_refused,
        outer_last=door_of(srv).refused, acl_denied_auth=srv.stats.acl_denied_auth,
        acl_denied_command=srv.stats.acl_denied_command,
        acl_denied_key=srv.stats.acl_denied_key,
        acl_denied_channel=srv.stats.acl_denied_channel,
        acl_denied_database=srv.stats.acl_denied_database,
        query_limit_closes=srv.stats.query_limit_closes,
        output_limit_closes=srv.stats.output_limit_closes,
        clients_evicted=srv.stats.clients_evicted, python_errors=srv.stats.python_errors,
        turns=srv.stats.turns, turn_us=ticks_to_us(&srv.ticks, srv.stats.turn_ticks),
        expire_us=srv.expire.spent_us, expire_capped=srv.expire.capped,
        hits=srv.store.hits, misses=srv.store.misses,
        expired=srv.store.expired, expired_fields=srv.store.expired_fields,
        evicted=srv.store.evicted, dirty=srv.store.dirty,
        over_limit_us=srv.evict.over_total_us,
        over_limit_now_us=srv.mono_us - srv.evict.over_since_us if srv.evict.over_since_us else 0,
        defrag_running=bool(srv.defrag.walking), defrag_us=srv.defrag.spent_us,
        defrag_now_us=srv.defrag.pass_us if srv.defrag.walking else 0, moves=srv.heap.moves,
        ops_rate=stats_rate(srv, RATE_OPS), in_rate=stats_rate(srv, RATE_IN),
        out_rate=stats_rate(srv, RATE_OUT), turns_rate=stats_rate(srv, RATE_TURNS),
        turn_us_rate=stats_rate(srv, RATE_TURN_US),
    )


cdef dict scripts_of(server_t* srv):
    cdef scripting_t* s = <scripting_t*>srv.scripting
    if s is NULL:
        return dict.fromkeys(SCRIPT_FIGURES, 0)
    return dict(zip(SCRIPT_FIGURES, (
        s.machines[0].heap.used if s.open[0] else 0, s.machines[1].heap.used if s.open[1] else 0,
        s.scripts_memory, s.libraries_memory, s.scripts.count, s.libraries.count,
        s.functions.count, s.evicted,
    ), strict=True))


def snapshot(capsule) -> dict:
    """Every figure that INFO and MEMORY STATS tell of an engine, unformatted."""
    cdef server_t* srv = server_from(capsule)
    return dict(
        **clients_of(srv), **memory_of(srv), **counters_of(srv), **scripts_of(srv),
        wall_ms=srv.wall_ms, started_ms=srv.stats.started_ms, run_id=srv.run_id.decode(),
        ticks_per_us=srv.ticks.ticks_per_us, lru_clock=srv.wall_ms // 1000 & 0xFFFFFF,
        identity_redis=srv.config.identity != IDENTITY_VALKEY, wall_us=clock_wall_us(),
        redis_version=identity_redis_version(srv.config.identity).decode(),
        valkey_version=IDENTITY_VALKEY_VERSION.decode(),
        active_defrag=bool(srv.config.active_defrag), loading=bool(srv.loading),
        loading_started_ms=srv.loading_started_ms, loading_total=srv.loading_total_bytes,
        loading_done=srv.loading_done_bytes, aof_enabled=bool(srv.aof.enabled),
        aof_status=<int>srv.aof.status, aof_size=srv.aof.size, aof_base_size=srv.aof.base_size,
        aof_pending=srv.aof.buf.size, aof_earlier_size=srv.aof_earlier_size,
        aof_synced=srv.aof.synced,
        aof_delayed_fsync=srv.aof.delayed_fsync,
    )


def databases(capsule) -> list[dict]:
    """Keys, keys with a deadline and their average time to live, of each database with keys."""
    cdef server_t* srv = server_from(capsule)
    cdef keyspace_t* ks
    cdef void* found[TTL_SAMPLES]
    cdef rand_t rand                    # of its own: looking must not change what eviction draws
    cdef size_t n, k
    cdef double left                    # a sum of deadlines may pass 64 bits
    cdef int i
    rand_seed(&rand, <uint64_t>srv.wall_ms)
    out = []
    for i in range(srv.store.database_count):
        ks = &srv.databases[i]
        if keyspace_count(ks) == 0:
            continue
        left = 0
        n = 0
        if ks.volatile_count:
            n = table_sample(&ks.table, &rand, True, found, TTL_SAMPLES)
        for k in range(n):
            left += max(entry_deadline(<entry_t*>found[k]) - srv.wall_ms, 0)
        out.append(dict(index=i, keys=keyspace_count(ks), volatile=ks.volatile_count,
                        with_fields=ks.due_fields.count if ks.due_fields is not NULL else 0,
                        avg_ttl_ms=int(left / n) if n else 0, table=table_overhead(&ks.table)))
    return out


LISTENER_NAMES = {LISTEN_TCP: "tcp", LISTEN_UNIX: "unix", LISTEN_TLS: "tls",
                  LISTEN_CONTROL: "control"}


def listeners(capsule) -> list[tuple[int, str]]:
    """Descriptors of the sockets that take connections, and what each is."""
    cdef int fds[LISTENERS_MAX]
    cdef listener_t kinds[LISTENERS_MAX]
    cdef int count = loop_listeners(server_from(capsule), fds, kinds)
    return [(fds[i], LISTENER_NAMES[<int>kinds[i]]) for i in range(count)]


def heap_classes(capsule) -> list[tuple[int, int, int]]:
    """Block size, blocks in use and blocks there is room for, of each class that has any."""
    cdef heap_t* heap = &server_from(capsule).heap
    cdef int i
    return [(heap.klass[i].size, heap.klass[i].used, heap.klass[i].room)
            for i in range(HEAP_CLASSES) if heap.klass[i].used or heap.klass[i].room]


# -- commands -------------------------------------------------------------------------------------

def command_stats(capsule) -> list[tuple[str, int, int, int, int]]:
    """Name, calls, microseconds, rejected and failed calls, of each command that was asked for."""
    cdef server_t* srv = server_from(capsule)
    cdef command_stats_t* stats
    cdef int i
    out = []
    for i in range(command_count()):
        stats = &srv.stats.commands[i]
        if stats.calls or stats.rejected or stats.failed:
            out.append((name_of(command_at(i)), stats.calls, ticks_to_us(&srv.ticks, stats.ticks),
                        stats.rejected, stats.failed))
    return out


def histograms(capsule) -> dict[str, list[tuple[float, int]]]:
    """Of each command that was timed: the buckets in use, as (upper bound in µs, calls)."""
    cdef server_t* srv = server_from(capsule)
    cdef uint64_t* counts
    cdef uint32_t k
    cdef int i
    out = {}
    for i in range(command_count()):
        counts = srv.stats.commands[i].histogram
        if counts is not NULL:
            out[name_of(command_at(i))] = [
                (<double>(histogram_top(k) + 1) * srv.ticks.us_per_tick, counts[k])
                for k in range(<uint32_t>HISTOGRAM_SIZE) if counts[k]]
    return out


def error_counts(capsule) -> list[tuple[str, int]]:
    """Error replies by code."""
    cdef errors_t* errors = <errors_t*>server_from(capsule).errors
    cdef uint32_t i
    if errors is NULL:
        return []
    out = [(errors.items[i].code[:errors.items[i].size].decode("utf-8", "replace"),
            errors.items[i].count) for i in range(errors.count) if errors.items[i].count]
    return out + [("ERRORSTATS_OVERFLOW", errors.others)] if errors.others else out


def forget_stats(capsule) -> None:
    """CONFIG RESETSTAT."""
    stats_reset(server_from(capsule))


# -- command log ----------------------------------------------------------------------------------

cdef list log_texts(log_entry_t* entry):
    """Peer, client name, arguments."""
    cdef const char* at = entry.text
    cdef uint32_t i
    out = [at[:entry.peer_size]]
    at += entry.peer_size
    out.append(at[:entry.name_size])
    at += entry.name_size
    for i in range(entry.argc):
        out.append(at[:entry.arg_size[i]])
        at += entry.arg_size[i]
    return out


def log_entries(capsule, kind: int, count: int) -> list[tuple]:
    """The newest entries, at most `count` (-1: all): id, time, value, arguments, peer, name."""
    cdef commandlog_t* log = commandlog_of(server_from(capsule), kind)
    cdef log_entry_t* entry = log.newest
    out = []
    while entry is not NULL and (count < 0 or len(out) < count):
        peer, name, *args = log_texts(entry)
        out.append((entry.id, entry.wall_s, entry.value, args, peer, name))
        entry = entry.older
    return out


def log_count(capsule, kind: int) -> int:
    return commandlog_of(server_from(capsule), kind).count


def log_forget(capsule, kind: int) -> None:
    commandlog_reset(server_from(capsule), kind)


# -- latency events -------------------------------------------------------------------------------

def latency_events(capsule) -> dict[str, dict]:
    """Events by name: samples as (second, ms), oldest first; longest, sum and count of spans."""
    cdef latency_t* latency = <latency_t*>server_from(capsule).latency
    cdef latency_event_t* event
    cdef uint32_t i, k, at
    out = {}
    if latency is NULL:
        return out
    for i in range(latency.count):
        event = latency.events[i]
        samples = []
        for k in range(<uint32_t>LATENCY_SAMPLES):
            at = (event.at + k) % LATENCY_SAMPLES
            if event.samples[at].wall_s:
                samples.append((event.samples[at].wall_s, event.samples[at].ms))
        out[event.name.decode()] = dict(samples=samples, max_ms=event.max_ms,
                                        sum_ms=event.sum_ms, count=event.count)
    return out


def latency_forget(capsule, name: str) -> bool:
    """Drop an event's samples; whether there were any."""
    return latency_reset(server_from(capsule), name.encode())


def latency_threshold(capsule) -> int:
    """latency-monitor-threshold, in milliseconds; 0: off."""
    return server_from(capsule).config.latency_monitor_threshold


# -- texts ----------------------------------------------------------------------------------------

def glob(pattern: bytes, text: bytes) -> bool:
    """Whether a name matches, letters in either case."""
    return glob_match(pattern, <size_t>len(pattern), text, <size_t>len(text), True)
