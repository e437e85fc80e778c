"""Every error text a client can see. Clients match on these: tests hold them verbatim."""
cdef extern from *:
    """
    #ifndef KVD_ERRORS
    #define KVD_ERRORS
    #define ERR_SYNTAX "ERR syntax error"
    #define ERR_WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
    #define ERR_NOT_INTEGER "ERR value is not an integer or out of range"
    #define ERR_NOT_FLOAT "ERR value is not a valid float"
    #define ERR_NO_KEY "ERR no such key"
    #define ERR_OUT_OF_RANGE "ERR index out of range"
    #define ERR_INVALID_EXPIRE "ERR invalid expire time in '"
    #define ERR_STRING_TOO_LONG \\
        "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    #define ERR_NO_AUTH "NOAUTH Authentication required."
    #define ERR_NOT_IN_ALLOWLIST "Client IP address is not in the allowlist."
    #define ERR_MISCONF_AOF "MISCONF Errors writing to the AOF file: %s"
    #define ERR_OOM "OOM command not allowed when used memory > 'maxmemory'."
    #define ERR_LOADING "LOADING Valkey is loading the dataset in memory"
    #define ERR_DB_INDEX "ERR DB index is out of range"
    #define ERR_NO_PROTO "NOPROTO unsupported protocol version"
    #define ERR_INCREMENT_OVERFLOW "ERR increment or decrement would overflow"
    #define ERR_DECREMENT_OVERFLOW "ERR decrement would overflow"
    #define ERR_INCREMENT_NAN "ERR increment would produce NaN or Infinity"
    #define ERR_OFFSET "ERR offset is out of range"
    #define ERR_NUMKEYS "ERR invalid numkeys value or out of range"
    #define ERR_INT_RANGE \\
        "ERR value is out of range, value must between -2147483648 and 2147483647"
    #define ERR_NOT_POSITIVE "ERR value is out of range, must be positive"
    #define ERR_LONG_RANGE \\
        "ERR value is out of range, value must between -9223372036854775807 and " \\
        "9223372036854775807"
    #define ERR_RANK_ZERO \\
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or " \\
        "use negative to start from the end of the list"
    #define ERR_COUNT_NEGATIVE "ERR COUNT can't be negative"
    #define ERR_MAXLEN_NEGATIVE "ERR MAXLEN can't be negative"
    #define ERR_NUMKEYS_ZERO "ERR numkeys should be greater than 0"
    #define ERR_COUNT_ZERO "ERR count should be greater than 0"
    #define ERR_SORT_BY "ERR BY option of SORT denied due to insufficient ACL permissions."
    #define ERR_SORT_GET "ERR GET option of SORT denied due to insufficient ACL permissions."
    #define ERR_SORT_SCORES "ERR One or more scores can't be converted into double"
    #define ERR_SAME_OBJECT "ERR source and destination objects are the same"
    #define ERR_FIRST_DB_INDEX "ERR invalid first DB index"
    #define ERR_SECOND_DB_INDEX "ERR invalid second DB index"
    #define ERR_EXPIRE_NX "ERR NX and XX, GT or LT options at the same time are not compatible"
    #define ERR_EXPIRE_GT_LT "ERR GT and LT options at the same time are not compatible"
    #define ERR_EXPIRE_OPTION "ERR Unsupported option "
    #define ERR_INVALID_CURSOR "ERR invalid cursor"
    #define ERR_COUNT_RANGE \\
        "ERR value is out of range, value must between -9223372036854775807 and " \\
        "9223372036854775807"
    #define ERR_VALUE_RANGE "ERR value is out of range"
    #define ERR_NUMKEYS_MANY "ERR Number of keys can't be greater than number of args"
    #define ERR_LIMIT_NEGATIVE "ERR LIMIT can't be negative"
    #define ERR_REPLY_TOO_LONG "ERR the reply would be too long"
    #define ERR_NUMFIELDS \\
        "ERR numfields should be greater than 0 and match the provided number of fields"
    #define ERR_HASH_NOT_INTEGER "ERR hash value is not an integer"
    #define ERR_HASH_NOT_FLOAT "ERR hash value is not a float"
    #define ERR_NAN_OR_INFINITY "ERR value is NaN or Infinity"
    #define ERR_SCAN_NO_VALUES "ERR NOVALUES option can only be used in HSCAN"
    #define ERR_UNKNOWN_TYPE "ERR unknown type name '"
    #define ERR_NOT_LFU \\
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " \\
        "Please note that when switching between policies at runtime " \\
        "LRU and LFU data will take some time to adjust."
    #define ERR_NOT_LRU \\
        "ERR An LFU maxmemory policy is selected, idle time not tracked. " \\
        "Please note that when switching between policies at runtime " \\
        "LRU and LFU data will take some time to adjust."
    #define ERR_NOT_IN_MULTI "ERR Command '"
    #define ERR_EXEC_WITHOUT_MULTI "ERR EXEC without MULTI"
    #define ERR_DISCARD_WITHOUT_MULTI "ERR DISCARD without MULTI"
    #define ERR_EXEC_ABORT "EXECABORT Transaction discarded because of previous errors."
    #define ERR_EXEC_ABORT_BECAUSE "EXECABORT Transaction discarded because of: "
    #define ERR_NO_CLUSTER "ERR This instance has cluster support disabled"
    #define ERR_BUSY_KEY "BUSYKEY Target key name already exists."
    #define ERR_TTL "ERR Invalid TTL value, must be >= 0"
    #define ERR_IDLETIME "ERR Invalid IDLETIME value, must be >= 0"
    #define ERR_FREQ "ERR Invalid FREQ value, must be >= 0 and <= 255"
    #define ERR_PAYLOAD_SUM "ERR DUMP payload version or checksum are wrong"
    #define ERR_BAD_PAYLOAD "ERR Bad data format"
    #define ERR_MIGRATE "ERR MIGRATE is not supported here: copy with DUMP and RESTORE"
    #define ERR_FAILOVER_NONE "ERR No failover in progress."
    #define ERR_FAILOVER_REPLICAS "ERR FAILOVER requires connected replicas."
    #define ERR_NO_REPLICATION "ERR There is no replication here yet"
    #define ERR_PRIMARY_PORT "ERR Invalid master port"
    #define ERR_POSITIVE "ERR value is out of range, must be positive"
    #define ERR_WAITAOF_LOCAL "ERR value is out of range, value must between 0 and 1"
    #define ERR_WAITAOF_OFF \\
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    #define ERR_RIGHTS_CHANGED \\
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the " \\
        "EXEC call. This command is no longer allowed for the following reason: "
    #define ERR_BIT_OFFSET "ERR bit offset is not an integer or out of range"
    #define ERR_BIT_VALUE "ERR bit is not an integer or out of range"
    #define ERR_BIT_ARGUMENT "ERR The bit argument must be 1 or 0."
    #define ERR_BITFIELD_TYPE \\
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not " \\
        "supported but i64 is."
    #define ERR_OVERFLOW_TYPE "ERR Invalid OVERFLOW type specified"
    #define ERR_BITFIELD_RO "ERR BITFIELD_RO only supports the GET subcommand"
    #define ERR_BITOP_NOT "ERR BITOP NOT must be called with a single source key."
    #define ERR_LCS_BOTH "ERR If you want both the length and indexes, please just use IDX."
    #define ERR_LCS_TYPE "ERR The specified keys must contain string values"
    #define ERR_LCS_TOO_LONG "ERR String too long for LCS"
    #define ERR_LCS_LIMIT \\
        "ERR Insufficient memory, transient memory for LCS exceeds " \\
        "proto-max-bulk-len"
    #define ERR_LCS_MEMORY "ERR Insufficient memory, failed allocating transient memory for LCS"
    #define ERR_HLL_TYPE "WRONGTYPE Key is not a valid HyperLogLog string value."
    #define ERR_HLL_BROKEN "INVALIDOBJ Corrupted HLL object detected"
    #define ERR_HLL_KEY "ERR The specified key does not exist"
    #define ERR_HLL_NOT_SPARSE "ERR HLL encoding is not sparse"
    #define ERR_STREAM_ID "ERR Invalid stream ID specified as stream command argument"
    #define ERR_STREAM_START "ERR invalid start ID for the interval"
    #define ERR_STREAM_END "ERR invalid end ID for the interval"
    #define ERR_STREAM_NO_GROUP "NOGROUP No such key '"
    #define ERR_STREAM_NO_CONSUMER_GROUP "NOGROUP No such consumer group '"
    #define ERR_STREAM_BOTH_TRIMS \\
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
    #define ERR_STREAM_MAXLEN "ERR The MAXLEN argument must be >= 0."
    #define ERR_STREAM_LIMIT "ERR The LIMIT argument must be >= 0."
    #define ERR_STREAM_LIMIT_ALONE \\
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
    #define ERR_STREAM_LIMIT_EXACT \\
        "ERR syntax error, LIMIT cannot be used without the special ~ option"
    #define ERR_STREAM_NO_TRIM \\
        "ERR syntax error, XTRIM must be called with at least one trimming strategy"
    #define ERR_STREAM_ZERO "ERR The ID specified in XADD must be greater than 0-0"
    #define ERR_STREAM_EXHAUSTED \\
        "ERR The stream has exhausted the last possible ID, unable to add more items"
    #define ERR_STREAM_BEHIND \\
        "ERR The ID specified in XADD is equal or smaller than the target stream top item"
    #define ERR_STREAM_TOO_LARGE "ERR Elements are too large to be stored"
    #define ERR_STREAM_SETID_ADDED "ERR entries_added must be positive"
    #define ERR_STREAM_SETID_DELETED \\
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
    #define ERR_STREAM_DELETED \\
        "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
    #define ERR_STREAM_SETID_TOP \\
        "ERR The ID specified in XSETID is smaller than the target stream top item"
    #define ERR_STREAM_SETID_ADDED_LESS \\
        "ERR The entries_added specified in XSETID is smaller than the target stream " \\
        "length"
    #define ERR_STREAM_UNBALANCED \\
        "' list of streams: for each stream key an ID or '$' must be specified."
    #define ERR_STREAM_UNBALANCED_GROUP \\
        "' list of streams: for each stream key an ID or '>' must be specified."
    #define ERR_STREAM_READ_GROUP \\
        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
    #define ERR_STREAM_READ_NOACK \\
        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
    #define ERR_STREAM_GROUP_MISSING "ERR Missing GROUP option for XREADGROUP"
    #define ERR_STREAM_DOLLAR \\
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the " \\
        "history of this consumer by specifying a proper ID, or use the > ID to get new " \\
        "messages. The $ ID would just return an empty result set."
    #define ERR_STREAM_PLUS \\
        "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the " \\
        "history of this consumer by specifying a proper ID, or use the > ID to get new " \\
        "messages. The + ID would just return an empty result set."
    #define ERR_STREAM_NEW \\
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP " \\
        "<group> <consumer> option."
    #define ERR_STREAM_ENTRIESREAD "ERR value for ENTRIESREAD must be positive or -1"
    #define ERR_STREAM_GROUP_KEY \\
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you " \\
        "may want to use the MKSTREAM option to create an empty stream automatically."
    #define ERR_STREAM_BUSY_GROUP "BUSYGROUP Consumer Group name already exists"
    #define ERR_STREAM_CLAIM_IDLE "ERR Invalid min-idle-time argument for XCLAIM"
    #define ERR_STREAM_CLAIM_IDLE_OPTION "ERR Invalid IDLE option argument for XCLAIM"
    #define ERR_STREAM_CLAIM_TIME "ERR Invalid TIME option argument for XCLAIM"
    #define ERR_STREAM_CLAIM_RETRY "ERR Invalid RETRYCOUNT option argument for XCLAIM"
    #define ERR_STREAM_CLAIM_OPTION "ERR Unrecognized XCLAIM option '"
    #define ERR_STREAM_AUTOCLAIM_IDLE "ERR Invalid min-idle-time argument for XAUTOCLAIM"
    #define ERR_STREAM_AUTOCLAIM_COUNT "ERR COUNT must be > 0"
    #define ERR_STREAM_TRANSIENT \\
        "ERR Insufficient memory, failed allocating transient memory, COUNT too high."
    #define ERR_MAX_CLIENTS "ERR max number of clients reached"
    #define ERR_PROTECTED \\
        "DENIED Running in protected mode because protected mode is enabled and no password is " \\
        "set for the default user. In this mode connections are only accepted from the loopback " \\
        "interface. Set requirepass or, where nobody else can reach this port, protected-mode no."
    #define ERR_NO_AUTH_HELLO \\
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the " \\
        "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and " \\
        "select the RESP protocol version at the same time"
    #define ERR_WRONG_PASS \\
        "WRONGPASS invalid username-password pair or user is disabled."
    #define ERR_NO_PASSWORD_SET \\
        "ERR AUTH <password> called without any password configured for the default user. " \\
        "Are you sure your configuration is correct?"
    #define ERR_PROTO_NOT_INTEGER \\
        "ERR Protocol version is not an integer or out of range"
    #define ERR_CLIENT_NAME \\
        "ERR Client names cannot contain spaces, newlines or special characters."
    #define ERR_TIMEOUT_NOT_INTEGER \\
        "ERR timeout is not an integer or out of range"
    #define ERR_TIMEOUT_NOT_FLOAT \
        "ERR timeout is not a float or out of range"
    #define ERR_UNBLOCKED \
        "UNBLOCKED client unblocked via CLIENT UNBLOCK"
    #define ERR_TIMEOUT_NEGATIVE \\
        "ERR timeout is negative"
    #define ERR_TIMEOUT_RANGE \\
        "ERR timeout is out of range"
    #define ERR_PAUSE_MODE \\
        "ERR CLIENT PAUSE mode must be WRITE or ALL"
    #define ERR_UNBLOCK_REASON \\
        "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
    #define ERR_NO_IMPORT_MODE \\
        "ERR Server is not in import mode"
    #define ERR_NO_SUCH_CLIENT \\
        "ERR No such client"
    #define ERR_CLIENT_ID \\
        "ERR client-id should be greater than 0"
    #define ERR_CACHING_MODE \
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN " \
        "or OPTOUT mode enabled"
    #define ERR_CACHING_YES \
        "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
    #define ERR_CACHING_NO \
        "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
    #define ERR_TRACKING_PREFIX "ERR PREFIX option requires BCAST mode to be enabled"
    #define ERR_TRACKING_BCAST \
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and " \
        "then re-enabling it with a different mode."
    #define ERR_TRACKING_BCAST_OPT "ERR OPTIN and OPTOUT are not compatible with BCAST"
    #define ERR_TRACKING_OPT "ERR You can't specify both OPTIN mode and OPTOUT mode"
    #define ERR_TRACKING_OPT_SWITCH \
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and " \
        "then re-enabling it with a different mode."
    #define ERR_TRACKING_REDIRECT "ERR The client ID you want redirect to does not exist"
    #define ERR_TRACKING_REDIRECTS "ERR A client can only redirect to a single other client"
    #define ERR_CANNOT_EXECUTE "ERR Can't execute '"
    #define ERR_SUBSCRIBED \
        "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this " \
        "context"
    #define ERR_MONITOR "ERR Replica can't interact with the keyspace"
    #define ERR_MONITOR_IN_EXEC "ERR MONITOR isn't allowed for DENY BLOCKING client"
    #define ERR_SSUBSCRIBE_IN_EXEC "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"
    #define ERR_NO_SHUTDOWN "ERR No shutdown in progress."
    #define ERR_SHUTDOWN_CLUSTER "ERR SHUTDOWN FAILOVER is only supported in cluster mode."
    #define ERR_SHUTDOWN_FAILED "ERR Errors trying to SHUTDOWN. Check logs."
    #define ERR_SHUTDOWN_SAVE \\
        "ERR SHUTDOWN SAVE is not possible: there are no snapshots yet; the append only file," \\
        " where it is on, is written before the end"
    #define ERR_SCORE_RANGE "ERR min or max is not a float"
    #define ERR_LEX_RANGE "ERR min or max not valid string range item"
    #define ERR_SCORE_NAN "ERR resulting score is not a number (NaN)"
    #define ERR_ZADD_NX_XX "ERR XX and NX options at the same time are not compatible"
    #define ERR_ZADD_GT_LT "ERR GT, LT, and/or NX options at the same time are not compatible"
    #define ERR_ZADD_INCR "ERR INCR option supports a single increment-element pair"
    #define ERR_COUNT_ABOVE_0 "ERR count should be greater than 0"
    #define ERR_RANGE_LIMIT \\
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
    #define ERR_RANGE_LEX_SCORES \\
        "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
    #define ERR_WEIGHT "ERR weight value is not a float"
    #define ERR_INPUT_KEYS "ERR at least 1 input key is needed for '"
    #define ERR_GEO_PAIR "ERR invalid longitude,latitude pair %f,%f"
    #define ERR_GEO_UNIT "ERR unsupported unit provided. please use M, KM, FT, MI"
    #define ERR_GEO_RADIUS "ERR need numeric radius"
    #define ERR_GEO_WIDTH "ERR need numeric width"
    #define ERR_GEO_HEIGHT "ERR need numeric height"
    #define ERR_GEO_RADIUS_NEGATIVE "ERR radius cannot be negative"
    #define ERR_GEO_BOX_NEGATIVE "ERR height or width cannot be negative"
    #define ERR_GEO_MEMBER "ERR member "
    #define ERR_GEO_ANY "ERR the ANY argument requires COUNT argument"
    #define ERR_GEO_COUNT "ERR COUNT must be > 0"
    #define ERR_GEO_FROM "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for "
    #define ERR_GEO_SHAPE "ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for "
    #define ERR_GEO_VERTICES "ERR invalid number of vertices"
    #define ERR_GEO_VERTICES_FEW "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"
    #define ERR_GEO_NO_SCORE "ERR could not decode requested zset member"
    #define ERR_GEO_STORE " is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
    #define ERR_BUSY_SCRIPT \\
        "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    #define ERR_BUSY_FUNCTION \\
        "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or " \\
        "SHUTDOWN NOSAVE."
    #define ERR_NOT_BUSY "NOTBUSY No scripts in execution right now."
    #define ERR_UNKILLABLE \\
        "UNKILLABLE Sorry the script already executed write commands against the dataset. You " \\
        "can either wait the script termination or kill the server in a hard way using the " \\
        "SHUTDOWN NOSAVE command."
    #define ERR_NO_LUA "ERR scripts need the lupa package, which is not installed here"
    #define ERR_NO_SCRIPT_MEMORY \\
        "ERR a machine for scripts does not fit the memory that script-memory-max grants"
    #define ERR_NO_SCRIPT "NOSCRIPT No matching script."
    #define ERR_KEYS_NEGATIVE "ERR Number of keys can't be negative"
    #define ERR_KEYS_TOO_MANY "ERR Number of keys can't be greater than number of args"
    #define ERR_RO_SCRIPT "ERR Can not execute a script with write flag using *_ro command."
    #define ERR_SCRIPT_FLUSH "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
    #define ERR_SCRIPT_DEBUG "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    #define ERR_NO_SCRIPT_DEBUG "ERR there is no debugger for scripts here"
    #define ERR_SCRIPT_COMPILE "ERR Error compiling script (new function): "
    #define ERR_SHEBANG "ERR Invalid script shebang"
    #define ERR_SHEBANG_FLAG "ERR Unexpected flag in script shebang: "
    #define ERR_SHEBANG_OPTION "ERR Unknown lua shebang option: "
    #define ERR_SHEBANG_ENGINE "ERR Could not find scripting engine '"
    #define ERR_NO_FUNCTION "ERR Function not found"
    #define ERR_BAD_KEYS "ERR Bad number of keys provided"
    #define ERR_LIBRARY_NO_METADATA "ERR Missing library metadata"
    #define ERR_LIBRARY_METADATA "ERR Invalid library metadata"
    #define ERR_LIBRARY_VALUE "ERR Invalid metadata value given: "
    #define ERR_LIBRARY_NAME_TWICE \\
        "ERR Invalid metadata value, name argument was given multiple times"
    #define ERR_LIBRARY_NO_NAME "ERR Library name was not given"
    #define ERR_LIBRARY_NAME \\
        "ERR Library names can only contain letters, numbers, or underscores(_) and must be at " \\
        "least one character long"
    #define ERR_FUNCTION_NAME \\
        "ERR Function names can only contain letters, numbers, or underscores(_) and must be at " \\
        "least one character long"
    #define ERR_LIBRARY_ENGINE "ERR Engine '"
    #define ERR_LIBRARY_EXISTS "ERR Library '"
    #define ERR_LIBRARY_EXISTS_RESTORE "ERR Library "
    #define ERR_FUNCTION_EXISTS "ERR Function "
    #define ERR_FUNCTION_TWICE "ERR Function already exists in the library"
    #define ERR_LIBRARY_COMPILE "ERR Error compiling function: "
    #define ERR_LIBRARY_REGISTER "ERR Error registering functions: "
    #define ERR_LIBRARY_EMPTY "ERR No functions registered"
    #define ERR_NO_LIBRARY "ERR Library not found"
    #define ERR_FUNCTION_OPTION "ERR Unknown option given: "
    #define ERR_FUNCTION_ARGUMENT "ERR Unknown argument "
    #define ERR_FUNCTION_NO_PATTERN "ERR library name argument was not given"
    #define ERR_FUNCTION_FLUSH "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
    #define ERR_FUNCTION_POLICY \\
        "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
    #define ERR_FUNCTION_USE \\
        "ERR unknown subcommand or wrong number of arguments for '%s'. Try FUNCTION HELP."
    #define ERR_FUNCTION_PAYLOAD "ERR failed loading functions from the given payload"
    #ifndef ERR_DUMP_PAYLOAD
    #define ERR_DUMP_PAYLOAD "ERR DUMP payload version or checksum are wrong"
    #endif
    #endif
    """
    const char* ERR_SYNTAX
    const char* ERR_WRONG_TYPE
    const char* ERR_NOT_INTEGER
    const char* ERR_NOT_FLOAT
    const char* ERR_NO_KEY
    const char* ERR_OUT_OF_RANGE
    const char* ERR_INVALID_EXPIRE      # then the command's name and "' command"
    const char* ERR_STRING_TOO_LONG
    const char* ERR_NO_AUTH
    const char* ERR_NOT_IN_ALLOWLIST    # Render's words, which have no code before them
    const char* ERR_OOM
    const char* ERR_MISCONF_AOF         # a format: the system's word for the failure
    const char* ERR_LOADING
    const char* ERR_DB_INDEX
    const char* ERR_NO_PROTO
    const char* ERR_INCREMENT_OVERFLOW
    const char* ERR_DECREMENT_OVERFLOW
    const char* ERR_INCREMENT_NAN
    const char* ERR_OFFSET
    const char* ERR_NUMKEYS
    const char* ERR_INT_RANGE
    const char* ERR_NOT_POSITIVE
    const char* ERR_LONG_RANGE
    const char* ERR_RANK_ZERO
    const char* ERR_COUNT_NEGATIVE
    const char* ERR_MAXLEN_NEGATIVE
    const char* ERR_NUMKEYS_ZERO
    const char* ERR_COUNT_ZERO
    const char* ERR_SORT_BY
    const char* ERR_SORT_GET
    const char* ERR_SORT_SCORES
    const char* ERR_SAME_OBJECT
    const char* ERR_FIRST_DB_INDEX
    const char* ERR_SECOND_DB_INDEX
    const char* ERR_EXPIRE_NX
    const char* ERR_EXPIRE_GT_LT
    const char* ERR_EXPIRE_OPTION       # then the option
    const char* ERR_INVALID_CURSOR
    const char* ERR_COUNT_RANGE         # of what may be negative: -INT64_MAX to INT64_MAX
    const char* ERR_VALUE_RANGE
    const char* ERR_NUMKEYS_MANY
    const char* ERR_LIMIT_NEGATIVE
    const char* ERR_REPLY_TOO_LONG      # ours: where Valkey dies of it
    const char* ERR_NUMFIELDS
    const char* ERR_HASH_NOT_INTEGER
    const char* ERR_HASH_NOT_FLOAT
    const char* ERR_NAN_OR_INFINITY
    const char* ERR_SCAN_NO_VALUES
    const char* ERR_UNKNOWN_TYPE        # then the name and "'"
    const char* ERR_NOT_LFU
    const char* ERR_NOT_LRU
    const char* ERR_NOT_IN_MULTI        # then the name and "' not allowed inside a transaction"
    const char* ERR_EXEC_WITHOUT_MULTI
    const char* ERR_DISCARD_WITHOUT_MULTI
    const char* ERR_EXEC_ABORT
    const char* ERR_EXEC_ABORT_BECAUSE  # then the error
    const char* ERR_NO_CLUSTER
    const char* ERR_BUSY_KEY
    const char* ERR_TTL
    const char* ERR_IDLETIME
    const char* ERR_FREQ
    const char* ERR_PAYLOAD_SUM
    const char* ERR_BAD_PAYLOAD
    const char* ERR_MIGRATE
    const char* ERR_FAILOVER_NONE
    const char* ERR_FAILOVER_REPLICAS
    const char* ERR_NO_REPLICATION
    const char* ERR_PRIMARY_PORT
    const char* ERR_POSITIVE
    const char* ERR_WAITAOF_LOCAL
    const char* ERR_WAITAOF_OFF
    const char* ERR_RIGHTS_CHANGED      # then the reason
    const char* ERR_BIT_OFFSET
    const char* ERR_BIT_VALUE
    const char* ERR_BIT_ARGUMENT
    const char* ERR_BITFIELD_TYPE
    const char* ERR_OVERFLOW_TYPE
    const char* ERR_BITFIELD_RO
    const char* ERR_BITOP_NOT
    const char* ERR_LCS_BOTH
    const char* ERR_LCS_TYPE
    const char* ERR_LCS_TOO_LONG
    const char* ERR_LCS_LIMIT
    const char* ERR_LCS_MEMORY
    const char* ERR_HLL_TYPE
    const char* ERR_HLL_BROKEN
    const char* ERR_HLL_KEY
    const char* ERR_HLL_NOT_SPARSE
    const char* ERR_STREAM_ID
    const char* ERR_STREAM_START
    const char* ERR_STREAM_END
    const char* ERR_STREAM_NO_GROUP     # then the key, and the group between more words
    const char* ERR_STREAM_NO_CONSUMER_GROUP # then group and key
    const char* ERR_STREAM_BOTH_TRIMS
    const char* ERR_STREAM_MAXLEN
    const char* ERR_STREAM_LIMIT
    const char* ERR_STREAM_LIMIT_ALONE
    const char* ERR_STREAM_LIMIT_EXACT
    const char* ERR_STREAM_NO_TRIM
    const char* ERR_STREAM_ZERO
    const char* ERR_STREAM_EXHAUSTED
    const char* ERR_STREAM_BEHIND
    const char* ERR_STREAM_TOO_LARGE
    const char* ERR_STREAM_SETID_ADDED
    const char* ERR_STREAM_SETID_DELETED
    const char* ERR_STREAM_DELETED
    const char* ERR_STREAM_SETID_TOP
    const char* ERR_STREAM_SETID_ADDED_LESS
    const char* ERR_STREAM_UNBALANCED
    const char* ERR_STREAM_UNBALANCED_GROUP
    const char* ERR_STREAM_READ_GROUP
    const char* ERR_STREAM_READ_NOACK
    const char* ERR_STREAM_GROUP_MISSING
    const char* ERR_STREAM_DOLLAR
    const char* ERR_STREAM_PLUS
    const char* ERR_STREAM_NEW
    const char* ERR_STREAM_ENTRIESREAD
    const char* ERR_STREAM_GROUP_KEY
    const char* ERR_STREAM_BUSY_GROUP
    const char* ERR_STREAM_CLAIM_IDLE
    const char* ERR_STREAM_CLAIM_IDLE_OPTION
    const char* ERR_STREAM_CLAIM_TIME
    const char* ERR_STREAM_CLAIM_RETRY
    const char* ERR_STREAM_CLAIM_OPTION
    const char* ERR_STREAM_AUTOCLAIM_IDLE
    const char* ERR_STREAM_AUTOCLAIM_COUNT
    const char* ERR_STREAM_TRANSIENT
    const char* ERR_MAX_CLIENTS
    const char* ERR_PROTECTED
    const char* ERR_NO_AUTH_HELLO
    const char* ERR_WRONG_PASS
    const char* ERR_NO_PASSWORD_SET
    const char* ERR_PROTO_NOT_INTEGER
    const char* ERR_CLIENT_NAME
    const char* ERR_TIMEOUT_NOT_INTEGER
    const char* ERR_TIMEOUT_NOT_FLOAT
    const char* ERR_UNBLOCKED
    const char* ERR_TIMEOUT_NEGATIVE
    const char* ERR_TIMEOUT_RANGE
    const char* ERR_PAUSE_MODE
    const char* ERR_UNBLOCK_REASON
    const char* ERR_NO_IMPORT_MODE
    const char* ERR_NO_SUCH_CLIENT
    const char* ERR_CLIENT_ID
    const char* ERR_CACHING_MODE
    const char* ERR_CACHING_YES
    const char* ERR_CACHING_NO
    const char* ERR_TRACKING_PREFIX
    const char* ERR_TRACKING_BCAST
    const char* ERR_TRACKING_BCAST_OPT
    const char* ERR_TRACKING_OPT
    const char* ERR_TRACKING_OPT_SWITCH
    const char* ERR_TRACKING_REDIRECT
    const char* ERR_TRACKING_REDIRECTS
    const char* ERR_CANNOT_EXECUTE      # then the command's name, and
    const char* ERR_SUBSCRIBED
    const char* ERR_MONITOR
    const char* ERR_MONITOR_IN_EXEC
    const char* ERR_SSUBSCRIBE_IN_EXEC
    const char* ERR_NO_SHUTDOWN
    const char* ERR_SHUTDOWN_CLUSTER
    const char* ERR_SHUTDOWN_FAILED
    const char* ERR_SHUTDOWN_SAVE
    const char* ERR_SCORE_RANGE
    const char* ERR_LEX_RANGE
    const char* ERR_SCORE_NAN
    const char* ERR_ZADD_NX_XX
    const char* ERR_ZADD_GT_LT
    const char* ERR_ZADD_INCR
    const char* ERR_COUNT_ABOVE_0
    const char* ERR_RANGE_LIMIT
    const char* ERR_RANGE_LEX_SCORES
    const char* ERR_WEIGHT
    const char* ERR_INPUT_KEYS              # then the command's name and "' command"
    const char* ERR_GEO_PAIR            # a format
    const char* ERR_GEO_UNIT
    const char* ERR_GEO_RADIUS
    const char* ERR_GEO_WIDTH
    const char* ERR_GEO_HEIGHT
    const char* ERR_GEO_RADIUS_NEGATIVE
    const char* ERR_GEO_BOX_NEGATIVE
    const char* ERR_GEO_MEMBER          # then the member and " does not exist"
    const char* ERR_GEO_ANY
    const char* ERR_GEO_COUNT
    const char* ERR_GEO_FROM            # then the command's name
    const char* ERR_GEO_SHAPE           # likewise
    const char* ERR_GEO_VERTICES
    const char* ERR_GEO_VERTICES_FEW
    const char* ERR_GEO_NO_SCORE
    const char* ERR_GEO_STORE           # behind what stores
    const char* ERR_BUSY_SCRIPT
    const char* ERR_BUSY_FUNCTION
    const char* ERR_NOT_BUSY
    const char* ERR_UNKILLABLE
    const char* ERR_NO_LUA
    const char* ERR_NO_SCRIPT_MEMORY
    const char* ERR_NO_SCRIPT
    const char* ERR_KEYS_NEGATIVE
    const char* ERR_KEYS_TOO_MANY
    const char* ERR_RO_SCRIPT
    const char* ERR_SCRIPT_FLUSH
    const char* ERR_SCRIPT_DEBUG
    const char* ERR_NO_SCRIPT_DEBUG
    const char* ERR_SCRIPT_COMPILE      # then Lua's reason
    const char* ERR_SHEBANG
    const char* ERR_SHEBANG_FLAG        # then the flag
    const char* ERR_SHEBANG_OPTION      # then the option
    const char* ERR_SHEBANG_ENGINE      # then the name and "'"
    const char* ERR_NO_FUNCTION
    const char* ERR_BAD_KEYS
    const char* ERR_LIBRARY_NO_METADATA
    const char* ERR_LIBRARY_METADATA
    const char* ERR_LIBRARY_VALUE       # then the value
    const char* ERR_LIBRARY_NAME_TWICE
    const char* ERR_LIBRARY_NO_NAME
    const char* ERR_LIBRARY_NAME
    const char* ERR_FUNCTION_NAME
    const char* ERR_LIBRARY_ENGINE      # then the name and "' not found"
    const char* ERR_LIBRARY_EXISTS      # then the name and "' already exists"
    const char* ERR_LIBRARY_EXISTS_RESTORE      # then the name and " already exists"
    const char* ERR_FUNCTION_EXISTS     # then the name and " already exists"
    const char* ERR_FUNCTION_TWICE
    const char* ERR_LIBRARY_COMPILE     # then Lua's reason
    const char* ERR_LIBRARY_REGISTER    # then the reason
    const char* ERR_LIBRARY_EMPTY
    const char* ERR_NO_LIBRARY
    const char* ERR_FUNCTION_OPTION     # then the option
    const char* ERR_FUNCTION_ARGUMENT   # then the argument
    const char* ERR_FUNCTION_NO_PATTERN
    const char* ERR_FUNCTION_FLUSH
    const char* ERR_FUNCTION_POLICY
    const char* ERR_FUNCTION_USE        # a format: the subcommand
    const char* ERR_FUNCTION_PAYLOAD
    const char* ERR_DUMP_PAYLOAD
