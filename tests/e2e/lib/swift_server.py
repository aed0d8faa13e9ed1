"""An S3 server out of the distribution's packages: OpenStack Swift with its s3api, all of it in this one process.

    /usr/bin/python3 swift_server.py FOLDER ACCESS_KEY SECRET

The folder (on a file system with user xattrs) holds rings and devices. Needs python3-swift and nothing else: no memcached, no
daemons, no users, nothing in /etc. Prints the port once it serves; ends when its standard input does, or is killed.
"""

import logging
import os
import sys
import threading

import eventlet
import eventlet.patcher

eventlet.patcher.monkey_patch(os=False, thread=False)

from eventlet import listen, wsgi  # noqa: E402
from swift.account import server as account_server  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402
from swift.common.middleware import catch_errors, gatekeeper, listing_formats, slo, tempauth  # noqa: E402
from swift.common.middleware.s3api import s3api  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.container import server as container_server  # noqa: E402
from swift.obj import server as object_server  # noqa: E402
from swift.proxy import server as proxy_server  # noqa: E402


class Memory:
    """In place of memcached."""

    def __init__(self):
        self.kept = {}

    def get(self, key, raise_on_error=False):
        return self.kept.get(key)

    def set(self, key, value, **_):
        self.kept[key] = value

    def delete(self, key, server_key=None):
        self.kept.pop(key, None)

    def incr(self, key, delta=1, time=0):
        self.kept[key] = int(self.kept.get(key, 0)) + delta
        return self.kept[key]

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -delta)


def with_memory(app):
    memory = Memory()

    def call(env, start_response):
        env["swift.cache"] = memory
        return app(env, start_response)
    return call


def ring(folder, kind, port):
    b = RingBuilder(2, 1, 0)
    b.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1.0, "meta": "",
               "replication_ip": "127.0.0.1", "replication_port": port})
    b.rebalance()
    b.get_ring().save(os.path.join(folder, kind + ".ring.gz"))


def main(folder, access, secret):
    quiet = logging.getLogger("swift")
    quiet.setLevel(logging.ERROR)
    quiet.addHandler(logging.StreamHandler(sys.stderr))
    quiet.propagate, quiet.statsd_client = False, None
    log = utils.LogAdapter(quiet, "swift")
    utils.HASH_PATH_SUFFIX = b"tests"
    devices = os.path.join(folder, "devices")
    os.makedirs(os.path.join(devices, "disk"), exist_ok=True)
    conf = {"swift_dir": folder, "devices": devices, "mount_check": "false", "fallocate_reserve": "0", "disable_fallocate": "true",
            "log_level": "ERROR", "bind_ip": "127.0.0.1", "workers": "0", "allow_account_management": "true",
            "account_autocreate": "true", "recoverable_node_timeout": "60", "node_timeout": "60", "conn_timeout": "10",
            "client_timeout": "120", "user_" + access.replace(":", "_"): secret + " .admin"}
    sockets = {kind: listen(("127.0.0.1", 0)) for kind in ("account", "container", "object", "proxy")}
    for kind in ("account", "container", "object"):
        ring(folder, kind, sockets[kind].getsockname()[1])
    apps = {"account": account_server.AccountController(conf, log), "container": container_server.ContainerController(conf, log),
            "object": object_server.ObjectController(conf, log)}
    app = proxy_server.Application(conf, log)
    for make, more in ((slo.filter_factory, {}), (tempauth.filter_factory, {}),
                       (s3api.filter_factory, {"location": "us-east-1", "s3_acl": "false", "dns_compliant_bucket_names": "true"}),
                       (listing_formats.filter_factory, {}), (gatekeeper.filter_factory, {}), (catch_errors.filter_factory, {})):
        app = make({}, **dict(conf, **more))(app)
    apps["proxy"] = with_memory(app)
    for kind, one in apps.items():
        eventlet.spawn(wsgi.server, sockets[kind], one, log=quiet, log_output=False, protocol=SwiftHttpProtocol, keepalive=True,
                       socket_timeout=120)
    print(sockets["proxy"].getsockname()[1], flush=True)
    eventlet.hubs.trampoline(sys.stdin.fileno(), read=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
