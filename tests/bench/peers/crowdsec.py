"""CrowdSec over the benchmark's log: its files, its run and what it found.

A detection is a trigger, a correlation a leaky bucket that overflows at the same number and empties within the same time;
that is not a sliding window, so the two agree about bursts, and less about what is spread over the window. One alert per
key and hour, as CrowdSec's `blackhole` has it.
"""
import json
import os
import re
import subprocess

from harness import run

FIELDS = ("time", "key_id", "key_type", "livemode", "method", "host", "path", "query", "status", "error_code", "source_ip",
          "user_agent", "api_version", "latency_ms", "bytes_out", "tls", "region")
# In the language of its filters; a field is evt.Parsed.FIELD, a text. JSON's null is "".
TRIGGERS = {
    "key_refused": "$status == '401'",
    "slow_failure": "$status startsWith '5' && Atof($latency_ms) > 600",
    "test_secret_denied": "$livemode == 'false' && $key_type == 'secret' && $status == '403' && $region == 'eu-west-1'",
    "next_page_limited": "$query contains 'starting_after=' && $status == '429'",
    "large_denial": "$status == '403' && Atof($bytes_out) >= 6150",
    "internal_write_failed": "$method == 'POST' && $status in ['500', '503'] && $region == 'ap-southeast-2'"
                             " && IpInRange($source_ip, '10.0.0.0/8')",
    "old_encryption": "$host == 'api.stripe.com' && $tls != 'TLSv1.3'",
    "other_host": "$path startsWith '/v1/' && !($host in ['api.stripe.com', 'files.stripe.com'])",
    "scanner_agent": " || ".join("$user_agent contains '%s'" % name
                                 for name in ("sqlmap", "nikto", "nuclei", "masscan", "zgrab")),
    "delete_by_curl": "$method == 'DELETE' && $user_agent startsWith 'curl/'",
    "write_by_script": "$method == 'POST' && $user_agent startsWith 'python-requests/'",
    "headless_browser_lost": "$status == '404' && $user_agent contains 'HeadlessChrome'",
    "go_client_lost": "$status == '404' && $user_agent contains 'Go-http-client'",
    "expired_key_by_curl": "$error_code == 'api_key_expired' && $user_agent contains 'curl'",
    "scanner_full_pages": "$user_agent contains 'sqlmap' && $query matches 'limit=(9[0-9]|100)$'",
    "webhook_deleted": "$method == 'DELETE' && $path startsWith '/v1/webhook_endpoints'",
    "webhook_created": "$method == 'POST' && $path == '/v1/webhook_endpoints'",
    "payout_by_old_version": "$method == 'POST' && $path == '/v1/payouts' && $api_version startsWith '2019'",
    "transfer_created": "$method == 'POST' && $path == '/v1/transfers'",
    "external_account_added": "$method == 'POST' && $path contains 'external_accounts'",
    "ephemeral_key_created": "$method == 'POST' && $path == '/v1/ephemeral_keys'",
    "customer_deleted": "$method == 'DELETE' && $path startsWith '/v1/customers/'",
    "delete_by_old_version": "$method == 'DELETE' && $api_version startsWith '2019'",
    "path_traversal": "$path contains '/../'",
    "web_files": " || ".join("$path endsWith '%s'" % end for end in (".env", ".php", ".git/config", ".aspx")),
    "api_keys_listed": "$path startsWith '/v1/apikeys'",
    "file_contents": "$path startsWith '/v1/files/' && $path endsWith '/contents'",
    "sigma_queries": "$path startsWith '/v1/sigma/'",
    "long_object_name": "$path matches '^/v1/(customers|accounts)/[^/]{40,}$'",
    "report_from_hosting": "IpInRange($source_ip, '185.0.0.0/8') && $path startsWith '/v1/identity/verification_reports/'",
}
# Name, what counts, seconds, the number, the field whose distinct values count.
ANY = "$key_id startsWith 'mk_'"
BUCKETS = [
    ("many_denied", "$status == '403'", 60, 10, None),
    ("many_paths", ANY, 60, 100, "path"),
    ("many_requests", ANY, 10, 300, None),
    ("many_sensitive_reads", "$method == 'GET' && $path startsWith '/v1/identity/' && $status == '200'", 60, 20, None),
    ("many_networks", ANY, 300, 3, "source_ip"),
]
RULES = set(TRIGGERS) | {bucket[0] for bucket in BUCKETS}
PERFORMED = re.compile(r"key_id (\S+) performed 'bench/(\w+)'")


def expression(text):
    return re.sub(r"\$(\w+)", r"evt.Parsed.\1", text)


def scenario(kind, name, condition, **more):
    settings = {
        "type": kind, "name": "bench/" + name, "description": name, "filter": expression(condition),
        "groupby": "evt.Parsed.key_id", "scope": {"type": "key_id", "expression": "evt.Parsed.key_id"},
        "blackhole": "1h", "labels": {"remediation": False}, **more}
    return json.dumps(settings)   # JSON is YAML


def scenarios():
    documents = [scenario("trigger", name, condition) for name, condition in TRIGGERS.items()]
    for name, condition, seconds, number, field in BUCKETS:
        more = {"distinct": "evt.Parsed." + field} if field else {}
        documents.append(scenario("leaky", name, condition, capacity=number - 1,
                                  leakspeed="%dms" % (seconds * 1000 // number), **more))
    return "\n---\n".join(documents)


def parsers():
    text = "evt.Parsed.message"
    return {
        "s00-raw": {"filter": "true", "name": "bench/raw", "onsuccess": "next_stage", "statics": [
            {"parsed": "message", "expression": "evt.Line.Raw"}]},
        "s01-parse": {"filter": "true", "name": "bench/api", "onsuccess": "next_stage", "statics": [
            *({"parsed": field, "expression": "JsonExtract(%s, '%s')" % (text, field)} for field in FIELDS),
            {"target": "evt.StrTime", "expression": "JsonExtract(%s, 'time')" % text}]},
        "s02-enrich": {"filter": "evt.StrTime != ''", "name": "bench/date", "onsuccess": "next_stage", "statics": [
            {"method": "ParseDate", "expression": "evt.StrTime"},
            {"target": "evt.MarshaledTime", "expression": "evt.Enriched.MarshaledTime"}]},
    }


def index():
    """An index with one item of each kind: it does not start without."""
    def item(path, **more):
        return {"none/none": {"path": path, "version": "0.1", "versions": {"0.1": {"digest": "x", "deprecated": False}},
                              **more}}
    return {"parsers": item("parsers/s01-parse/none/none.yaml", stage="s01-parse"),
            "scenarios": item("scenarios/none/none.yaml"), "collections": item("collections/none/none.yaml"),
            "postoverflows": item("postoverflows/s00-enrich/none/none.yaml", stage="s00-enrich")}


def write_files(folder, package, port):
    """Everything that CrowdSec reads; gives the path of its configuration."""
    def write(path, content):
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    os.makedirs(os.path.join(folder, "data"), exist_ok=True)
    patterns = os.path.join(folder, "patterns")
    if not os.path.lexists(patterns):
        os.symlink(os.path.join(package, "etc", "crowdsec", "patterns"), patterns)
    write("hub/.index.json", index())
    write("simulation.yaml", {"simulation": False})
    write("profiles.yaml", {"name": "none", "filters": ["false"], "on_success": "break",
                            "decisions": [{"type": "ban", "duration": "1s"}]})
    for stage, parser in parsers().items():
        # Files of one name are one to it.
        write("parsers/%s/%s.yaml" % (stage, stage), parser)
    write("scenarios/bench.yaml", scenarios())
    os.makedirs(os.path.join(folder, "postoverflows"), exist_ok=True)
    return write("config.yaml", {
        "common": {"daemonize": False, "log_media": "stdout", "log_level": "info", "working_dir": "."},
        "config_paths": {"config_dir": folder, "data_dir": os.path.join(folder, "data"),
                         "simulation_path": os.path.join(folder, "simulation.yaml"),
                         "hub_dir": os.path.join(folder, "hub"), "index_path": os.path.join(folder, "hub/.index.json")},
        "crowdsec_service": {"parser_routines": 1, "buckets_routines": 1, "output_routines": 1},
        "cscli": {"output": "human"},
        "db_config": {"type": "sqlite", "db_path": os.path.join(folder, "data/crowdsec.db"), "use_wal": True},
        "api": {"client": {"credentials_path": os.path.join(folder, "credentials.yaml")},
                "server": {"log_level": "error", "listen_uri": "127.0.0.1:%d" % port,
                           "profiles_path": os.path.join(folder, "profiles.yaml")}},
        "prometheus": {"enabled": False}})


def prepare(folder, package, port):
    """The command, but for the log."""
    config = write_files(folder, package, port)
    credentials = os.path.join(folder, "credentials.yaml")
    with open(credentials, "w") as file:
        json.dump({"url": "http://127.0.0.1:%d" % port, "login": "bench", "password": "bench-bench-1"}, file)
    subprocess.run([os.path.join(package, "usr/bin/cscli"), "-c", config, "machines", "add", "bench", "-p", "bench-bench-1",
                    "-f", credentials, "--force"], check=True, capture_output=True, timeout=60)
    return [os.path.join(package, "usr/bin/crowdsec"), "-c", config, "-type", "api", "-no-capi"]


def run_log(command, log, seconds):
    """One run over a log (Finished), and the pairs of rule and key that it told. It is ended after `seconds`, and Failed."""
    # Its messages come on the error output.
    done = run(["timeout", "--signal=KILL", str(seconds), "sh", "-c", 'exec "$@" 2>&1', "sh", *command,
                "-dsn", "file://" + log])
    return done, {(rule, key) for key, rule in PERFORMED.findall(done.out)}
