"""Certificates for tests, made with the openssl program: one authority, and servers and clients below it."""

import pathlib
import ssl
import subprocess


def openssl(*args, cwd):
    done = subprocess.run(["openssl", *args], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {' '.join(args)}\n{done.stderr}"
    return done.stdout


CA_CONF = """
[ca]
default_ca = own
[own]
dir = .
database = {name}.db
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = none
[anything]
commonName = supplied
"""


class Pair:
    def __init__(self, directory, name):
        self.cert, self.key = str(directory / f"{name}.pem"), str(directory / f"{name}.key")


class Certs:
    """An authority in `directory`; everything else is made when asked for."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(exist_ok=True)
        self.ca = self.authority("ca")

    def _key(self, name, bits=None):
        algorithm = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"] if bits else \
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("genpkey", *algorithm, "-out", f"{name}.key", cwd=self.dir)

    def authority(self, name):
        self._key(name)
        openssl("req", "-new", "-x509", "-key", f"{name}.key", "-out", f"{name}.pem", "-days", "30", "-subj",
                f"/CN=test authority {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=self.dir)
        return Pair(self.dir, name)

    def leaf(self, name, cn="localhost", san="DNS:localhost,IP:127.0.0.1", ca="ca", start=None, end=None, bits=None,
             usage="serverAuth", digest="sha256"):
        """A pair signed by `ca`. start and end as YYMMDDHHMMSSZ make it expired or not yet valid."""
        self._key(name, bits)
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={cn}", "-out", f"{name}.csr", cwd=self.dir)
        (self.dir / f"{name}.db").write_text("")
        extensions = ["basicConstraints=CA:FALSE", f"extendedKeyUsage={usage}"]
        if san:
            extensions.append(f"subjectAltName={san}")
        (self.dir / f"{name}.cnf").write_text(CA_CONF.format(name=name) + "[ext]\n" + "\n".join(extensions) + "\n")
        when = ["-startdate", start or "200101000000Z", "-enddate", end or "400101000000Z"]
        openssl("ca", "-batch", "-notext", "-config", f"{name}.cnf", "-extensions", "ext", "-cert", f"{ca}.pem",
                "-keyfile", f"{ca}.key", "-in", f"{name}.csr", "-out", f"{name}.pem", "-md", digest, *when, cwd=self.dir)
        return Pair(self.dir, name)

    def self_signed(self, name):
        self._key(name)
        openssl("req", "-new", "-x509", "-key", f"{name}.key", "-out", f"{name}.pem", "-days", "30", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", cwd=self.dir)
        return Pair(self.dir, name)

    def server_context(self, pair, alpn=None, maximum=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(pair.cert, pair.key)
        if alpn:
            context.set_alpn_protocols(alpn)
        if maximum:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = maximum
        return context

    def client_context(self, alpn=("http/1.1",), pair=None, maximum=None):
        context = ssl.create_default_context(cafile=self.ca.cert)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if pair:
            context.load_cert_chain(pair.cert, pair.key)
        if maximum:
            context.maximum_version = maximum
        return context
