"""Where the broker is, and what it takes to get in."""

import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from alvh.errors import InputError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is, and what it takes to get in.

    Attributes:
        url: `mqtt://host:port` or `mqtts://host:port` (TLS).
        username: user name, or None.
        password: its password, or None.
        ca_file: certificates to trust instead of the system's.
        cert_file: our client certificate, where the broker asks for one.
        key_file: its key.
        protocol: `5` or `3.1.1` where it is known, None to find out.
        session: names what the broker keeps of us while we are away, so that nothing said to us is lost; one at a time
            may be connected under it. None for a broker that keeps nothing.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    protocol: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        """Check the URL."""
        parts = urlsplit(self.url)
        try:
            is_good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_good = False
        if not is_good:
            raise InputError(f"mqtt.url: {self.place} must be mqtt://host:port or mqtts://host:port")
        if self.protocol not in {None, "5", "3.1.1"}:
            raise InputError(f"mqtt.protocol: {self.protocol} must be 5 or 3.1.1")

    @property
    def place(self) -> str:
        """Scheme, host and port: what may be shown. A password with a slash in it is cut out too."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}"

    def __repr__(self) -> str:
        """Show the place alone; a URL may carry a password too."""
        return f"BrokerAddress({self.place})"

    @property
    def host(self) -> str:
        """Host name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Port, by default that of the scheme."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        """User name and password, from the fields or else from the URL."""
        parts = urlsplit(self.url)
        username = self.username or (unquote(parts.username) if parts.username else None)
        password = self.password or (unquote(parts.password) if parts.password else None)
        return username, password

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context, None for a plain connection.

        Raises:
            InputError: a certificate cannot be read.
        """
        if urlsplit(self.url).scheme != "mqtts":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"mqtt: certificate or key cannot be used: {error}") from error
        return context
