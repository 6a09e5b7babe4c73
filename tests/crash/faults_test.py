#!/usr/bin/env python3
"""What a machine does to a daemon besides killing it, and that the alerts are the same all the same.

  faults_test.py BINARIES FAILPOINT_BINARY [--seconds N]

BINARIES holds keywatchd and keywatch as they are shipped; FAILPOINT_BINARY is a
keywatchd built with --config=failpoints, which can be stopped at a named point.

A full disk (a small tmpfs) and one that turns read-only (a loop device) are real,
need root, and are left out with a word where mounting is not possible. Each fault
falls into the middle of an attack, lasts --seconds, and must end without a person.
"""
import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from keywatch_process import wait_for  # noqa: E402
from lane import Lane, compare, make_base, undisturbed  # noqa: E402


class Skipped(Exception):
    pass


def run(*command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def middle(lane):
    """The number of an item in the middle of the first attack."""
    attack = [number for number, (_, record) in enumerate(lane.items)
              if record["user_agent"]["original"] == "curl/8.5"]
    return attack[len(attack) // 4]


def fill(directory):
    """Writes a file until there is no space left, and gives its path."""
    path = os.path.join(directory, "filler")
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return path


class Faults:
    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.keywatchd = os.path.join(options.binaries, "keywatchd")
        self.keywatch = os.path.join(options.binaries, "keywatch")
        self.base = make_base(self.keywatchd, os.path.join(scratch, "first"))
        self.expected = undisturbed(self.keywatchd, os.path.join(scratch, "undisturbed"), self.base)
        # A small disk is too full for a history, before any fault.
        del self.expected["history"]

    def lane(self, name, **arguments):
        return Lane(self.keywatchd, os.path.join(self.scratch, name), self.base, serve=True, **arguments)

    def same(self, lane):
        differences = compare(self.expected, lane.facts())
        if differences:
            raise AssertionError("not what an undisturbed run gives:\n  " + "\n  ".join(differences))

    def finish(self, lane):
        lane.publish(len(lane.items))
        lane.run_to_end()
        lane.stop()
        self.same(lane)

    def to_the_middle(self, lane):
        """Starts it, and lets it read half an attack."""
        item = middle(lane)
        lane.publish(item)
        lane.start()
        lane.wait_ready()
        lane.wait_read(item)
        return item

    def commits_fail(self, lane, code):
        """Health and metrics must tell of it; reading must have stopped."""
        wait_for("commits to fail", lambda: lane.metric("keywatch_checkpoint_failures_total") > 0, 30)
        status, body = lane.get("/-/ready")
        assert status == 503 and "commits fail" in body, "ready says %d %s" % (status, body)
        status = run(self.keywatch, "--address", "unix:%s/socket" % lane.dir, "--output", "json", "status")
        assert status.returncode == 1, "`keywatch status` ends with %d" % status.returncode
        said = json.loads(status.stdout)
        assert not said.get("healthy") and code in said["checkpoint"]["error"], said["checkpoint"]
        assert lane.get("/-/healthy")[0] == 200, "a daemon that waits for space must not be restarted"

    def recovered(self, lane):
        wait_for("the daemon to be ready again", lambda: lane.get("/-/ready")[0] == 200, 30)
        assert lane.alive()

    def small_disk(self, name):
        """A state directory that is a file system of its own, to be unmounted by the caller."""
        directory = os.path.join(self.scratch, name, "state")
        os.makedirs(directory)
        mounted = run("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", directory)
        if mounted.returncode != 0:
            raise Skipped("cannot mount a tmpfs: " + mounted.stderr.strip())
        return directory

    # --- The faults.

    @contextlib.contextmanager
    def amid_full_disk(self, name):
        """A lane whose disk got full in the middle of an attack; what fills it, and how many alerts there were."""
        directory = self.small_disk(name)
        lane = self.lane(name)
        try:
            item = self.to_the_middle(lane)
            filler = fill(directory)
            # The rest of the attack comes while nothing can be stored.
            alerts = lane.value("SELECT count(*) FROM alert")
            lane.publish(item + 60)
            self.commits_fail(lane, "RESOURCE_EXHAUSTED")
            yield lane, filler, alerts
            self.finish(lane)
        finally:
            lane.close(keep=True)
            run("umount", directory)

    def full_disk(self):
        """a full disk in the middle of an attack: commits wait for space, and nothing is lost"""
        with self.amid_full_disk("full") as (lane, filler, alerts):
            commits = lane.value("SELECT commits FROM partition")
            time.sleep(self.options.seconds)
            assert lane.get("/-/ready")[0] == 503
            assert lane.value("SELECT commits FROM partition") == commits
            assert lane.value("SELECT count(*) FROM alert") == alerts
            os.remove(filler)
            self.recovered(lane)

    def full_disk_and_reload(self):
        """rules loaded again while the disk is full: the engine that could not be started is, once there is space"""
        with self.amid_full_disk("fullreload") as (lane, filler, _):
            lane.process.send_signal(signal.SIGHUP)
            wait_for("the reload to fail", lambda: "the engine has stopped, and is started" in lane.messages())
            assert lane.get("/-/ready")[0] == 503
            os.remove(filler)
            self.recovered(lane)

    def full_disk_and_kill(self):
        """killed while the disk is full, started while it is full, and again with space"""
        with self.amid_full_disk("fullkill") as (lane, filler, _):
            lane.kill()
            lane.start()
            # Whether it can start without space or not: it must not damage anything.
            time.sleep(1)
            lane.kill()
            os.remove(filler)
            lane.start()
            lane.wait_ready()

    def read_only(self):
        """a file system that turns read-only: the daemon says so, and after its repair goes on"""
        directory = os.path.join(self.scratch, "readonly", "state")
        os.makedirs(directory)
        image = os.path.join(self.scratch, "image")
        with open(image, "wb") as file:
            file.truncate(48 << 20)
        made = run("mkfs.ext4", "-q", "-F", image)
        if made.returncode != 0:
            raise Skipped("cannot make an ext4 file system: " + made.stderr.strip())
        mount = ("mount", "-o", "loop,errors=remount-ro", image, directory)
        mounted = run(*mount)
        if mounted.returncode != 0:
            raise Skipped("cannot mount a loop device: " + mounted.stderr.strip())
        lane = None
        try:
            shutil.rmtree(os.path.join(directory, "lost+found"), ignore_errors=True)
            os.chmod(directory, 0o700)
            lane = self.lane("readonly")
            # What comes later is lost with the journal, as with the power.
            run("sync", "-f", directory)
            item = self.to_the_middle(lane)
            # What the kernel does after an error on the device.
            aborted = run("mount", "-o", "remount,abort", directory)
            if aborted.returncode != 0:
                raise Skipped("cannot abort the file system: " + aborted.stderr.strip())
            lane.publish(item + 60)
            self.commits_fail(lane, "UNAVAILABLE")
            time.sleep(min(self.options.seconds, 3))
            assert lane.alive()
            lane.kill()
            assert run("umount", directory).returncode == 0
            checked = run("fsck.ext4", "-p", image)
            assert checked.returncode in (0, 1), checked.stdout
            assert run(*mount).returncode == 0
            lane.start()
            lane.wait_ready()
            self.finish(lane)
        finally:
            if lane:
                lane.close(keep=True)
            run("umount", directory)

    def read_only_from_the_start(self):
        """a state directory that cannot be written: refused at the start, with its name"""
        directory = os.path.join(self.scratch, "frozen", "state")
        os.makedirs(directory)
        lane = self.lane("frozen")
        try:
            if run("mount", "--bind", directory, directory).returncode != 0:
                raise Skipped("cannot make a bind mount")
            assert run("mount", "-o", "remount,bind,ro", directory).returncode == 0
            lane.start()
            code = lane.process.wait(timeout=30)
            assert code == 1 and directory in lane.messages(), "ended with %d: %s" % (code, lane.messages())
            assert run("mount", "-o", "remount,bind,rw", directory).returncode == 0
            lane.start()
            lane.wait_ready()
            self.finish(lane)
        finally:
            lane.close(keep=True)
            run("umount", directory)

    def busy_database(self):
        """somebody's sqlite3 holds the database locked: commits wait, and go on by themselves"""
        lane = self.lane("busy")
        try:
            item = self.to_the_middle(lane)
            other = sqlite3.connect(lane.database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            lane.publish(item + 60)
            self.commits_fail(lane, "UNAVAILABLE")
            other.execute("ROLLBACK")
            other.close()
            self.recovered(lane)
            self.finish(lane)
        finally:
            lane.close()

    def second_daemon(self):
        """a second daemon on the same state is refused, and disturbs nothing"""
        lane = self.lane("second")
        try:
            self.to_the_middle(lane)
            first = lane.process
            lane.start()
            code = lane.process.wait(timeout=30)
            assert code == 1 and "in use by process %d" % first.pid in lane.messages(), lane.messages()
            lane.process = first
            self.finish(lane)
        finally:
            lane.close()

    def stopped_and_overtaken(self):
        """a daemon that was stopped, lost its state to another one, and goes on: it writes nothing, and ends"""
        lane, first = self.lane("overtaken"), None
        try:
            item = self.to_the_middle(lane)
            first = lane.process
            # Not amid a transaction: what then happens is another test.
            wait_for("messages to be sent", lambda: lane.value("SELECT count(*) FROM outbox WHERE status = 0") == 0)
            time.sleep(0.5)
            first.send_signal(signal.SIGSTOP)
            # Only by force: the lock of a stopped process holds.
            lane.start()
            assert lane.process.wait(timeout=30) == 1
            os.remove(os.path.join(lane.dir, "state", "keywatch.lock"))
            os.remove(os.path.join(lane.dir, "socket"))
            port, lane.http_port = lane.http_port, 0
            with open(lane.config) as file:
                text = file.read()
            with open(lane.config, "w") as file:
                file.write(text.replace("127.0.0.1:%d" % port, "none", 1))
            lane.start()
            lane.publish(item + 60)
            lane.wait_read(item + 60)
            epoch = lane.value("SELECT epoch FROM partition")
            first.send_signal(signal.SIGCONT)
            # It has the same records to read as the other had, and finds out at its commit.
            wait_for("the overtaken daemon to end; it says: " + lane.messages(), lambda: first.poll() is not None, 60)
            assert first.returncode == 1, "the overtaken daemon ended with %s" % first.returncode
            assert "another process took over" in lane.messages(), lane.messages()
            assert lane.value("SELECT epoch FROM partition") == epoch
            self.finish(lane)
        finally:
            if first and first.poll() is None:
                first.kill()
            lane.close()

    def stopped_amid_a_commit(self):
        """a daemon stopped amid a transaction keeps others out; killed, it leaves nothing behind"""
        lane, first = self.lane("amid"), None
        lane.keywatchd = self.options.failpoint_binary
        try:
            item = middle(lane)
            lane.publish(item + 60)
            lane.start("checkpoint.state=stop")
            first = lane.process
            stat = "/proc/%d/stat" % first.pid

            def stopped():
                with open(stat) as file:
                    return file.read().rsplit(")", 1)[1].split()[0] == "T"

            wait_for("the daemon to stop at the point", stopped, 60)
            os.remove(os.path.join(lane.dir, "state", "keywatch.lock"))
            lane.keywatchd = self.keywatchd
            lane.start()
            code = lane.process.wait(timeout=60)
            assert code == 1, "a second writer came in: %d %s" % (code, lane.messages())
            first.send_signal(signal.SIGKILL)
            first.wait()
            lane.start()
            lane.wait_ready()
            self.finish(lane)
        finally:
            if first and first.poll() is None:
                first.kill()
            lane.close()

    def backup_and_restore(self):
        """a backup made under load and restored: the alerts go on as if nothing had happened"""
        lane = self.lane("backup")
        try:
            item = self.to_the_middle(lane)
            lane.publish(item + 30)
            copy = os.path.join(self.scratch, "copy")
            state = os.path.join(lane.dir, "state")
            made = run(self.keywatch, "backup", copy, "--state", state, "--output", "json")
            assert made.returncode == 0, made.stderr
            # Much goes on after it, and is lost with the machine.
            lane.publish(len(lane.items) - 2)
            lane.wait_read(len(lane.items) - 10)
            before = lane.value("SELECT commits FROM partition")
            assert before > json.loads(made.stdout)["commits"]
            refused = run(self.keywatch, "restore", copy, "--state", state)
            assert refused.returncode == 3 and "in use" in refused.stderr, refused.stderr
            lane.kill()
            refused = run(self.keywatch, "restore", copy, "--state", state)
            assert refused.returncode == 3 and "is there" in refused.stderr, refused.stderr
            os.rename(state, state + ".lost")
            restored = run(self.keywatch, "restore", copy, "--state", state)
            assert restored.returncode == 0, restored.stderr
            verified = run(self.keywatch, "audit", "verify", "--state", state)
            assert verified.returncode == 0, verified.stderr
            lane.start()
            lane.wait_ready()
            self.finish(lane)
        finally:
            lane.close()


FAULTS = ["full_disk", "full_disk_and_reload", "full_disk_and_kill", "read_only", "read_only_from_the_start", "busy_database",
          "second_daemon", "stopped_and_overtaken", "stopped_amid_a_commit", "backup_and_restore"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("failpoint_binary")
    parser.add_argument("--seconds", type=float, default=3, help="how long a disk stays full")
    parser.add_argument("--only", choices=FAULTS)
    options = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="keywatch-faults-")
    failed, skipped = 0, []
    try:
        faults = Faults(options, scratch)
        for name in [options.only] if options.only else FAULTS:
            fault = getattr(faults, name)
            began = time.monotonic()
            try:
                fault()
                print("ok: %s (%.0f s)" % (fault.__doc__, time.monotonic() - began), flush=True)
            except Skipped as reason:
                skipped.append("%s: %s" % (name, reason))
                print("SKIPPED: %s: %s" % (fault.__doc__, reason), flush=True)
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print("FAILED: %s: %s: %s" % (fault.__doc__, type(error).__name__, error), flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if failed:
        return 1
    if skipped:
        print("skipped: " + "; ".join(skipped))
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
