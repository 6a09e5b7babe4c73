"""The benchmark's rules for SEC, over lines of a web server (user = key).

Such a line has no latency, region, version, key type nor encryption: the rules that
ask for those are left out. SEC's windows go by the clock of the machine, not by the
times of the log, so that those of a log that is read quickly hold all of it.
"""


def line(ip=r"\S+", method=r"\S+", target=r"\S+", status=r"\d+", size=r"\d+", agent=""):
    return r'^%s - (\S+) \[[^\]]*\] "%s %s HTTP/[\d.]+" %s %s "[^"]*" "%s' % (ip, method, target, status, size, agent)


# Of one path, whatever the query.
def path(text):
    return text + r"(?:\?\S*)?"


ANY = line()
DENIED = line(status="403")
PATTERNS = {
    "key_refused": line(status="401"),
    "next_page_limited": line(target=r"[^ ?]*\?\S*starting_after=\S*", status="429"),
    "large_denial": line(status="403", size=r"(?:61[5-9]\d|6[2-9]\d\d|[7-9]\d{3}|\d{5,})"),
    "scanner_agent": line(agent=r'[^"]*(?:sqlmap|nikto|nuclei|masscan|zgrab)'),
    "delete_by_curl": line(method="DELETE", agent="curl/"),
    "write_by_script": line(method="POST", agent="python-requests/"),
    "headless_browser_lost": line(status="404", agent='[^"]*HeadlessChrome'),
    "go_client_lost": line(status="404", agent='[^"]*Go-http-client'),
    "scanner_full_pages": line(target=r"[^ ?]*\?(?:\S*limit=)(?:9[0-9]|100)", agent='[^"]*sqlmap'),
    "webhook_deleted": line(method="DELETE", target=r"/v1/webhook_endpoints\S*"),
    "webhook_created": line(method="POST", target=path("/v1/webhook_endpoints")),
    "transfer_created": line(method="POST", target=path("/v1/transfers")),
    "external_account_added": line(method="POST", target=r"[^ ?]*external_accounts\S*"),
    "ephemeral_key_created": line(method="POST", target=path("/v1/ephemeral_keys")),
    "customer_deleted": line(method="DELETE", target=r"/v1/customers/\S*"),
    "path_traversal": line(target=r"[^ ?]*/\.\./\S*"),
    "web_files": line(target=path(r"[^ ?]*(?:\.env|\.php|\.git/config|\.aspx)")),
    "api_keys_listed": line(target=r"/v1/apikeys\S*"),
    "file_contents": line(target=path(r"/v1/files/[^ ?]*/contents")),
    "sigma_queries": line(target=r"/v1/sigma/\S*"),
    "long_object_name": line(target=path(r"/v1/(?:customers|accounts)/[^ ?/]{40,}")),
    "report_from_hosting": line(ip=r"185\.\S+", target=r"/v1/identity/verification_reports/\S*"),
}
COUNTS = [
    ("many_denied", DENIED, 60, 10),
    ("many_requests", ANY, 10, 300),
    ("many_sensitive_reads", line(method="GET", target=r"/v1/identity/\S*", status="200"), 60, 20),
]
# What of the second group in the pattern is to differ.
DISTINCT = [
    ("many_paths", line(target=r"([^ ?]+)\S*"), "$1", "$2", 60, 100),
    ("many_networks", line(ip=r"(\S+)"), "$2", "$1", 300, 3),
]


def rule(**settings):
    return "".join("%s=%s\n" % (name.rstrip("_"), value) for name, value in settings.items()) + "\n"


def program(correlations_only):
    parts = []
    for name, pattern in {} if correlations_only else PATTERNS.items():
        parts.append(rule(type="Single", continue_="TakeNext", ptype="RegExp", pattern=pattern, desc=name,
                          action="write - %s $1" % name))
    for name, pattern, seconds, least in COUNTS:
        parts.append(rule(type="SingleWithThreshold", continue_="TakeNext", ptype="RegExp", pattern=pattern,
                          desc=name + " $1", action="write - %s $1" % name, window=seconds, thresh=least))
    for name, pattern, key, value, seconds, least in DISTINCT:
        seen = "%s_%s_%s" % (name, key, value)
        parts.append(rule(type="Single", continue_="TakeNext", ptype="RegExp", pattern=pattern, context="!" + seen,
                          desc=name, action="create %s %d; event %s_new %s" % (seen, seconds, name, key)))
        parts.append(rule(type="SingleWithThreshold", ptype="RegExp", pattern=r"^%s_new (\S+)" % name,
                          desc=name + " $1", action="write - %s $1" % name, window=seconds, thresh=least))
    return "".join(parts)
