"""What the user is called where the system has no name for them, as in a container that was given a bare number."""

import getpass
import os


def have_user_name() -> None:
    """Let ``getpass.getuser`` find a name: torch's compiler, among others, fails without one."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"user-{os.getuid()}"
