"""The rules that tests of faults watch with: denied requests, and many of them by one key."""

DENIED = """\
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
"""


def many_denied(at_least):
    """Alerts at so many denied requests of a key within an hour; needs DENIED."""
    return """\
title: Many denied
name: many_denied
level: high
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 1h
    condition: {gte: %d}
""" % at_least
