"""Runs the real binaries: a daemon in a scratch directory, and its command line."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Timeout(Exception):
    pass


def wait_for(what, condition, seconds=30.0, step=0.05):
    """Polls `condition` until it gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout("waited %.0f s for %s" % (seconds, what))
        time.sleep(step)


class Daemon:
    """One state directory and the daemons that run on it, one after the other."""

    def __init__(self, binaries, rules, config="", directory=None, extra=None):
        """`config` is text that the configuration ends with; `{dir}` in it is the scratch directory."""
        self.keywatchd = os.path.join(binaries, "keywatchd")
        self.keywatch = os.path.join(binaries, "keywatch")
        self.dir = directory or tempfile.mkdtemp(prefix="keywatch-test-")
        self.own_dir = directory is None
        self.log = os.path.join(self.dir, "requests.log")
        self.grpc_port = free_port()
        self.http_port = free_port()
        self.process = None
        self.output = open(os.path.join(self.dir, "daemon.log"), "ab")
        self.config = os.path.join(self.dir, "keywatchd.yaml")
        settings = {
            "dir": self.dir, "rules": rules, "log": self.log,
            "grpc": self.grpc_port, "http": self.http_port, "more": config.replace("{dir}", self.dir),
        }
        with open(self.config, "w") as file:
            file.write(extra.format(**settings) if extra else CONFIG.format(**settings))

    @property
    def address(self):
        return "127.0.0.1:%d" % self.grpc_port

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.http_port

    def start(self, ready=True):
        self.process = subprocess.Popen([self.keywatchd, "--config", self.config], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output)
        if ready:
            wait_for("the daemon to be ready", lambda: self.is_ready() or self.ended())
            if self.process.poll() is not None:
                raise AssertionError("keywatchd ended with %d:\n%s" % (self.process.returncode, self.messages()))

    def ended(self):
        return self.process.poll() is not None

    def is_ready(self):
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def get(self, path):
        """HTTP GET without a library: status and body."""
        with socket.create_connection(("127.0.0.1", self.http_port), timeout=10) as connection:
            connection.sendall(("GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" % path).encode())
            data = b""
            while True:
                part = connection.recv(65536)
                if not part:
                    break
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def cpu_seconds(self):
        """What the process has used of the processors, in user and system mode."""
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self, seconds=30):
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def cli(self, *arguments, check=True):
        result = subprocess.run([self.keywatch, "--address", self.address, *arguments], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=60)
        if check and result.returncode != 0:
            raise AssertionError("keywatch %s ended with %d: %s%s" % (" ".join(arguments), result.returncode,
                                                                     result.stdout, result.stderr))
        return result

    def json(self, *arguments):
        return json.loads(self.cli("--output", "json", *arguments).stdout)

    def messages(self):
        self.output.flush()
        with open(os.path.join(self.dir, "daemon.log"), errors="replace") as file:
            return file.read()[-8000:]

    def close(self, keep=False):
        self.kill()
        self.output.close()
        if self.own_dir and not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


CONFIG = """\
state_directory: {dir}/state
grpc: {{listen: 127.0.0.1:{grpc}, allow_unauthenticated: true, unix_socket: '{dir}/keywatchd.sock'}}
http: {{listen: 127.0.0.1:{http}}}
rules:
    paths: [{rules}]
# Its events would wait behind those of the log, whose time does not go on.
self_test: {{enabled: false}}
sources:
    - name: shop
      type: file
      paths: ['{log}']
      format: keywatch
      allowed_lateness: 2s
      idle_timeout: 1h
      # The times of the log are fixed, those of the machine are not.
      max_future: 36500d
{more}
"""
