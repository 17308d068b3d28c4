"""A local certificate authority, for servers that only this machine trusts."""

import fcntl
import hashlib
import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chat_lookup.clock import Clock, SystemClock
from local.program import write_whole

FROM_CONTAINERS = "host.docker.internal"
"""The name of this machine, seen from a container."""
LOCAL_NAMES = ("127.0.0.1", "::1", "localhost", FROM_CONTAINERS)
"""The names of a local server."""

# Clients trust the authority for these alone, and for its portal's own names.
_PERMITTED: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.DNSName(FROM_CONTAINERS),
    x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)
_LIFE = timedelta(days=365)  # of the authority; browsers accept no server's certificate for longer than 397
_RENEW_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)  # a container's clock may be behind ours
_REAL_TIME = SystemClock()


class Authority:
    """An authority stored in `folder`: created once, reused, renewed when it is about to expire or does not permit all
    of `names`, those of the servers that it is for. Its certificate permits no others (RFC 5280, 4.2.1.10).

    `ca_file` and `ca_pem` are what a client trusts. Keys are readable by their owner only. They are elliptic: a run
    makes several, and RSA keys would take seconds. The certificates pass OpenSSL's strict checks, which Python applies
    from 3.13 on (`ssl.VERIFY_X509_STRICT`).
    """

    def __init__(self, folder: Path, clock: Clock = _REAL_TIME, *, names: Sequence[str] = LOCAL_NAMES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self._folder = folder
        self._permitted = (*_PERMITTED, *[_subtree(name) for name in names if name not in LOCAL_NAMES])
        self._names = tuple(names)
        self._clock = clock
        # Two runs may start at once on one folder: the second one waits and finds what the first one made.
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._key, self._certificate = self._read_or_make_ca()

    @property
    def ca_pem(self) -> str:
        """The authority's certificate as text."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, names: Sequence[str] = ()) -> ssl.SSLContext:
        """A context for a server with these `names` (host names and IP addresses), or with all of the authority's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._read_or_make_server(tuple(names) or self._names))
        return context

    def _read_or_make_ca(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        path = self._folder / "ca-key.pem"
        found = self._usable(path)
        if found and set(self._permitted) <= _permitted_by(found[1]):
            key, certificate = found
        else:
            key, certificate = self._issue_ca()
            write_whole(path, _pem(key, certificate))
        write_whole(self.ca_file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return key, certificate

    def _read_or_make_server(self, names: tuple[str, ...]) -> Path:
        # The authority is part of the name: what a former authority signed is never served again.
        mark = hashlib.sha256("\n".join((self.ca_pem, *names)).encode()).hexdigest()[:16]
        path = self._folder / f"server-{mark}.pem"
        if not self._usable(path):
            key = ec.generate_private_key(ec.SECP256R1())
            write_whole(path, _pem(key, self._issue_server(key.public_key(), names)))
        return path

    def _usable(self, path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
        """Key and certificate in `path`, or None if they are missing, damaged or about to expire."""
        try:
            pem = path.read_bytes()
            key = serialization.load_pem_private_key(pem, password=None)
            certificate = x509.load_pem_x509_certificate(pem)
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return None
        return (key, certificate) if certificate.not_valid_after_utc > self._now() + _RENEW_BEFORE else None

    def _issue_ca(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Bitrix24 Chat Lookup, local authority")
        certificate = (
            self._builder(name, name, key.public_key(), self._now() + _LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.NameConstraints(self._permitted, None), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return key, certificate

    def _issue_server(self, public_key: ec.EllipticCurvePublicKey, names: tuple[str, ...]) -> x509.Certificate:
        issuer, end = self._certificate.subject, self._certificate.not_valid_after_utc
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            self._builder(_name("Bitrix24 Chat Lookup, local server"), issuer, public_key, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
            .add_extension(authority_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, end: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now() - _CLOCK_SKEW)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subtree(name: str) -> x509.GeneralName:
    """A name as a constraint has it: an address is a network of one."""
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)


def _permitted_by(certificate: x509.Certificate) -> set[x509.GeneralName]:
    """The names that an authority's certificate permits; none where it has no constraints, and so permits all."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return set()
    return set(constraints.permitted_subtrees or ())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
