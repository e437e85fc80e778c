"""Certificates. Goal: TLS clients that trust the authority, and only those, accept a leaf; leaves
are renewed in time and for the right host. Method: a handshake through Python's ssl in memory; the
clock is the certificate's own dates."""
import datetime
import ssl
import stat

import pytest

from kvd.agent import certificates
from kvd.agent.certificates import Authority
from kvd.errors import BadRequest, Failed
from kvd.home import Home


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    home.instance("red-x").prepare()
    return home


def shake_hands(certificate: str, key: str, authority: str | None, host: str) -> None:
    """Raises ssl.SSLError when the client does not accept the server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=authority)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=host),
            server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert ends[0].version() in ("TLSv1.2", "TLSv1.3") and ends[0].getpeercert()


def test_a_client_that_trusts_the_authority_accepts_a_leaf(home):
    authority = Authority(home)
    certificate, key = authority.leaf(home.instance("red-x"), "db.example")
    for host in ("db.example", "localhost", "127.0.0.1", "::1"):
        shake_hands(certificate, key, str(authority.prepare()), host)
    with pytest.raises(ssl.SSLError):
        shake_hands(certificate, key, str(authority.prepare()), "other.example")
    with pytest.raises(ssl.SSLError):
        shake_hands(certificate, key, None, "db.example")


def test_keys_are_for_their_owner(home):
    authority = Authority(home)
    authority.leaf(home.instance("red-x"), "localhost")
    for path in home.root.rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(home.root.rglob("*.key"))) == 2


def test_a_leaf_is_made_once_and_anew_when_it_must(home, monkeypatch):
    authority, place = Authority(home), home.instance("red-x")
    certificate, _ = authority.leaf(place, "a.example")
    first = place.certificate.read_bytes()
    authority.leaf(place, "a.example")
    assert place.certificate.read_bytes() == first and not authority.renewal_due(place)
    authority.leaf(place, "b.example")
    second = place.certificate.read_bytes()
    assert second != first, "another host"
    monkeypatch.setattr(certificates, "RENEW_AT", 1.01)     # as if its life were nearly over
    assert authority.renewal_due(place)
    authority.leaf(place, "b.example")
    assert place.certificate.read_bytes() != second
    place.certificate.write_bytes(b"")                      # a crash between key and certificate
    monkeypatch.undo()
    shake_hands(*authority.leaf(place, "b.example"), str(authority.prepare()), "b.example")


def test_a_leaf_does_not_outlive_its_authority(home, monkeypatch):
    from cryptography import x509
    monkeypatch.setattr(certificates, "AUTHORITY_DAYS", 10)
    authority, place = Authority(home), home.instance("red-x")
    authority.leaf(place, "localhost")
    leaf = x509.load_pem_x509_certificate(place.certificate.read_bytes())
    assert leaf.not_valid_after_utc < datetime.datetime.now(datetime.UTC) \
        + datetime.timedelta(days=10)


def test_one_of_your_own(home):
    authority, place = Authority(home), home.instance("red-x")
    other, other_key = certificates.make_authority()
    leaf, key = certificates.make_leaf(other, other_key, "mine.example")
    with pytest.raises(BadRequest, match="that is no certificate"):
        authority.bring(leaf, other_key)
    with pytest.raises(BadRequest, match="that is no certificate"):
        authority.bring(b"x", b"y")
    assert not authority.given.exists()
    authority.bring(leaf, key)
    paths = authority.leaf(place, "localhost")
    assert paths == (str(authority.given), str(authority.given_key))
    assert not authority.renewal_due(place)
    (home.root / "other.pem").write_bytes(other)
    shake_hands(*paths, str(home.root / "other.pem"), "mine.example")
    authority.give_back()
    assert authority.leaf(place, "localhost")[0] == str(place.certificate)


def test_a_damaged_authority_is_said_so(home):
    authority = Authority(home)
    authority.prepare()
    authority.key.write_text("nonsense")
    with pytest.raises(Failed, match="damaged"):
        authority.leaf(home.instance("red-x"), "localhost")
