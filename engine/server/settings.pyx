"""Values of directives: one piece of code for all rows of the table.

A value is parsed to a Python object first, so that a faulty one is refused before anything moves;
then stored in its field, and copied on by the row's hook. A change of several directives keeps
the texts of the old values: if a value or a hook refuses, they are stored again and the hooks
that ran run again.

Invariants
    S1  after settings_change either every pair is in force, or none and it has raised
    S2  a text field is owned by the server's heap, and its size is exact
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from ..commands.state cimport CLIENT_KINDS, PERCENTILES_MAX, output_limit_t, server_t
from ..core.glob cimport glob_match
from ..core.heap cimport heap_alloc, heap_free
from ..core.number cimport parse_int64, parse_memory
from ..core.types cimport slice_t
from ..store.keyspace cimport (
    EVENT_EVICTED, EVENT_EXPIRED, EVENT_GENERIC, EVENT_HASH, EVENT_KEYEVENT, EVENT_KEYSPACE,
    EVENT_LIST, EVENT_MISS, EVENT_MODULE, EVENT_NEW, EVENT_SET, EVENT_STREAM, EVENT_STRING,
    EVENT_ZSET,
)
from .config cimport (
    DIRECTIVE_FILE, DIRECTIVE_FIXED, DIRECTIVE_HIDDEN, DIRECTIVE_IMMUTABLE, DIRECTIVE_PROTECTED,
    KIND_BOOL, KIND_ENUM, KIND_EVENTS, KIND_INT, KIND_LIMITS, KIND_MEMORY, KIND_OCTAL, KIND_PERCENT,
    KIND_PERCENTILES, KIND_TEXT, KIND_WORDS, directive_at, directive_count, directive_find,
    directive_t,
)

import re

from .door import check_networks, check_user


class DirectiveError(ValueError):
    """A directive that is unknown, or a value that cannot be had.

    Attributes:
        name: the directive as it was given.
        reason: what is wrong; None when there is no directive of that name.
    """

    def __init__(self, name: str, reason: str | None):
        super().__init__(f"{name}: {reason or 'there is no such directive'}")
        self.name = name
        self.reason = reason


# -- texts to values ------------------------------------------------------------------------------

cdef dict choices_of(const directive_t* row):
    """Word to number. Words without `=number` count from 0."""
    cdef dict found = {}
    for place, word in enumerate((<bytes>row.choices).split()):
        name, _, value = word.partition(b"=")
        found[name] = int(value) if value else place
    return found


cdef int64_t parse_number(const directive_t* row, bytes text) except? -1:
    cdef int64_t value = 0
    if row.kind == KIND_OCTAL:
        if not re.fullmatch(rb"[0-7]{1,6}", text):
            raise ValueError("argument couldn't be parsed as an octal number")
        value = int(text, 8)
    elif row.kind == KIND_INT:
        if not parse_int64(text, <size_t>len(text), &value):
            raise ValueError("argument couldn't be parsed into an integer")
    elif row.kind == KIND_PERCENT and text.endswith(b"%"):
        if not parse_int64(text, <size_t>len(text) - 1, &value) or value < 0:
            raise ValueError("argument must be a memory or percent value")
        if value > 100:
            raise ValueError("percentage argument must be less or equal to 100")
        return -value
    elif not parse_memory(text, <size_t>len(text), &value):
        raise ValueError("argument must be a memory value" if row.kind == KIND_MEMORY else
                         "argument must be a memory or percent value")
    if not row.flags & DIRECTIVE_FIXED and not row.min <= value <= row.max:
        shown = "%o" if row.kind == KIND_OCTAL else "%d"
        raise ValueError(f"argument must be between {shown % row.min} and {shown % row.max} "
                         "inclusive")
    return value


cdef list parse_limits(bytes text):
    """[(kind of client, hard, soft, seconds)]; kinds that are not named keep theirs."""
    cdef int64_t hard = 0, soft = 0, seconds = 0
    classes = {b"normal": 0, b"slave": 1, b"replica": 1, b"pubsub": 2}
    words = text.split()
    if not words or len(words) % 4:
        raise ValueError("Wrong number of arguments in buffer limit configuration.")
    limits = []
    for at in range(0, len(words), 4):
        kind = classes.get(words[at].lower())
        if kind is None:
            raise ValueError("Invalid client class specified in buffer limit configuration.")
        if not (parse_memory(words[at + 1], <size_t>len(words[at + 1]), &hard)
                and parse_memory(words[at + 2], <size_t>len(words[at + 2]), &soft)
                and parse_int64(words[at + 3], <size_t>len(words[at + 3]), &seconds)
                and seconds >= 0):
            raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit "
                             "configuration.")
        limits.append((kind, hard, soft, seconds))
    return limits


cdef list parse_percentiles(bytes text):
    found = []
    for word in text.split():
        if not re.fullmatch(rb"[0-9]*\.?[0-9]+", word):
            raise ValueError("Invalid latency-tracking-info-percentiles parameters")
        value = float(word)
        found.append(value)
        if value > 100:
            raise ValueError(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
    if len(found) > PERCENTILES_MAX:
        raise ValueError(f"at most {PERCENTILES_MAX} percentiles can be shown")
    return found


EVENT_LETTERS = (
    (b"g", EVENT_GENERIC), (b"$", EVENT_STRING), (b"l", EVENT_LIST), (b"s", EVENT_SET),
    (b"h", EVENT_HASH), (b"z", EVENT_ZSET), (b"x", EVENT_EXPIRED), (b"e", EVENT_EVICTED),
    (b"t", EVENT_STREAM), (b"d", EVENT_MODULE),
)
EVENTS_ALL = sum(event for _, event in EVENT_LETTERS)
EVENT_MORE = ((b"K", EVENT_KEYSPACE), (b"E", EVENT_KEYEVENT), (b"m", EVENT_MISS))


cdef int parse_events(bytes text) except -1:
    known = dict([*EVENT_LETTERS, *EVENT_MORE, (b"n", EVENT_NEW), (b"A", EVENTS_ALL)])
    events = 0
    for i in range(len(text)):
        if text[i:i + 1] not in known:
            raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        events |= known[text[i:i + 1]]
    return events


cdef bytes show_events(int events):
    """As Valkey spells it: A stands for its ten, and for new keys, which it leaves unsaid."""
    if events & EVENTS_ALL == EVENTS_ALL:
        letters = b"A"
    else:
        letters = b"".join([letter for letter, event in (*EVENT_LETTERS, (b"n", EVENT_NEW))
                            if events & event])
    return letters + b"".join([letter for letter, event in EVENT_MORE if events & event])


cdef object parse(const directive_t* row, bytes text):
    """The value that a text means for a row.

    Raises:
        ValueError: what is wrong with it, in Valkey's words where Valkey has some.
    """
    if row.kind == KIND_BOOL:
        if text.lower() not in (b"yes", b"no"):
            raise ValueError("argument must be 'yes' or 'no'")
        return text.lower() == b"yes"
    if row.kind == KIND_ENUM:
        known = choices_of(row)
        if text.lower() not in known:
            raise ValueError("argument(s) must be one of the following: "
                             + b", ".join(known).decode())
        return known[text.lower()]
    if row.kind == KIND_LIMITS:
        return parse_limits(text)
    if row.kind == KIND_PERCENTILES:
        return parse_percentiles(text)
    if row.kind == KIND_EVENTS:
        return parse_events(text)
    if row.kind == KIND_TEXT or row.kind == KIND_WORDS:
        if b"\0" in text:
            raise ValueError("argument must not hold a NUL byte")
        if row.kind == KIND_WORDS:
            text = b" ".join(text.split())
        check = TEXT_CHECKS.get(<bytes>row.name)
        return check(text) if check else text
    return parse_number(row, text)


cdef int check_fixed(const directive_t* row, bytes text) except -1:
    """A fixed row has its value, and perhaps another that means the same to us."""
    accepted = [<bytes>row.value] + ([<bytes>row.choices] if row.choices is not NULL else [])
    try:
        if parse(row, text) in [parse(row, word) for word in accepted]:
            return 0
    except ValueError:
        pass
    raise ValueError(f"can only be '{accepted[0].decode()}': {row.help.decode()}")


def check_value(name: bytes, text: bytes) -> None:
    """Raise DirectiveError when there is no such directive, or it cannot have this value."""
    cdef const directive_t* row = directive_find(name)
    if row is NULL:
        raise DirectiveError(shown_name(name), None)
    try:
        if row.flags & DIRECTIVE_FIXED:
            check_fixed(row, text)
        else:
            parse(row, text)
    except ValueError as error:
        raise DirectiveError(shown_name(name), str(error)) from None


def same_value(name: bytes, a: bytes, b: bytes) -> bool:
    """Two texts mean the same for a directive: 1kb and 1024."""
    cdef const directive_t* row = directive_find(name)
    if row.kind == KIND_LIMITS:         # what is not said is the default
        return ({limit[0]: limit for limit in parse(row, <bytes>row.value + b" " + a)}
                == {limit[0]: limit for limit in parse(row, <bytes>row.value + b" " + b)})
    return parse(row, a) == parse(row, b)


# -- checks of texts ------------------------------------------------------------------------------

def check_bind(text: bytes) -> bytes:
    if len(text.split()) > 16:
        raise ValueError("Too many bind addresses specified.")
    return text.replace(b'""', b"").strip()


def check_shutdown(text: bytes) -> bytes:
    words = text.lower().split()
    known = [b"default", b"save", b"nosave", b"now", b"force", b"safe", b"failover"]
    if not words or any(word not in known for word in words):
        raise ValueError("argument(s) must be one of the following: "
                         + b", ".join(known).decode())
    if b"save" in words and b"nosave" in words:
        raise ValueError("shutdown options SAVE and NOSAVE can't be used simultaneously")
    for word, lacking in ((b"save", "snapshots"), (b"safe", "snapshots"),
                          (b"failover", "replicas")):
        if word in words:
            raise ValueError(f"'{word.decode()}' cannot be had: there are no {lacking} yet")
    return b" ".join([word for word in known if word in words and (word != b"default"
                                                                   or len(set(words)) == 1)])


def check_title(text: bytes) -> bytes:
    known = {b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"unixsocket",
             b"config-file"}
    if not text.strip() or set(re.findall(rb"\{([^{}]*)\}", text)) - known \
            or re.search(rb"[{}]", re.sub(rb"\{[^{}]*\}", b"", text)):
        raise ValueError("template format is invalid or contains unknown variables")
    return text


def check_scores(text: bytes) -> bytes:
    words = text.split()
    if len(words) != 3:
        raise ValueError("wrong number of arguments")
    for word in words:
        if not re.fullmatch(rb"-?[0-9]{1,4}", word) or not -2000 <= int(word) <= 2000:
            raise ValueError("Invalid oom-score-adj-values, elements must be between -2000 and "
                             "2000.")
    return text


def check_file_name(text: bytes) -> bytes:
    if b"/" in text or text in (b"", b".", b".."):
        raise ValueError("must be a name, without a path")
    return text


def check_processors(text: bytes) -> bytes:
    if text and not re.fullmatch(rb"\d{1,4}(-\d{1,4}(:\d{1,4})?)?(,\d{1,4}(-\d{1,4}(:\d{1,4})?)?)*",
                                 text):
        raise ValueError("argument must be a list of processors, such as 0,2-5 or 0-7:2")
    return text


TEXT_CHECKS = {
    b"bind": check_bind,
    b"tls-bind": check_bind,
    b"external-user": check_user,
    b"external-allowlist": check_networks,
    b"shutdown-on-sigint": check_shutdown,
    b"shutdown-on-sigterm": check_shutdown,
    b"proc-title-template": check_title,
    b"oom-score-adj-values": check_scores,
    b"dbfilename": check_file_name,
    b"appendfilename": check_file_name,
    b"appenddirname": check_file_name,
    b"server-cpulist": check_processors,
}


# -- values and fields ----------------------------------------------------------------------------

cdef inline void* field_of(server_t* srv, const directive_t* row) noexcept nogil:
    return <char*>&srv.config + row.offset


cdef void store_text(server_t* srv, slice_t* field, bytes text) noexcept:
    cdef const char* data = text
    cdef size_t size = <size_t>len(text)
    if field.size:
        heap_free(&srv.heap, <void*>field.data, field.size)         # S2
    field.data = NULL
    field.size = size
    if size:
        field.data = <const char*>heap_alloc(&srv.heap, size)
        memcpy(<void*>field.data, data, size)


cdef int store(server_t* srv, const directive_t* row, value) except -1:
    cdef int i
    if row.kind == KIND_TEXT or row.kind == KIND_WORDS:
        store_text(srv, <slice_t*>field_of(srv, row), value)
    elif row.kind == KIND_BOOL or row.kind == KIND_ENUM or row.kind == KIND_EVENTS:
        (<int*>field_of(srv, row))[0] = value
    elif row.kind == KIND_LIMITS:
        for kind, hard, soft, seconds in value:
            srv.config.output_limits[<int>kind] = output_limit_t(hard, soft, seconds)
    elif row.kind == KIND_PERCENTILES:
        for i in range(<int>len(value)):
            srv.config.latency_percentiles[i] = value[i]
        srv.config.latency_percentile_count = <int>len(value)
    else:
        (<int64_t*>field_of(srv, row))[0] = value
    return 0


cdef bytes show(server_t* srv, const directive_t* row):
    """The value as CONFIG GET says it."""
    cdef slice_t* text
    cdef output_limit_t* limit
    cdef int64_t number
    cdef int i
    if row.flags & DIRECTIVE_FIXED:
        value = parse(row, row.value)
        return row.value if row.kind == KIND_BOOL or isinstance(value, bytes) else b"%d" % value
    if row.kind == KIND_TEXT or row.kind == KIND_WORDS:
        text = <slice_t*>field_of(srv, row)
        return text.data[:text.size] if text.size else b""
    if row.kind == KIND_BOOL:
        return b"yes" if (<int*>field_of(srv, row))[0] else b"no"
    if row.kind == KIND_ENUM:
        number = (<int*>field_of(srv, row))[0]
        return [word for word, value in choices_of(row).items() if value == number][0]
    if row.kind == KIND_EVENTS:
        return show_events((<int*>field_of(srv, row))[0])
    if row.kind == KIND_LIMITS:
        shown = []
        for i in range(CLIENT_KINDS):
            limit = &srv.config.output_limits[i]
            shown.append(b"%s %d %d %d" % ((b"normal", b"slave", b"pubsub")[i], limit.hard_bytes,
                                           limit.soft_bytes, limit.soft_seconds))
        return b" ".join(shown)
    if row.kind == KIND_PERCENTILES:
        return b" ".join([b"%.10g" % srv.config.latency_percentiles[i]
                          for i in range(srv.config.latency_percentile_count)])
    number = (<int64_t*>field_of(srv, row))[0]
    if row.kind == KIND_OCTAL:
        return b"%o" % number
    return b"%d%%" % -number if number < 0 and row.kind == KIND_PERCENT else b"%d" % number


# -- the life of settings -------------------------------------------------------------------------

cdef int settings_init(server_t* srv) except -1:
    cdef const directive_t* row
    cdef int i
    for i in range(directive_count()):
        row = directive_at(i)
        if not row.flags & DIRECTIVE_FIXED:
            store(srv, row, parse(row, row.value))
    srv.config.active_expire = True
    return 0


cdef void settings_free(server_t* srv) noexcept:
    cdef const directive_t* row
    cdef int i
    for i in range(directive_count()):
        row = directive_at(i)
        if not row.flags & DIRECTIVE_FIXED and (row.kind == KIND_TEXT or row.kind == KIND_WORDS):
            store_text(srv, <slice_t*>field_of(srv, row), b"")


cdef int take(server_t* srv, bytes name, bytes text) except -1:
    """Check one pair and store it. Raises ValueError with the reason."""
    cdef const directive_t* row = directive_find(name)
    if row.flags & DIRECTIVE_FIXED:
        check_fixed(row, text)
    else:
        store(srv, row, parse(row, text))
    return 0


cdef int settings_load(server_t* srv, pairs) except -1:
    for name, text in pairs:
        if directive_find(name) is NULL:
            raise DirectiveError(shown_name(name), None)
        try:
            take(srv, name, text)
        except ValueError as error:
            raise DirectiveError(shown_name(name), str(error)) from None
    return 0


cdef str shown_name(bytes name):
    return name.decode("utf-8", "surrogateescape")


cdef int settings_apply(server_t* srv) except -1:
    cdef const directive_t* row
    cdef const char* refusal
    cdef int i
    for i in range(directive_count()):
        row = directive_at(i)
        if row.apply is not NULL:
            refusal = row.apply(srv)
            if refusal is not NULL:
                raise DirectiveError(row.name.decode(), refusal.decode())
    return 0


cdef dict settings_match(server_t* srv, patterns):
    cdef const directive_t* row
    cdef bytes name
    cdef int i
    found = {}
    for i in range(directive_count()):
        row = directive_at(i)
        for name in ([row.name, row.alias] if row.alias is not NULL else [row.name]):
            if wanted(name, patterns, row.flags & DIRECTIVE_HIDDEN != 0):
                found[name] = show(srv, row)
    return dict(sorted(found.items()))


cdef bint wanted(bytes name, patterns, bint hidden) except -1:
    """A hidden directive answers to its full name only."""
    cdef bytes pattern
    if patterns is None:
        return not hidden
    for pattern in patterns:
        if hidden:
            if pattern.lower() == name:
                return True
        elif glob_match(pattern, <size_t>len(pattern), name, <size_t>len(name), True):
            return True
    return False


# -- changing -------------------------------------------------------------------------------------

cdef int check_may_change(list pairs, bint protected_too) except -1:
    """Refuse what no value could make acceptable, in the order of the pairs."""
    cdef const directive_t* row
    seen = set()
    for name, _ in pairs:
        row = directive_find(name)
        if row is NULL:
            raise DirectiveError(shown_name(name), None)
        reason = None
        if row.flags & DIRECTIVE_IMMUTABLE:
            reason = "can't set immutable config"
        elif row.flags & DIRECTIVE_PROTECTED and not protected_too:
            reason = "can't set protected config"
        elif name.lower() in seen:      # by another name it may be there twice: the last counts
            reason = "duplicate parameter"
        if reason:
            raise DirectiveError(shown_name(name), reason)
        seen.add(name.lower())
    return 0


cdef int run_hooks(server_t* srv, list changed, dict shell) except -1:
    """Apply the changed directives: each hook once. Raises DirectiveError at the first refusal."""
    cdef const directive_t* row
    cdef const char* refusal
    cdef set done = set()
    for name in changed:
        row = directive_find(name)
        if row.apply is not NULL and <size_t>row.apply not in done:
            done.add(<size_t>row.apply)
            refusal = row.apply(srv)
            if refusal is not NULL:
                raise DirectiveError(shown_name(name), refusal.decode())
    for name in changed:
        row = directive_find(name)
        if row.shell is NULL or <bytes>row.shell in done:
            continue
        done.add(<bytes>row.shell)
        hook = shell.get(row.shell.decode())
        try:
            if hook is None:
                raise ValueError("only a server that `kvd serve` started has this setting")
            hook()
        except (ValueError, OSError) as error:
            raise DirectiveError(shown_name(name), str(error)) from None
    return 0


cdef list changed_since(server_t* srv, list old):
    """Names whose values differ from those in `old`, or whose files may."""
    cdef const directive_t* row
    changed = []
    for name, text in old:
        row = directive_find(name)
        if show(srv, row) != text or (text and row.flags & DIRECTIVE_FILE):
            changed.append(name)
    return changed


cdef int settings_change(server_t* srv, pairs, dict shell, bint protected_too) except -1:
    cdef const directive_t* row
    cdef list wanted_pairs = list(pairs)
    check_may_change(wanted_pairs, protected_too)
    old = [(name, show(srv, directive_find(name))) for name, _ in wanted_pairs]
    try:
        for name, text in wanted_pairs:
            try:
                take(srv, name, text)
            except ValueError as error:
                raise DirectiveError(shown_name(name), str(error)) from None
        changed = changed_since(srv, old)
        run_hooks(srv, changed, shell)
    except DirectiveError:
        changed = changed_since(srv, old)
        for name, text in old:
            take(srv, name, text)                                   # S1
        try:
            run_hooks(srv, changed, shell)
        except DirectiveError:
            pass                        # it refused the new value already: that is what we tell
        raise
    return 0
