"""A served instance with TLS, and a certificate for it, for tests."""
import datetime
import ipaddress
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kvd.server import Served, free_port
from tests.oracle import Link, encode


def certificate(directory, name: str, issuer=None):
    """A certificate for this machine, its own authority unless one is given.

    Returns:
        (certificate, key), which can issue others; in `directory` as name.crt and name.key.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder()
            .subject_name(subject).issuer_name(issuer[0].subject if issuer else subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName([
                x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                False)
            .sign(issuer[1] if issuer else key, hashes.SHA256()))
    (directory / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return made, key


class Secure:
    """A served instance with TLS, and clients of it."""

    def __init__(self, directory, *args: str):
        self.directory = directory
        self.port, self.tls_port = free_port(), free_port()
        certificate(directory, "one")
        self.served = Served(directory, "--port", str(self.port), "--tls-port",
                             str(self.tls_port), "--tls-cert-file", "one.crt",
                             "--tls-key-file", "one.key", *args)

    def trust(self, name: str = "one") -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.directory / f"{name}.crt")

    def connect(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Link:
        link = Link.__new__(Link)
        plain = socket.create_connection((host, self.tls_port), timeout=20)
        link.socket = (context or self.trust()).wrap_socket(plain, server_hostname="localhost")
        link.file = link.socket.makefile("rb")
        return link

    def ask(self, link: Link, *args) -> bytes:
        link.socket.sendall(encode(*args))
        return link.read()
