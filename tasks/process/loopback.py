"""How a process reaches servers on its own machine: never through a proxy, which knows another loopback."""

import os

HOSTS = ("127.0.0.1", "localhost", "::1")


def bypass_proxies() -> None:
    """Add this machine to what the environment excepts from its proxies; what is there stays."""
    said = f"{os.environ.get('no_proxy', '')},{os.environ.get('NO_PROXY', '')}"
    named = [name for name in map(str.strip, said.split(",")) if name]
    excepted = "*" if "*" in named else ",".join(dict.fromkeys([*named, *HOSTS]))
    os.environ.update(no_proxy=excepted, NO_PROXY=excepted)
