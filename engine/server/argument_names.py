"""Names of arguments that a syntax line does not tell: those that COMMAND DOCS gives to choices and
blocks, and where a token's argument is not called as the line calls it.

Programs that make clients out of COMMAND DOCS name parameters by them. An argument is known by what
it is made of, its parts' tokens or else their names, so names are given from the leaves up. A
command before it means that command alone.
"""

# By what it is a choice between, in order of the alphabet.
CHOICES = {
    "$ id": "id-selector", "* id": "id-selector", "= ~": "operator",
    "ABORT save-selector-block": "abort-selector", "ACLCAT MODULE PATTERN": "filterby",
    "AFTER BEFORE": "where", "ALL WRITE": "mode", "AND NOT OR XOR": "operation",
    "APPEND FLUSH REPLACE": "policy", "ASC DESC": "order", "ASYNC SYNC": "flush-type",
    "AUTH AUTH2": "authentication", "BIT BYTE": "unit", "BYLEX BYSCORE": "sortby",
    "ERROR TIMEOUT": "unblock-type", "FAIL SAT WRAP": "overflow-block",
    "FNX FXX": "fields-condition", "FORCE TAKEOVER": "options", "FROMLONLAT FROMMEMBER": "from",
    "FT KM M MI": "unit", "GET write": "operation", "GT LT": "comparison",
    "HARD SOFT": "reset-type", "IMPORTING MIGRATING NODE STABLE": "subcommand",
    "INCRBY SET": "write-operation", "LARGE-REPLY LARGE-REQUEST SLOW": "type",
    "LEFT RIGHT": "where", "LIB-NAME LIB-VER": "attr", "MASTER NORMAL PUBSUB REPLICA":
    "client-type", "MAX MIN": "where", "MAX MIN SUM": "aggregate", "MAXLEN MINID": "strategy",
    "NO SYNC YES": "mode", "NO YES": "mode", "NOSAVE SAVE": "save-selector", "OFF ON": "enabled",
    "OFF ON SKIP": "action", "RESET count": "operation", "STORE STOREDIST": "store",
    "box circle polygon": "by", "empty-string key": "key-selector", "host-port no-one": "args",
    "no-one node-id": "args", "client|list NO YES": "skipme", "client|tracking OFF ON": "status",
    "hsetex NX XX": "key-condition",
}
# By its parts as they stand.
BLOCKS = {
    "BYBOX height unit": "box", "BYPOLYGON vertices": "polygon", "BYRADIUS unit": "circle",
    "COUNT ANY": "count-block", "FULL COUNT": "full-block",
    "IDLE start end count consumer": "filters", "OVERFLOW write-operation": "write",
    "count WITHSCORES": "options", "count WITHVALUES": "options",
    "encoding offset": "get-block", "encoding offset increment": "incrby-block",
    "encoding offset value": "set-block", "end unit": "end-unit-block",
    "group consumer": "group-block", "host port FORCE": "target", "name value": "configs",
    "protover AUTH SETNAME": "arguments", "save-selector NOW FORCE SAFE FAILOVER":
    "save-selector-block", "start end-unit-block": "range", "start-slot end-slot": "range",
    "strategy operator threshold LIMIT": "trim",
}
# Of one and the same parts there are several, told apart by their place or token.
ORDINALS = {
    "blmove": ("LEFT RIGHT", ("wherefrom", "whereto")),
    "lmove": ("LEFT RIGHT", ("wherefrom", "whereto")),
    "client|list": ("MASTER NORMAL PUBSUB REPLICA", ("client-type", "not-client-type")),
    "geosearch": ("longitude latitude", ("fromlonlat", "vertices")),
    "geosearchstore": ("longitude latitude", ("fromlonlat", "vertices")),
}
# By its token, or its name where it has none: the name, and what is displayed unless it is that.
LEAVES: dict[str, str | tuple[str, str]] = {
    "client|list ADDR": ("addr", "ip:port"), "client|list LADDR": ("laddr", "ip:port"),
    "client|list NOT-ADDR": ("not-addr", "ip:port"),
    "client|list NOT-LADDR": ("not-laddr", "ip:port"),
    **{f"client|list {word}": word.lower() for word in (
        "MAXAGE IDLE LIB-NAME LIB-VER DB NOT-NAME NOT-FLAGS NOT-LIB-NAME NOT-LIB-VER NOT-DB "
        "NOT-CAPA NOT-IP").split()},
    "client|list NOT-ID": "not-client-id", "client|list NOT-USER": "not-username",
    **{f"cluster|setslot {word}": (word.lower(), "node-id")
       for word in ("IMPORTING", "MIGRATING", "NODE")},
    "geoadd CH": "change", "zadd CH": "change", "zadd INCR": "increment",
    **{f"{command} {word}": (f"{word.lower()}key", "key")
       for command in ("georadius", "georadiusbymember") for word in ("STORE", "STOREDIST")},
    'migrate ""': "empty-string", "migrate AUTH": ("auth", "password"),
    "migrate KEYS": ("keys", "key"), "module|loadex ARGS": "args",
    "script|debug engine-name": "engine",
    **{f"{command} {word}": (f"{word.lower()}-pattern", "pattern")
       for command in ("sort", "sort_ro") for word in ("BY", "GET")},
    "sort ALPHA": "sorting", "sort_ro ALPHA": "sorting",
    **{f"{command} {word}": name for command in ("xadd", "xtrim")
       for word, name in (("=", "equal"), ("~", "approximately"))},
    "xadd *": "auto-id", "xgroup|create $": "new-id", "xgroup|setid $": "new-id",
    "xgroup|create ENTRIESREAD": ("entriesread", "entries-read"),
    "xgroup|setid ENTRIESREAD": ("entriesread", "entries-read"),
}


def give_names(command: str, arguments: list[dict]) -> None:
    """Rename arguments in place.

    Args:
        arguments: of this command, as syntax.py has made them.
    """
    met = 0

    def name(argument: dict) -> None:
        nonlocal met
        parts = argument.get("arguments")
        if parts is None:
            own = argument.get("token") or argument["name"]
            found = LEAVES.get(f"{command} {own}")
            if found is not None:
                pair = (found, found) if isinstance(found, str) else found
                argument["name"], argument["display_text"] = pair
            return
        for part in parts:
            name(part)
        words = [part.get("token") or part["name"] for part in parts]
        choice = argument["type"] == "oneof"
        key = " ".join(sorted(words) if choice else words)
        known, names = ORDINALS.get(command, ("", ()))
        if key == known:
            argument["name"] = names[met]
            met += 1
            return
        table = CHOICES if choice else BLOCKS
        argument["name"] = table.get(f"{command} {key}") or table.get(key) or argument["name"]

    for argument in arguments:
        name(argument)
