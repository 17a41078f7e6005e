"""How often and how patiently a source over HTTP is asked again, the same for every service.

What is asked, and what an answer means, is in the module of each service.
"""

from __future__ import annotations

import requests

from flow_platform.sources.config import SourceConfig

# No wait between two tries is longer, whatever a service asks for: a run has its own retries.
LONGEST_WAIT = 20.0


def retrying(session: requests.Session, config: SourceConfig) -> requests.Session:
    """The session, asking again with back-off where a service is busy, fails or is silent.

    Retry-After is respected. Once the tries are used up the last answer is returned as it is; a
    connection that never answered raises requests.RequestException. Bodies that break off while
    they are read are not asked for again here.
    """
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retry = Retry(
        total=config.retries,
        backoff_factor=config.back_off_seconds,
        backoff_max=LONGEST_WAIT,
        retry_after_max=int(LONGEST_WAIT),
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=("GET",),
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def remedy_of(response: requests.Response, what: str, moved: str) -> str:
    """What to do about a refusal by `what`: wait if it is busy or broken, else `moved`."""
    if response.status_code == 429 or response.status_code >= 500:
        return f"The {what} is busy or out of order: run again later."
    return moved
