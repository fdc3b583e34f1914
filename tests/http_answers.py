"""What a server on this machine answers, and when."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

HOST = "127.0.0.1"


def until(condition: Callable[[], Any], seconds: float, what: Callable[[], str], every: float = 0.1) -> Any:
    """The first true value of a condition that is asked again and again; ``what`` says what was awaited."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s: {what()}"
        time.sleep(every)
    return found


def free_ports(number: int) -> list[int]:
    holders = [socket.create_server((HOST, 0)) for _ in range(number)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}), timeout=30) as answer:
        return json.load(answer)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=30) as answer:
            return answer.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False
