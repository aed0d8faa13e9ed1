"""S3 for tests: the server of swift_server.py, one for all tests of a session, and a client that shares no code with the gateway."""

import datetime
import hashlib
import hmac
import http.client
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.parse

PYTHON = "/usr/bin/python3"
ACCESS, SECRET, REGION = "test:tester", "the-secret-of-the-store", "us-east-1"


def missing():
    """Why the server cannot run here; None: it can."""
    if not os.access(PYTHON, os.X_OK):
        return f"no {PYTHON}"
    tried = subprocess.run([PYTHON, "-c", "import swift.common.middleware.s3api.s3api, swift.obj.server"],
                           capture_output=True, text=True)
    if tried.returncode != 0:
        return "the package python3-swift is not installed (dev/setup.sh test): " + tried.stderr.strip().split("\n")[-1]
    return None


def folder_with_xattrs():
    """Swift keeps an object's headers in attributes of its file."""
    for base in (None, "/var/tmp", "."):
        folder = tempfile.mkdtemp(prefix="sluice-s3-", dir=base)
        try:
            os.setxattr(folder, "user.sluice", b"1")
            return folder
        except OSError:
            shutil.rmtree(folder)
    return None


class Server:
    def __init__(self):
        self.folder = folder_with_xattrs()
        if self.folder is None:
            raise OSError("no folder here takes user attributes of files")
        program = pathlib.Path(__file__).with_name("swift_server.py")
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.child = subprocess.Popen([PYTHON, str(program), self.folder, ACCESS, SECRET], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.child.stdout.readline()
        if not line.strip().isdigit():
            self.close()
            raise OSError("the S3 server did not start: " + line)
        self.address = ("127.0.0.1", int(line))
        self.endpoint = "http://127.0.0.1:%d" % self.address[1]

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- The client

    def call(self, method, path, query=None, body=b""):
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        host = "%s:%d" % self.address
        asked = "&".join(f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}"
                         for k, v in sorted((query or {}).items()))
        payload = hashlib.sha256(body).hexdigest()
        lines = [method, urllib.parse.quote(path), asked, f"host:{host}", f"x-amz-content-sha256:{payload}", f"x-amz-date:{stamp}", "",
                 "host;x-amz-content-sha256;x-amz-date", payload]
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        c = http.client.HTTPConnection(*self.address, timeout=60)
        c.request(method, urllib.parse.quote(path) + ("?" + asked if asked else ""), body, {
            "x-amz-date": stamp, "x-amz-content-sha256": payload, "authorization":
            f"AWS4-HMAC-SHA256 Credential={ACCESS}/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"})
        r = c.getresponse()
        got = r.read()
        c.close()
        return r.status, dict(r.getheaders()), got

    def make_bucket(self, name):
        status, _, body = self.call("PUT", "/" + name)
        assert status == 200, body
        return name

    def keys(self, bucket, prefix=""):
        status, _, body = self.call("GET", "/" + bucket, {"prefix": prefix})
        assert status == 200, body
        return sorted(re.findall(r"<Key>([^<]*)</Key>", body.decode()))

    def uploads(self, bucket, prefix=""):
        status, _, body = self.call("GET", "/" + bucket, {"prefix": prefix, "uploads": ""})
        assert status == 200, body
        return re.findall(r"<UploadId>([^<]*)</UploadId>", body.decode())

    def read(self, bucket, key):
        status, _, body = self.call("GET", f"/{bucket}/{key}")
        assert status == 200, body
        return body
