"""TLS of the serving process: which OpenSSL it uses, and what the directives ask of it.

It finds the library and reads directives; engine/server/tls does the rest. OpenSSL is the one that
Python's own ssl module is linked with: it is there wherever Python has TLS, and is kept up to date
by whoever keeps Python up to date. Importing ssl costs 4 MB, so it waits until TLS is wanted.
"""
from collections.abc import Callable

NEEDED = (("tls-cert-file", "a certificate"), ("tls-key-file", "its private key"))


def load_library() -> Callable[[str], int]:
    """Load OpenSSL.

    Returns:
        What gives the address of one of its functions by its name; ValueError when it has none.
    Raises:
        ValueError: this Python has no TLS.
    """
    import ctypes
    try:
        import _ssl
        library = ctypes.CDLL(_ssl.__file__)    # names are looked up in what it is linked with too
    except (ImportError, OSError) as error:
        raise ValueError(f"this Python has no TLS: {error}") from None

    def find(name: str) -> int:
        try:
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        except AttributeError:
            raise ValueError(f"the OpenSSL of this Python has no {name}: it is too old") from None
    return find


def options(get: Callable[[str], str]) -> dict:
    """What engine.server.tls.make_context takes.

    Args:
        get: the value of a directive by its name, as text.
    Raises:
        ValueError: a directive is missing.
    """
    for name, what in NEEDED:
        if not get(name):
            raise ValueError(f"TLS needs {what}: set {name}")
    if get("tls-auth-clients") != "no" and not (get("tls-ca-cert-file") or get("tls-ca-cert-dir")):
        raise ValueError("client certificates need an authority: set tls-ca-cert-file or "
                       "tls-ca-cert-dir, or tls-auth-clients no")
    texts = {"certificate": "tls-cert-file", "key": "tls-key-file",
             "password": "tls-key-file-pass", "ca_file": "tls-ca-cert-file",
             "ca_dir": "tls-ca-cert-dir", "ciphers": "tls-ciphers",
             "ciphersuites": "tls-ciphersuites"}
    return {
        **{key: get(name).encode("utf-8", "surrogateescape") for key, name in texts.items()},
        "protocols": get("tls-protocols").split(),
        "auth_clients": get("tls-auth-clients"),
        "prefer_server_ciphers": get("tls-prefer-server-ciphers") == "yes",
        "session_caching": get("tls-session-caching") == "yes",
        "session_cache_size": int(get("tls-session-cache-size")),
        "session_cache_timeout": int(get("tls-session-cache-timeout")),
    }
