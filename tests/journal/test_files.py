"""The manifest and the files it names: what is written reads back, what is wrong is refused.

Goal: no manifest, however odd, makes the engine open a file outside its directory, and no crash
between two steps loses a file. Method: hypothesis for names and numbers, literal bad lines, and a
directory brought by hand into each state that a crash can leave.
"""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvd.engine.journal import files
from kvd.engine.journal.files import BASE, INCR, Files, Manifest, ManifestError, Part

NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]),
                min_size=1, max_size=40).filter(lambda name: name not in (".", ".."))


@st.composite
def manifests(draw):
    seqs = sorted(draw(st.sets(st.integers(1, 10 ** 17), max_size=5)))
    base = Part(draw(NAMES), draw(st.integers(1, 99)), BASE) if draw(st.booleans()) else None
    history = tuple(Part(draw(NAMES), draw(st.integers(1, 99)), "h")
                    for _ in range(draw(st.integers(0, 2))))
    return Manifest(base, tuple(Part(draw(NAMES), seq, INCR) for seq in seqs), history)


@given(manifests())
def test_what_is_written_reads_back(manifest):
    text = files.spell(manifest)
    if text:
        assert files.parse(text, "m") == manifest


@given(st.binary(max_size=200))
def test_nothing_but_a_manifest_error(text):
    try:
        manifest = files.parse(text, "m")
    except ManifestError:
        return
    assert all("/" not in part.name for part in manifest.parts)


@pytest.mark.parametrize("text, reason", [
    (b"", "is empty"),
    (b"file a seq 1 type b", "without a line feed"),
    (b"\n", "line 1"),
    (b"file a seq 1\n", "it is not"),
    (b"file a seq 1 type b file\n", "it is not"),
    (b"file a seq 1 kind b\n", "type is missing"),
    (b"file ../../etc/passwd seq 1 type b\n", "bare name"),
    (b'file "..\\x2fx" seq 1 type b\n', "bare name"),
    (b"file .. seq 1 type b\n", "bare name"),
    (b'file "" seq 1 type b\n', "bare name"),
    (b"file a\\x00 seq 0 type b\n", "sequence number"),
    (b"file a seq -1 type b\n", "sequence number"),
    (b"file a seq 99999999999999999999 type b\n", "sequence number"),
    (b"file a seq 1 type x\n", "type of file"),
    (b'file "a seq 1 type b\n', "unbalanced"),
    (b"file a seq 1 type b\nfile b seq 2 type b\n", "line 2: b is a second base"),
    (b"file a seq 2 type i\nfile b seq 2 type i\n", "does not follow 2"),
    (b"file a seq 2 type i\nfile b seq 1 type i\n", "does not follow 2"),
    (b"file " + b"a" * 1100 + b" seq 1 type b\n", "longer than"),
])
def test_refused_with_the_line(text, reason):
    with pytest.raises(ManifestError, match="^m") as caught:
        files.parse(text, "m")
    assert reason in str(caught.value)


def test_what_newer_servers_add_is_skipped():
    manifest = files.parse(b"# a remark\nfile a seq 1 type b startoffset 12\n"
                           b"type i seq 1 file b endoffset 7\n", "m")
    assert [part.name for part in manifest.parts] == ["a", "b"]


@pytest.fixture
def journal(tmp_path):
    return Files(tmp_path, "appendonlydir", "appendonly.aof")


def test_no_files(journal):
    assert not journal.read()
    journal.make_directory()
    assert not journal.read()


def test_a_named_file_must_exist(journal):
    journal.make_directory()
    journal.replace(Manifest(incrs=(journal.incr_part(1),)))
    with pytest.raises(ManifestError, match="incr.aof, which does not exist"):
        journal.read()
    (journal.directory / "appendonly.aof.1.incr.aof").mkdir()
    with pytest.raises(ManifestError, match="not a regular file"):
        journal.read()


@pytest.mark.parametrize("steps", [0, 1])
def test_a_single_file_is_taken_in(journal, steps):
    """The file of old, as it lies, and after a crash between manifest and move."""
    (journal.home / "appendonly.aof").write_bytes(b"old")
    if steps:
        journal.make_directory()
        journal.replace(Manifest(base=Part("appendonly.aof", 1, BASE)))
    assert journal.read()
    assert (journal.directory / "appendonly.aof").read_bytes() == b"old"
    assert not (journal.home / "appendonly.aof").exists()
    assert journal.read() and not journal.strays()


def test_a_crash_before_the_rename_is_made_up_for(journal):
    journal.make_directory()
    part = journal.incr_part(3)
    journal.temp_path(part).write_bytes(b"x")
    journal.replace(Manifest(incrs=(part,)))
    assert journal.read()
    assert journal.path(part).read_bytes() == b"x"


def test_strays(journal):
    journal.make_directory()
    mine = ["appendonly.aof.1.base.rdb", "appendonly.aof.2.incr.aof", "temp-appendonly.aof.x",
            "weird"]
    kept = ["appendonly.aof.3.incr.aof", "other.aof.1.incr.aof", "appendonly.aof.1.incr.aof.bak"]
    for name in mine + kept:
        (journal.directory / name).write_bytes(b"")
    journal.replace(Manifest(incrs=(journal.incr_part(3),), history=(Part("weird", 1, "h"),)))
    assert sorted(journal.sweep()) == sorted(mine)
    left = {path.name for path in journal.directory.iterdir()}
    assert left == {*kept, "appendonly.aof.manifest"}
    assert Files(journal.home, "appendonlydir", "appendonly.aof").read()


def test_a_failed_write_leaves_the_old_manifest(journal, monkeypatch):
    journal.make_directory()
    (journal.directory / "appendonly.aof.1.incr.aof").write_bytes(b"")
    journal.replace(Manifest(incrs=(journal.incr_part(1),)))

    def no_space(fd, data):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(files.os, "write", no_space)
    with pytest.raises(OSError):
        journal.replace(Manifest(incrs=(journal.incr_part(2),)))
    assert journal.read() and journal.manifest.incr_seq == 1
    assert not list(journal.directory.glob("temp-*"))
