"""An old application, which reads the key when it starts and never again: `read_once.py KEY_FILE`.

It shows why the agent exists: once the lease of that key is gone, OpenAI refuses it.
"""

import sys
from pathlib import Path

from openai import OpenAI

from testbed.demo.consumers.traffic import send_until_stopped

key_file = Path(sys.argv[1])
send_until_stopped(OpenAI(api_key=key_file.read_text()))
