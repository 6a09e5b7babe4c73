"""The benchmark's rules as SQL: what a request must be, and what a key must have done.

Named as the rules in ../rules. The windows slide, as those of the correlations do:
each looks back from every request.
"""

COLUMNS = {
    "time": "TIMESTAMP", "key_id": "VARCHAR", "key_type": "VARCHAR", "livemode": "BOOLEAN", "method": "VARCHAR",
    "host": "VARCHAR", "path": "VARCHAR", "query": "VARCHAR", "status": "SMALLINT", "error_code": "VARCHAR",
    "source_ip": "VARCHAR", "user_agent": "VARCHAR", "api_version": "VARCHAR", "latency_ms": "INTEGER",
    "bytes_out": "INTEGER", "tls": "VARCHAR", "region": "VARCHAR",
}

# Texts are compared without case, as Sigma does it. Versions, paths and agents of the log have one case only.
CONDITIONS = {
    "key_refused": "status = 401",
    "slow_failure": "status >= 500 AND latency_ms > 600",
    "test_secret_denied": "NOT livemode AND key_type ILIKE 'secret' AND status = 403 AND region ILIKE 'eu-west-1'",
    "next_page_limited": "contains(lower(query), 'starting_after=') AND status = 429",
    "large_denial": "status = 403 AND bytes_out >= 6150",
    "internal_write_failed": "method ILIKE 'POST' AND status IN (500, 503) AND region ILIKE 'ap-southeast-2'"
                             " AND starts_with(source_ip, '10.')",
    "old_encryption": "host ILIKE 'api.stripe.com' AND NOT tls ILIKE 'TLSv1.3'",
    "other_host": "starts_with(lower(path), '/v1/') AND lower(host) NOT IN ('api.stripe.com', 'files.stripe.com')",
    "scanner_agent": " OR ".join("contains(lower(user_agent), '%s')" % name
                                 for name in ("sqlmap", "nikto", "nuclei", "masscan", "zgrab")),
    "delete_by_curl": "method ILIKE 'DELETE' AND starts_with(lower(user_agent), 'curl/')",
    "write_by_script": "method ILIKE 'POST' AND starts_with(lower(user_agent), 'python-requests/')",
    "headless_browser_lost": "contains(lower(user_agent), 'headlesschrome') AND status = 404",
    "go_client_lost": "contains(lower(user_agent), 'go-http-client') AND status = 404",
    "expired_key_by_curl": "error_code ILIKE 'api_key_expired' AND contains(lower(user_agent), 'curl')",
    "scanner_full_pages": "contains(lower(user_agent), 'sqlmap') AND regexp_matches(query, 'limit=(9[0-9]|100)$')",
    "webhook_deleted": "method ILIKE 'DELETE' AND starts_with(lower(path), '/v1/webhook_endpoints')",
    "webhook_created": "method ILIKE 'POST' AND lower(path) = '/v1/webhook_endpoints'",
    "payout_by_old_version": "method ILIKE 'POST' AND lower(path) = '/v1/payouts' AND starts_with(api_version, '2019')",
    "transfer_created": "method ILIKE 'POST' AND lower(path) = '/v1/transfers'",
    "external_account_added": "method ILIKE 'POST' AND contains(lower(path), 'external_accounts')",
    "ephemeral_key_created": "method ILIKE 'POST' AND lower(path) = '/v1/ephemeral_keys'",
    "customer_deleted": "method ILIKE 'DELETE' AND starts_with(lower(path), '/v1/customers/')",
    "delete_by_old_version": "method ILIKE 'DELETE' AND starts_with(api_version, '2019')",
    "path_traversal": "contains(path, '/../')",
    "web_files": " OR ".join("ends_with(lower(path), '%s')" % end for end in (".env", ".php", ".git/config", ".aspx")),
    "api_keys_listed": "starts_with(lower(path), '/v1/apikeys')",
    "file_contents": "starts_with(lower(path), '/v1/files/') AND ends_with(lower(path), '/contents')",
    "sigma_queries": "starts_with(lower(path), '/v1/sigma/')",
    "long_object_name": "regexp_matches(path, '^/v1/(customers|accounts)/[^/]{40,}$')",
    "report_from_hosting": "starts_with(source_ip, '185.')"
                           " AND starts_with(lower(path), '/v1/identity/verification_reports/')",
}

WINDOW = """SELECT DISTINCT '{name}' AS rule, key_id FROM (
  SELECT key_id, {what} OVER (PARTITION BY key_id ORDER BY time
    RANGE BETWEEN INTERVAL {seconds} SECOND PRECEDING AND CURRENT ROW) AS seen
  FROM {table} WHERE {where}) WHERE seen >= {least}"""


def window(name, what, seconds, least, where):
    return WINDOW.format(name=name, what=what, seconds=seconds, least=least, where=where, table="{table}")


ANY = "starts_with(key_id, 'mk_')"
CORRELATIONS = [
    window("many_denied", "count(*)", 60, 10, "status = 403"),
    window("many_paths", "count(DISTINCT path)", 60, 100, ANY),
    window("many_requests", "count(*)", 10, 300, ANY),
    window("many_sensitive_reads", "count(*)", 60, 20,
           "method ILIKE 'GET' AND starts_with(lower(path), '/v1/identity/') AND status = 200"),
    window("many_networks", "count(DISTINCT source_ip)", 300, 3, ANY),
]


def detections(table):
    """One pass over the table: for each request the rules that it matches."""
    matched = ", ".join("CASE WHEN %s THEN '%s' END" % (condition, name) for name, condition in CONDITIONS.items())
    return ("SELECT DISTINCT rule, key_id FROM (SELECT key_id, unnest([%s]) AS rule FROM %s)"
            " WHERE rule IS NOT NULL" % (matched, table))


def program(log, correlations_only):
    """The statements of one run; the last one gives (rule, key_id)."""
    columns = ", ".join("%s: '%s'" % column for column in COLUMNS.items())
    load = ("CREATE TEMP TABLE requests AS SELECT * FROM read_json('%s', format = 'newline_delimited',"
            " columns = {%s})" % (log, columns))
    parts = [query.replace("{table}", "requests") for query in CORRELATIONS]
    if not correlations_only:
        parts.append(detections("requests"))
    return [load, " UNION ALL ".join("(%s)" % part for part in parts)]
