"""Runs the service: `python -m flow_platform.api`, as `flow up` and `flow run api` do."""

from __future__ import annotations

import sys

from flow_platform.api.config import ApiConfig
from flow_platform.ground.errors import FlowError


def main() -> None:
    """Serve until a signal stops the process. Its configuration is the environment's (`config.py`).

    Raises ConfigurationError where that is not complete.
    """
    import uvicorn

    from flow_platform.api.app import create_app
    from flow_platform.api.logs import set_up_logs
    from flow_platform.api.server import listening_on

    config = ApiConfig.from_environment()
    set_up_logs()
    uvicorn.run(create_app(config), **listening_on(config.bind, config.port))


if __name__ == "__main__":
    try:
        main()
    except FlowError as error:
        sys.exit(f"{type(error).__name__}: {error}")
