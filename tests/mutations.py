"""How a sound file becomes a hostile one: seeded changes of its bytes, and of the values that its text holds."""

import copy
import math
import random
from typing import Any

VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 7, 2**31, 2**60, 2**64, 10**30, 10**4000, 0.5, 1.5, 1e308, math.nan, math.inf,
    "", "x", "mean", "1ep", f"{10**400}it", "a\nb", "\x1b[2J", "é", "../../etc/passwd", "/dev/zero", "a" * 5000, "0\0",
    "os:system", "this:s", ":", [], {}, [[]], {"a": {}}, [1, "a", None], ["x", "x"], {"": 1}, {"a\nb": 0},
]  # fmt: skip
PIECES = [
    b"[", b"{", b"- ", b"\0", b"\xff\xfe", b"\n", b"  ", b": ", b"*", b"&a ", b"!!python/object/apply:os.system ",
    b"!!timestamp x", b"!!int x", b"0x" + b"f" * 9000, b"9" * 5000, b"2001-99-99", b'"\\UFFFFFFFF"', b"? ", b"<<: ",
    b"[" * 2000, b"- " * 2000, b"%YAML 9.9\n---\n", b"\xe2\x80\xa8", b"1_", b"off", b"---\n", b"...\n",
]  # fmt: skip


def mutated_bytes(data: bytes, other: bytes, draws: random.Random) -> bytes:
    """One to four changes: bits, bytes, runs that are cut out, doubled, moved or taken from another file, cuts."""
    found = bytearray(data)
    for _ in range(draws.randint(1, 4)):
        place, length = draws.randrange(len(found) + 1), draws.choice([1, 1, 2, 8, 64])
        kind = draws.randrange(7)
        if kind == 0 and place < len(found):
            found[place] ^= 1 << draws.randrange(8)
        elif kind == 1:
            found[place : place + length] = draws.randbytes(length)
        elif kind == 2:
            del found[place : place + length]
        elif kind == 3:
            found[place:place] = found[place : place + length] * draws.choice([1, 3, 50])
        elif kind == 4:
            start = draws.randrange(len(other))
            found[place : place + length] = other[start : start + draws.choice([length, 200])]
        elif kind == 5:
            found[place:place] = draws.choice(PIECES)
        elif not draws.randrange(3):
            del found[place:]
    return bytes(found)


def mutated_tree(tree: Any, draws: random.Random) -> Any:
    """One to three changes of a copy: values that become others, keys and items that go, come, are renamed or nest."""
    tree = copy.deepcopy(tree)
    for _ in range(draws.randint(1, 3)):
        places = [*_places(tree)]
        if not places:
            return draws.choice(VALUES)
        holder, key = draws.choice(places)
        kind = draws.randrange(7)
        if kind <= 1:
            holder[key] = copy.deepcopy(draws.choice(VALUES))
        elif kind == 2:
            del holder[key]
        elif kind == 3 and isinstance(holder, dict):
            holder[draws.choice(["x", "a\nb", "1", "problem", "x" * 300])] = holder.pop(key)
        elif kind == 4:
            other, there = draws.choice(places)
            holder[key] = copy.deepcopy(other[there])
        elif kind == 5:
            for _ in range(draws.choice([1, 2, 60])):
                holder[key] = [holder[key]]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(draws.choice(VALUES)))
        else:
            holder[draws.choice(["x", "seeds", "duration"])] = copy.deepcopy(draws.choice(VALUES))
    return tree


def _places(tree: Any) -> Any:
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
