"""The installation's own certificate authority, and a leaf for each instance.

    ca/ca.pem, ca.key       made once, ten years
    ca/given.pem, .key      brought by the user: used in place of leaves of our own
    <instance>/server.pem   397 days, renewed when a third of its life is left

Clients trust ca.pem (`kvd ca` prints it). Keys are P-256: small, fast, known to every client.
`cryptography` is imported when a certificate is made or read, since most agents never do.
"""
import datetime
import ipaddress
import pathlib
import socket
import threading
from typing import TYPE_CHECKING

from ..errors import BadRequest, Failed
from ..home import Home, Place, say_os_error, write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397                         # what browsers and strict clients accept at most
RENEW_AT = 1 / 3                        # of its life left


class Authority:
    """Makes and renews certificates under one home."""

    def __init__(self, home: Home):
        self.directory = home.authority
        self.certificate = home.authority / "ca.pem"
        self.key = home.authority / "ca.key"
        self.given = home.authority / "given.pem"
        self.given_key = home.authority / "given.key"
        self.lock = threading.Lock()

    def prepare(self) -> pathlib.Path:
        """The authority's certificate; made if there is none.

        Raises:
            Failed: it cannot be written.
        """
        with self.lock:
            try:
                if not self.certificate.exists():
                    self.directory.mkdir(mode=0o700, exist_ok=True)
                    certificate, key = make_authority()
                    write_private(self.key, key)
                    write_private(self.certificate, certificate)
            except OSError as error:
                raise say_os_error("cannot make the certificate authority", error) from None
            return self.certificate

    def leaf(self, place: Place, host: str) -> tuple[str, str]:
        """Paths of an instance's certificate and key: made or renewed if they must be.

        Raises:
            Failed: they cannot be written.
        """
        if self.given.exists():
            return str(self.given), str(self.given_key)
        if not self.fresh(place, host):
            authority = self.prepare()
            try:
                certificate, key = make_leaf(authority.read_bytes(), self.key.read_bytes(), host)
                # In this order: a key without its certificate is noticed, and made again.
                write_private(place.certificate, b"")
                write_private(place.key, key)
                write_private(place.certificate, certificate)
            except OSError as error:
                raise say_os_error("cannot write a certificate", error) from None
        return str(place.certificate), str(place.key)

    def fresh(self, place: Place, host: str) -> bool:
        """Whether a leaf is there, for this host, with enough of its life left."""
        from cryptography import x509
        try:
            leaf = x509.load_pem_x509_certificate(place.certificate.read_bytes())
            known = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, x509.ExtensionNotFound):
            return False
        names = known.get_values_for_type(x509.DNSName)
        names += [str(one) for one in known.get_values_for_type(x509.IPAddress)]
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        left = leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        return host in names and left > life * RENEW_AT

    def renewal_due(self, place: Place) -> bool:
        """Whether an instance's certificate should be made anew soon."""
        if self.given.exists() or not place.certificate.exists():
            return False
        from cryptography import x509
        try:
            leaf = x509.load_pem_x509_certificate(place.certificate.read_bytes())
        except (OSError, ValueError):
            return True
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        return leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC) <= life * RENEW_AT

    def bring(self, certificate: bytes, key: bytes) -> None:
        """Use a certificate of the user's own for all instances.

        Raises:
            BadRequest: they do not belong together, or are none.
        """
        import ssl
        import tempfile
        with tempfile.TemporaryDirectory(dir=self.directory.parent) as scratch:
            paths = [pathlib.Path(scratch) / name for name in ("certificate", "key")]
            for path, content in zip(paths, (certificate, key), strict=True):
                write_private(path, content)
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                    *paths, password=lambda: "")        # never ask at a terminal
            except (ssl.SSLError, OSError, ValueError) as error:
                raise BadRequest("that is no certificate (PEM) with its unencrypted key: "
                                 f"{getattr(error, 'reason', None) or error}") from None
        try:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            write_private(self.given_key, key)
            write_private(self.given, certificate)
        except OSError as error:
            raise say_os_error("cannot keep the certificate", error) from None

    def give_back(self) -> None:
        """Use leaves of our own again."""
        for path in (self.given, self.given_key):
            path.unlink(missing_ok=True)


def make_authority() -> tuple[bytes, bytes]:
    """A new authority: certificate and key as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                         f"kvd authority of {socket.gethostname()[:40]}")])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                       critical=False)
        .sign(key, hashes.SHA256()))
    return pem(certificate), key_pem(key)


def make_leaf(authority: bytes, authority_key: bytes, host: str) -> tuple[bytes, bytes]:
    """A certificate for a host, signed by the authority: with chain, and key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    try:
        signer = x509.load_pem_x509_certificate(authority)
        signing_key = serialization.load_pem_private_key(authority_key, None)
    except ValueError as error:
        raise Failed(f"the certificate authority is damaged: {error}") from None
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    names = sorted({host, "localhost", "127.0.0.1", "::1", socket.gethostname()})
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]))
        .issuer_name(signer.subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start)
        .not_valid_after(min(start + datetime.timedelta(days=LEAF_DAYS),
                             signer.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([general_name(one) for one in names]),
                       critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                       critical=False)
        .sign(signing_key, hashes.SHA256()))                    # type: ignore[arg-type]
    return pem(certificate) + authority, key_pem(key)


def general_name(name: str) -> object:
    from cryptography import x509
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_usage(authority: bool) -> object:
    from cryptography import x509
    return x509.KeyUsage(digital_signature=not authority, content_commitment=False,
                         key_encipherment=False, data_encipherment=False, key_agreement=False,
                         key_cert_sign=authority, crl_sign=authority, encipher_only=False,
                         decipher_only=False)


def pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives import serialization
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: "ec.EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives import serialization
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())
