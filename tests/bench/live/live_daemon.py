"""What the measurements of the running daemon share: its configuration, the place
that is committed, requests made of a log's lines with the time of now."""
import os
import shutil
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
from keywatch_process import Daemon, wait_for  # noqa: E402, F401

# Durable as the daemon is by itself, with its history; the self-test would hold back a log whose time stands still.
CONFIG = """\
state_directory: {dir}/state
grpc: {{listen: 127.0.0.1:{grpc}, allow_unauthenticated: true, unix_socket: none}}
http: {{listen: 127.0.0.1:{http}}}
rules:
    paths: [{rules}]
self_test: {{enabled: false}}
{more}
"""
FILE_SOURCE = """\
sources:
    - {name: log, type: file, paths: ['{dir}/requests.log'], format: json,
       allowed_lateness: %s, idle_timeout: 1h, max_future: 36500d}
"""


def new_daemon(binaries, rules, more):
    """A daemon that has not been started; `{dir}` in `more` is its scratch directory."""
    paths = ", ".join("'%s'" % path for path in rules)
    return Daemon(binaries, paths, config=more, extra=CONFIG)


def committed(daemon, source):
    """How far the source's streams are read in the last commit, in all."""
    path = os.path.join(daemon.dir, "state", "keywatch.db")
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=30) as database:
        return database.execute("SELECT coalesce(sum(read_position), 0) FROM cursor WHERE source = ?",
                                (source,)).fetchone()[0]


def place(log, path):
    """Makes the log appear at `path`, at once and whole."""
    try:
        os.link(log, path)
    except OSError:  # another file system
        shutil.copyfile(log, path + ".copy")
        os.rename(path + ".copy", path)


def resident(pid):
    """Resident memory in bytes, and the part of it that is no page of a file."""
    with open("/proc/%d/status" % pid) as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmRSS"].split()[0]) << 10, int(fields["RssAnon"].split()[0]) << 10


def stamp(milliseconds):
    seconds, rest = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % rest


# A line of the log begins with its time.
TIME = slice(9, 33)


def at(line, milliseconds):
    """The line of a log (text), with another time."""
    return line[:TIME.start] + stamp(milliseconds) + line[TIME.stop:]


def percentile(values, share):
    """The least value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))]
