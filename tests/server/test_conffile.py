"""Configuration files. Goal: stock files load as they are, quoting is Valkey's, a fault names its
line, and a rewrite says what is in force without losing a comment. Method: texts in and out;
valkey-server's own defaults as a file; a rewritten file is read again and compared."""
import os
import pathlib
import random
import stat

import pytest

from kvd.engine.core.words import quote
from kvd.engine.server import conffile
from kvd.engine.server.config import config_table
from kvd.engine.server.server import Server

DEBIAN = pathlib.Path("/etc/redis/redis.conf")


def settings(text: bytes):
    return conffile.settings_of(conffile.parse_text(text, "test.conf"))


# -- reading --------------------------------------------------------------------------------------

def test_the_last_line_wins():
    assert settings(b"hz 1\nHZ 2\n") == {"hz": b"2"}
    assert settings(b"slowlog-max-len 1\ncommandlog-slow-execution-max-len 2\n") == {
        "commandlog-slow-execution-max-len": b"2"}


def test_limits_of_several_lines_add_up():
    text = b"client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit replica 4 5 6\n"
    server = Server(**settings(text))
    assert server.config("client-output*")["client-output-buffer-limit"] == (
        "normal 1 2 3 slave 4 5 6 pubsub 33554432 8388608 60")
    server.close()


@pytest.mark.parametrize("line, reason", [
    (b"foo bar", "there is no directive 'foo'"),
    (b"port", "wrong number of arguments"),
    (b"port 1 2", "wrong number of arguments"),
    (b"maxmemory abc", "argument must be a memory value"),
    (b"save 900 1", "no snapshots (RDB files) are written yet"),
    (b"replicaof 127.0.0.1 6380", "there is no replication"),
    (b"cluster-enabled yes", "there is no cluster"),
    (b"loadmodule /x.so", "modules cannot be loaded"),
    (b"rename-command CONFIG x", "commands cannot be renamed"),
    (b'requirepass "a', "Unbalanced quotes"),
    (b"include a b", "wrong number of arguments"),
    (b"include /nonexistent/x", "can't open /nonexistent/x: No such file or directory"),
    (b"tls-cluster yes", "TLS serves clients, with one certificate"),
    (b"io-threads 4", "one thread serves all clients"),
])
def test_a_fault_names_line_and_word(line, reason):
    with pytest.raises(conffile.FileError) as fault:
        settings(b"# a comment\n\nhz 10\n" + line + b"\n")
    assert fault.value.number == 4 and fault.value.path == "test.conf"
    assert reason in str(fault.value) and "line 4" in str(fault.value)
    assert line.split()[0].decode() in str(fault.value)


@pytest.mark.parametrize("line", [b'requirepass "geheim', b"requirepass geheim too",
                                  b"masterauth geheim"])
def test_a_fault_keeps_secrets(line):
    with pytest.raises(conffile.FileError) as fault:
        settings(line)
    assert "geheim" not in str(fault.value)


def users(text: bytes) -> dict:
    return conffile.users_of(conffile.parse_text(text, "test.conf"))


def test_lines_about_users():
    text = b"user a on >geheim\nhz 10\nuser b ~x (+get ~y)\n"
    assert settings(text) == {"hz": b"10"}
    assert {name: line.words[2:] for name, line in users(text).items()} == {
        b"a": (b"on", b">geheim"), b"b": (b"~x", b"(+get", b"~y)")}


@pytest.mark.parametrize("line", [b"user", b"user a >geheim\nuser a on"])
def test_a_faulty_user_is_told_without_its_password(line):
    with pytest.raises(conffile.FileError) as fault:
        users(line)
    assert "geheim" not in str(fault.value) and fault.value.path == "test.conf"


def test_off_is_accepted():
    text = (b'save ""\nreplicaof no one\ncluster-enabled no\ndaemonize no\nio-threads 1\n'
            b"rdbcompression yes\nappendfsync EverySec\naclfile ''\n")
    Server(**settings(text)).close()


def test_includes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.conf").write_text("hz 3\n")
    (tmp_path / "a.conf").write_text("hz 2\ntimeout 2\n")
    assert settings(b"hz 1\ninclude ?.conf\ninclude none*.conf\n") == {
        "hz": b"3", "timeout": b"2"}
    (tmp_path / "b.conf").write_text("include b.conf\n")
    with pytest.raises(conffile.FileError, match="include each other"):
        settings(b"include b.conf\n")


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's redis-server is not installed")
def test_debians_redis_conf_loads_as_it_is():
    found = conffile.settings_of(conffile.parse_text(DEBIAN.read_bytes(), str(DEBIAN)))
    assert found["lazyfree-lazy-user-del"] == b"no" and found["bind"] == b"127.0.0.1 -::1"
    server = Server(**found)
    assert server.config("client-output*")["client-output-buffer-limit"].startswith("normal 0 0 0")
    server.close()


def test_a_file_of_all_of_valkeys_defaults_loads(stock_valkey):
    """Whatever a stock file sets, it is some of these."""
    given = stock_valkey.ask("CONFIG", "GET", "*")
    words = {row["name"]: row["kind"] in ("words", "limits", "numbers") for row in config_table()}
    lines = []
    for name, value in zip(given[::2], given[1::2], strict=True):
        value = value if words.get(name.decode()) and value else quote(value)
        lines.append(name + b" " + value)
    Server(**settings(b"\n".join(lines))).close()


# -- rewriting ------------------------------------------------------------------------------------

OLD = b"""# kvd
port 6379

# memory
maxmemory 64mb
maxmemory-policy allkeys-lru
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 20
hz 30
save ""
# the end
"""


def rewritten(tmp_path, old: bytes, *changes: tuple[bytes, bytes]) -> bytes:
    """The file after a start with it, some changes, and CONFIG REWRITE; checked by a restart."""
    path = tmp_path / "kvd.conf"
    path.write_bytes(old)
    server = Server(**settings(old))
    server.config_file = str(path)
    server.configure(list(changes))
    conffile.rewrite(server.config_file, server.config())
    again = Server(**settings(path.read_bytes()))
    assert again.config() == server.config()
    again.close()
    server.close()
    assert os.listdir(tmp_path) == ["kvd.conf"], "nothing is left behind"
    return path.read_bytes()


def test_a_rewrite_without_changes_changes_nothing(tmp_path):
    assert rewritten(tmp_path, OLD) == OLD


def test_a_rewrite_keeps_comments_and_order(tmp_path):
    new = rewritten(tmp_path, OLD, (b"maxmemory", b"128mb"), (b"timeout", b"7"),
                    (b"hz", b"40"), (b"client-output-buffer-limit", b"normal 1 2 3"),
                    (b"requirepass", b'with "quotes" and #'))
    assert new == b"""# kvd
port 6379

# memory
maxmemory 134217728
maxmemory-policy allkeys-lru
client-output-buffer-limit normal 1 2 3
client-output-buffer-limit slave 268435456 67108864 60
client-output-buffer-limit pubsub 33554432 8388608 60
hz 40
save ""
# the end
# Generated by CONFIG REWRITE
timeout 7
requirepass "with \\"quotes\\" and #"
"""
    again = rewritten(tmp_path, new, (b"timeout", b"0"), (b"maxmemory-samples", b"9"))
    assert again == new.replace(b"timeout 7", b"timeout 0") + b"maxmemory-samples 9\n"


def test_a_rewrite_wins_over_an_include(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.conf").write_text("timeout 5\n")
    path = tmp_path / "kvd.conf"
    path.write_text(f"timeout 1\ninclude {tmp_path}/sub/more.conf\n")
    server = Server(**settings(path.read_bytes()))
    server.config_file = str(path)
    server.configure([(b"timeout", b"9")])
    assert server.execute(b"CONFIG", b"REWRITE") == b"+OK\r\n"
    server.close()
    assert settings(path.read_bytes())["timeout"] == b"9"
    assert (tmp_path / "sub" / "more.conf").read_text() == "timeout 5\n"


def test_a_rewrite_keeps_mode_and_link(tmp_path):
    (tmp_path / "real.conf").write_text("hz 11\n")
    (tmp_path / "real.conf").chmod(0o640)
    (tmp_path / "kvd.conf").symlink_to("real.conf")
    server = Server(hz=11)
    server.config_file = str(tmp_path / "kvd.conf")
    server.configure([(b"hz", b"12")])
    assert server.execute(b"CONFIG", b"REWRITE") == b"+OK\r\n"
    server.close()
    assert (tmp_path / "kvd.conf").is_symlink()
    assert (tmp_path / "real.conf").read_text() == "hz 12\n"
    assert stat.S_IMODE((tmp_path / "real.conf").stat().st_mode) == 0o640


def test_a_file_that_has_gone_is_made_anew_and_closed_to_others(tmp_path):
    server = Server(requirepass="geheim")
    server.config_file = str(tmp_path / "kvd.conf")
    server.execute(b"AUTH", b"geheim")
    assert server.execute(b"CONFIG", b"REWRITE") == b"+OK\r\n"
    server.close()
    assert b"requirepass geheim" in (tmp_path / "kvd.conf").read_bytes()
    assert stat.S_IMODE((tmp_path / "kvd.conf").stat().st_mode) == 0o600


def test_a_rewrite_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "kvd.conf"
    path.write_text("hz 11\nfoo bar\n")
    server = Server()
    server.config_file = str(path)
    assert server.execute(b"CONFIG", b"REWRITE").startswith(b"-ERR Rewriting config file: ")
    server.config_file = str(tmp_path / "none" / "kvd.conf")
    assert b"No such file or directory" in server.execute(b"CONFIG", b"REWRITE")
    server.close()
    assert path.read_text() == "hz 11\nfoo bar\n" and os.listdir(tmp_path) == ["kvd.conf"]


def test_random_rewrites(tmp_path):
    """Seed 5: whatever was changed, the file says it: rewritten() starts a server with it."""
    draw, text = random.Random(5), OLD
    values = {b"hz": [b"1", b"99"], b"timeout": [b"0", b"3"], b"maxmemory": [b"0", b"1gb"],
              b"requirepass": [b"", b"a b", b"\xff\n'"],
              b"latency-tracking-info-percentiles": [b"", b"1 2"],
              b"client-output-buffer-limit": [b"normal 0 0 0", b"pubsub 1 2 3 replica 1 1 1"]}
    for _ in range(20):
        changes = [(name, draw.choice(values[name])) for name in draw.sample(list(values), 3)]
        text = rewritten(tmp_path, text, *changes)
