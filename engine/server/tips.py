"""Hints for clients that spread commands over many servers: what COMMAND INFO calls tips.

Commands are named in full; those that are not here get none.
"""
NONDETERMINISTIC = "nondeterministic_output"
UNORDERED = "nondeterministic_output_order"
ALL_NODES = "request_policy:all_nodes"
ALL_SHARDS = "request_policy:all_shards"
MULTI_SHARD = "request_policy:multi_shard"
ASK_SPECIAL = "request_policy:special"
ALL_SUCCEEDED = "response_policy:all_succeeded"
SUM = "response_policy:agg_sum"
MIN = "response_policy:agg_min"
ONE_SUCCEEDED = "response_policy:one_succeeded"
AND = "response_policy:agg_logical_and"
SPECIAL = "response_policy:special"

# A line of hints, and the commands that have it.
ROWS = (
    ([NONDETERMINISTIC],
     "client|info client|list cluster|bumpepoch cluster|count-failure-reports "
     "cluster|getkeysinslot cluster|info cluster|links cluster|myshardid cluster|nodes "
     "cluster|replicas cluster|shards cluster|slaves cluster|slots dump hrandfield hscan "
     "lastsave migrate object|encoding object|freq object|idletime object|refcount pttl spop "
     "srandmember sscan time ttl xadd xautoclaim xclaim xinfo|consumers xpending xtrim "
     "zrandmember zscan"),
    ([UNORDERED],
     "command command|docs command|info command|list function|list hgetall hkeys hvals "
     "module|list sdiff sinter smembers sunion"),
    ([ALL_NODES, ALL_SUCCEEDED],
     "acl|deluser acl|save acl|setuser client|setinfo client|setname commandlog|reset "
     "config|resetstat config|rewrite config|set script|flush script|load slowlog|reset"),
    ([ALL_SHARDS, ALL_SUCCEEDED],
     "flushall flushdb function|delete function|flush function|load function|restore "
     "memory|purge ping"),
    ([NONDETERMINISTIC, ALL_SHARDS, SPECIAL],
     "function|stats info memory|doctor memory|malloc-stats memory|stats"),
    ([NONDETERMINISTIC, ALL_NODES, SPECIAL],
     "latency|doctor latency|graph latency|histogram latency|history latency|latest"),
    ([MULTI_SHARD, SUM],
     "del exists touch unlink"),
    ([NONDETERMINISTIC, ASK_SPECIAL, SPECIAL],
     "clusterscan scan"),
    ([ALL_NODES, NONDETERMINISTIC],
     "commandlog|get slowlog|get"),
    ([ALL_NODES, SUM, NONDETERMINISTIC],
     "commandlog|len slowlog|len"),
    ([ALL_SHARDS, ONE_SUCCEEDED],
     "function|kill script|kill"),
    ([MULTI_SHARD, ALL_SUCCEEDED],
     "mset msetex"),
    ([ALL_SHARDS, MIN],
     "wait waitaof"),
    ([NONDETERMINISTIC, ALL_SHARDS],
     "cluster|slot-stats"),
    ([ALL_SHARDS, SUM],
     "dbsize"),
    ([ALL_SHARDS, UNORDERED],
     "keys"),
    ([ALL_NODES, SUM],
     "latency|reset"),
    ([MULTI_SHARD],
     "mget"),
    ([ALL_SHARDS, SPECIAL, NONDETERMINISTIC],
     "randomkey"),
    ([ALL_SHARDS, AND],
     "script|exists"),
)
TIPS = {name: tips for tips, names in ROWS for name in names.split()}
