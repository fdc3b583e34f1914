"""Draw what a command prints in a terminal of 80 columns: `python docs/terminal.py docs/terminal.svg rtl results`."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

COLUMNS = 80
# Rich's own format fetches a font from a server.
OFFLINE = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code, ", "")

picture, *command = sys.argv[1:]
terminal = {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
printed = subprocess.run(command, env=os.environ | terminal, check=True, capture_output=True, text=True).stdout.rstrip()
console = Console(width=COLUMNS, record=True, file=io.StringIO())
console.print(Text(f"$ {' '.join(command)}"), Text.from_ansi(printed), sep="\n")
Path(picture).write_text(console.export_svg(title="", code_format=OFFLINE, unique_id="terminal"))
