"""Scripts: what they answer, beside Valkey where there is one.

A snippet is one EVAL without keys. Both servers get the same ones, in order; what differs on
purpose (docs/limits.md) is not among them, nor what depends on the order of a Lua table.
"""
import hashlib

import pytest

from kvd.engine.server.server import Server

pytestmark = pytest.mark.timeout(60)

SNIPPETS = r"""
return 1
return 3.99
return -3.99
return 1e30
return 0/0
return 'text'
return true
return false
return nil
return {1,2,nil,4}
return {1,{2,{3,'x'}},false,true,3.7}
return {double=3.5}
return {map={a=1}}
return {set={a=true}}
return {big_number='12\r\n3'}
return {verbatim_string={format='txt',string='hi'}}
return {verbatim_string={string='hi'}}
return {verbatim_string={format='txt'},7}
return {verbatim_string={}}
return {err='My Err'}
return {err='a\nb'}
return {ok='fine'}
return {ok=1}
return function() end
redis.setresp(3) return true
redis.setresp(3) return false
redis.setresp(3) return type(redis.call('get','nokey'))
return type(redis.call('get','nokey'))
redis.setresp(4)
redis.setresp()
local t={} for i=1,200 do t={t} end return t
return setmetatable({},{__index=function() return 'boo' end})
x=1
return x
local function f() return y end return f()
string.foo=1
redis.call=1
rawset(_G,'x',1)
rawset(string,'x',1)
setmetatable(_G,{})
return type(getmetatable(_G))
return type(getmetatable(''))
getmetatable('').__index=1
return getmetatable('').__index==string
return rawget(_G,'xx')
return rawget(_G,'redis')~=nil
KEYS=1
KEYS[1]='a' return KEYS[1]
table.insert(redis,1)
return redis.nosuch
return redis==server
getmetatable(_G).__index=1
return redis.call('nosuch')
return redis.call('get')
return redis.call()
return redis.call('get',{})
return redis.call('get',nil)
return redis.call('eval','x',0)
return redis.call('multi')
return redis.call('client','nosuch')
return redis.call('client')
redis.call('set','s','abc') return redis.call('incr','s')
return redis.pcall('incr','s')
local e=redis.pcall('incr','s') return {e.err, tostring(e.ignore_error_stats_update)}
local ok,e=pcall(redis.call,'incr','s') return {type(e),e}
local ok,e=pcall(function() x=1 end) return {type(e),tostring(e)}
return {pcall(error,{code=3})}
return {xpcall(function() error('q') end,function(m) return m..'!' end)}
error('boo')
error({err='FOO bar'})
error({err='FOO bar\r\nx'})
error({})
error()
error(12)
error(redis.error_reply('MY err'))
return redis.error_reply('FOO')
return redis.error_reply('-FOO bar')
return redis.error_reply('a\r\nb')
return redis.error_reply('')
return redis.error_reply(1)
return redis.status_reply('x')
return redis.status_reply('a\r\nb')
return redis.status_reply()
return redis.sha1hex('')
return redis.sha1hex(1)
return redis.sha1hex()
return redis.log(redis.LOG_DEBUG,'x')
return redis.log('x')
return redis.log(10,'x')
return redis.set_repl(redis.REPL_ALL)
return redis.set_repl(9)
return redis.replicate_commands()
return redis.breakpoint()
return redis.acl_check_cmd('get','x')
return redis.acl_check_cmd('nosuch')
return redis.acl_check_cmd()
redis.call('set','f',3.14) return redis.call('get','f')
redis.call('set','f',1e20) return redis.call('get','f')
redis.call('set','f',1e15) return redis.call('get','f')
redis.call('set','f',-1.5e-7) return redis.call('get','f')
redis.call('set','f',1/0) return redis.call('get','f')
redis.call('set','f',123456789012345678) return redis.call('get','f')
redis.call('set','f',true)
redis.call('set','f','x','EX')
return redis.call('select',99)
return redis.call('ping','a','b')
return {redis.call('mget','f','zz','s')}
local r=redis.call('set','a','b') return {type(r), r.ok}
local co=coroutine.wrap(function() return redis.call('get') end) return co()
return nil+1
return {}..'a'
local x=nil; x.y=1
redis.foo()
os.exit()
return io
return load('return 1')
local n=0 return load(function() n=n+1 if n==1 then return 'return 7' end end)()
return loadstring('return 1')()
return {loadstring('return (')}
return loadstring(string.dump(function() return 1 end))()
return type(gcinfo())
return collectgarbage('stop')
return unpack({1,2,3})
return {unpack({},1,8000)}
return table.getn({1,2})
return table.setn({},1)
return math.mod(5,3)
math.randomseed(42) return {tostring(math.random()), math.random(10), math.random(3,7)}
return math.random(0)
return math.random(5,1)
return tostring(2^53)
return tostring(tonumber('0x10'))
return string.format('%5.2f|%q|%s|%d|%x',1.234,'a\n"','s',3,255)
return string.find('a','[')
return table.concat({1,{},3})
return bit.tohex(-1,-4)
return bit.tobit(2^40+5)
return bit.band('0x10',255)
return string.find('1.5','%d\.%d')
return 'a\/b\-\q\u00e9\zzz\'\"\\d\065'
return "\q" .. [[\q]] .. [=[']]\q]=] -- '\q'
return '\q' \q
syntax error here
return (
return '
x = = 1
"""

JSON = r"""
return cjson.encode({1,2,nil,4})
return cjson.encode({[1]=1,[100]=2})
return cjson.encode({[5]=2})
return cjson.encode({})
return cjson.encode({{}})
return cjson.encode('a/b"\\\n\1\127\255')
return cjson.encode(0.1)
return cjson.encode(1e15)
return cjson.encode(123456789012345678)
return cjson.encode(cjson.null)
return cjson.encode(nil)
return cjson.encode(1/0)
return cjson.encode(function() end)
return cjson.encode({[true]=1})
return cjson.encode({[1.5]=1})
return cjson.encode()
return cjson.encode(1,2)
local t={} for i=1,1001 do t={t} end return cjson.encode(t)
return cjson.decode(string.rep('[',1001)..string.rep(']',1001))
return cjson.decode('')
return cjson.decode('[1,')
return cjson.decode('[1 2]')
return cjson.decode('{"a" 1}')
return cjson.decode('{1:2}')
return cjson.decode('{"a":1')
return cjson.decode('{"a":1,}')
return cjson.decode('"abc')
return cjson.decode('"\\q"')
return cjson.decode('"\\ud800"')
return cjson.decode('"\\udc00"')
return cjson.decode('"\\ud83d\\ude00\\u00e9"')
return cjson.decode('tru')
return cjson.decode('[1]x')
return cjson.decode('0x1F')
return cjson.decode('01')
return cjson.decode('-')
return cjson.decode('+1')
return tostring(cjson.decode('inf'))
return cjson.decode('\0\0')
return cjson.decode('"a\0b"')
return cjson.decode('[1e5,1E5,1.5,-0,1e400]')
return cjson.decode({})
return cjson.decode()
return {cjson.encode_sparse_array(true,3,5)}
return cjson.encode_sparse_array(1)
return cjson.encode_max_depth(0)
return cjson.encode_number_precision(15)
return cjson.encode_keep_buffer(1)
return cjson.encode_invalid_numbers('null')
return cjson.encode({1/0,0/0})
return cjson.decode_invalid_numbers(false)
return cjson.decode('0x1F')
return cjson.decode('nan')
return cjson.decode_invalid_numbers(true)
return cjson.encode_invalid_numbers(false)
return {cjson.encode_sparse_array(false,2,10)}
"""

PACKED = r"""
return cmsgpack.pack()
return cmsgpack.unpack('')
return cmsgpack.unpack('\193')
return cmsgpack.unpack('\147\1')
return {cmsgpack.unpack('\1\2\3')}
return {cmsgpack.unpack_one('\1\2\3',2)}
return {cmsgpack.unpack_one('\1\2\3',4)}
return {cmsgpack.unpack_one('\1\2\3',-1)}
return {cmsgpack.unpack_limit('\1\2\3',2)}
return {cmsgpack.unpack_limit('\1\2\3',0)}
return cmsgpack.pack({})
return cmsgpack.pack({[2]=1})
return cmsgpack.pack(1.5,0.1,-1,-33,-129,-40000,-3e9,-1e18,255,256,65536,2^32,2^53,2^64,1/0)
local t={} for i=1,20 do t={t} end return cmsgpack.pack(t)
return {cmsgpack.unpack('\207\255\255\255\255\255\255\255\255')}
return cmsgpack.unpack('\196\2ab')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\129\192\1')
return struct.pack('>I2hbB',1,2,3,4)
return struct.pack('<i8',-2)
return struct.size('<!4bi')
return struct.size('s')
return struct.pack('z',1)
return struct.pack('I33',1)
return struct.pack('!3i',1)
return struct.pack('i','x')
return struct.pack('c5','abc')
return struct.pack('c0','abc')
return {struct.unpack('<I2s','\1\0abc\0')}
return {struct.unpack('s','abc')}
return {struct.unpack('i4','abc')}
return {struct.unpack('c0','abc')}
return {struct.unpack('Bc0','\2abc')}
return {struct.unpack('b','abc',0)}
return {struct.unpack('>f>d',struct.pack('>f>d',1.5,2.5))}
return {struct.unpack('L','\255\255\255\255\255\255\255\255')}
return struct.pack('I16',1)
return {struct.unpack('I16',string.rep('\1',16))}
return struct.size('i2147483648')
return struct.pack('!16b!8d',1,2)
"""

REQUESTS = [
    ("EVAL", "return 1"), ("EVAL", "return 1", "x"), ("EVAL", "return 1", "-1"),
    ("EVAL", "return 1", "1"), ("EVAL", "return {KEYS[1],ARGV[1],#KEYS,#ARGV}", "1", "k", "a", ""),
    ("EVALSHA", "x", "0"), ("EVALSHA", "f" * 40, "0"), ("EVALSHA", "f" * 40, "x"),
    ("EVAL_RO", "return redis.call('set','a','b')", "0"),
    ("EVAL_RO", "#!lua\nreturn 1", "0"), ("EVAL", "#!lua flags=no-writes\nreturn 1", "0"),
    ("EVAL", "#!lua flags=no-writes\n\nreturn redis.call('set','a','b')", "0"),
    ("EVAL", "#!lua flags=nope\nreturn 1", "0"), ("EVAL", "#!python\nreturn 1", "0"),
    ("EVAL", "#!lua name=x\nreturn 1", "0"), ("EVAL", "#!lua", "0"),
    ("EVAL", "#!lua flags=\nreturn 1", "0"), ("EVAL", "#!lua flags=no-writes,\nreturn 1", "0"),
    ("EVAL", "#!lua flags=,no-writes\nreturn 1", "0"),
    ("EVAL", "return '\\\r\n--x'", "0"), ("EVAL", "return 'a\\\n\r\\q--'", "0"),
    ("EVAL", "-- x\rreturn redis.call('nosuch')", "0"),
    ("EVAL_RO", "return redis.call('publish','a','b')", "0"),
    ("EVAL_RO", "return redis.pcall('pfcount','a')", "0"),
    ("EVAL", "#!lua\n\nreturn error('line')", "0"), ("SCRIPT", "LOAD", "return ("),
    ("SCRIPT", "LOAD", "return 1"),
    ("SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
     "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "x"),
    ("SCRIPT", "SHOW", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), ("SCRIPT", "SHOW", "x"),
    ("EVALSHA", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0"),
    ("SCRIPT", "FLUSH", "x"), ("SCRIPT", "FLUSH", "SYNC"), ("SCRIPT", "KILL"),
    ("EVAL", "redis.call('select',5) return redis.call('set','db5','x')", "0"), ("GET", "db5"),
]


def words(*args) -> list[bytes]:
    return [arg if isinstance(arg, bytes) else arg.encode() for arg in args]


def snippets(text: str) -> list[tuple]:
    return [("EVAL", line, "0") for line in text.strip().splitlines()]


@pytest.fixture
def engine():
    server = Server()
    yield server
    assert server.close(), "the engine kept memory"


@pytest.mark.oracle
@pytest.mark.parametrize("requests", [
    snippets(SNIPPETS), snippets(JSON), snippets(PACKED), REQUESTS,
], ids=["language", "cjson", "packed", "commands"])
def test_answers_are_valkeys(engine, stock_valkey, requests):
    requests = [words(*request) for request in requests]
    for request, theirs in zip(requests, stock_valkey.ask_raw(requests), strict=True):
        assert engine.execute(*request) == theirs, request


@pytest.mark.oracle
def test_answers_in_resp3_are_valkeys(engine, stock_valkey):
    link = stock_valkey.client()
    link.execute(*words("HELLO", "3"))
    client = engine.client()
    client.execute(*words("HELLO", "3"))
    for request in snippets(SNIPPETS)[:33]:
        assert client.execute(*words(*request)) == link.execute(*words(*request)), request
    link.close()


ERRORS = r"""
return redis.call('nosuch')
return redis.pcall('nosuch')
redis.pcall('nosuch') return 1
redis.pcall('get') return 1
redis.pcall('get',{}) return 1
redis.pcall() return 1
redis.call()
redis.pcall('eval','return 1',0) return 1
return redis.pcall('config','nosuch')
redis.call('set','s','abc') return redis.pcall('incr','s')
redis.pcall('incr','s') return 1
local e=redis.pcall('incr','s') e.err='FOO bar' return e
error(redis.pcall('incr','s'))
return {err='BAR x'}
error({err='BAR x'})
"""


@pytest.mark.oracle
def test_errors_in_scripts_are_counted_once(engine, stock_valkey):
    def counted(answer: bytes) -> list[bytes]:
        return sorted(line for line in answer.split(b"\r\n") if line.startswith(b"errorstat_"))

    look = words("INFO", "errorstats")
    stock_valkey.ask("CONFIG", "RESETSTAT")
    for request in snippets(ERRORS):
        theirs = stock_valkey.ask_raw([words(*request), look])
        assert engine.execute(*words(*request)) == theirs[0]
        assert counted(engine.execute(*look)) == counted(theirs[1]), request


def test_globals_do_not_pass_from_script_to_script(engine):
    engine.execute(*words("EVAL", "pcall(function() for k,v in pairs(redis) do end end)", "0"))
    engine.execute(*words("EVAL", "local _, t = pairs(redis) t.call = 1", "0"))
    assert engine.execute(*words("EVAL", "return type(redis.call)", "0")) == b"$8\r\nfunction\r\n"


def test_a_script_that_wants_too_much_memory_fails_and_others_go_on():
    server = Server(script_memory_max="8mb")
    for script in ("local s='x' while true do s=s..s end",
                   "local t={} while true do t[#t+1]={} end", "return string.rep('x',1e9)",
                   "return cjson.encode(string.rep('x',5e6))"):
        assert server.execute(*words("EVAL", script, "0")).startswith(b"-ERR"), script
        assert server.execute(*words("EVAL", "return 1", "0")) == b":1\r\n"
    assert server.close()


def test_scripts_of_eval_are_forgotten_and_loaded_ones_stay(engine):
    loaded = engine.execute(*words("SCRIPT", "LOAD", "return 'kept'"))
    for i in range(600):
        engine.execute(*words("EVAL", f"return {i}", "0"))
    first, last = (hashlib.sha1(text).hexdigest() for text in (b"return 0", b"return 599"))
    assert engine.execute(*words("SCRIPT", "EXISTS", first, last)) == b"*2\r\n:0\r\n:1\r\n"
    assert engine.execute(b"EVALSHA", loaded.split()[1], b"0") == b"$4\r\nkept\r\n"
    info = engine.execute(b"INFO", b"everything")
    assert b"number_of_cached_scripts:501\r\n" in info and b"evicted_scripts:100\r\n" in info


def test_watch_sees_a_script_write(engine):
    one, other = engine.client(), engine.client()
    one.execute(*words("WATCH", "k"))
    other.execute(*words("EVAL", "redis.call('set',KEYS[1],1)", "1", "k"))
    one.execute(b"MULTI")
    one.execute(b"PING")
    assert one.execute(b"EXEC") == b"*-1\r\n"


def test_a_script_in_a_transaction(engine):
    client = engine.client()
    client.execute(b"MULTI")
    client.execute(*words("EVAL", "redis.call('incr','n') return redis.call('incr','n')", "0"))
    client.execute(*words("EVAL", "return redis.call('nosuch')", "0"))
    reply = client.execute(b"EXEC")
    assert reply.startswith(b"*2\r\n:2\r\n-ERR Unknown command")


REDLOCK = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
else
    return 0
end
"""

LIMIT = """
local used = tonumber(redis.call('get', KEYS[1]) or '0')
if used + 1 > tonumber(ARGV[1]) then
    return {0, redis.call('pttl', KEYS[1])}
end
used = redis.call('incr', KEYS[1])
if used == 1 then
    redis.call('pexpire', KEYS[1], ARGV[2])
end
return {1, tonumber(ARGV[1]) - used}
"""


def test_redlock_releases_its_own_lock_only(engine):
    engine.execute(*words("SET", "lock", "mine", "NX", "PX", "30000"))
    assert engine.execute(*words("EVAL", REDLOCK, "1", "lock", "other")) == b":0\r\n"
    assert engine.execute(*words("EVAL", REDLOCK, "1", "lock", "mine")) == b":1\r\n"
    assert engine.execute(*words("EXISTS", "lock")) == b":0\r\n"


def test_rate_limit(engine):
    for left in (2, 1, 0):
        assert engine.execute(*words("EVAL", LIMIT, "1", "who", "3", "60000")) == \
            b"*2\r\n:1\r\n:%d\r\n" % left
    refused = engine.execute(*words("EVAL", LIMIT, "1", "who", "3", "60000"))
    assert refused.startswith(b"*2\r\n:0\r\n")


def test_a_denied_command_in_a_script(engine):
    engine.execute(*words("ACL", "SETUSER", "worker", "on", "nopass", "~job:*", "+eval", "+get"))
    client = engine.client()
    client.execute(*words("AUTH", "worker", "x"))
    assert client.execute(*words("EVAL", "return redis.call('get','job:1')", "0")) == b"$-1\r\n"
    for body in ("return redis.call('get','other')", "return redis.call('set','job:1','x')"):
        assert client.execute(*words("EVAL", body, "0")).startswith(b"-ERR ACL failure in script: ")
    assert client.execute(
        *words("EVAL", "return redis.acl_check_cmd('set','job:1','x')", "0")) == b"$-1\r\n"
