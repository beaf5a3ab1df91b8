"""An application that reads the key file at every attempt: `from_file.py KEY_FILE`."""

import sys
from pathlib import Path

from openai import OpenAI

from testbed.demo.consumers.traffic import send_until_stopped

key_file = Path(sys.argv[1])
send_until_stopped(OpenAI(api_key=key_file.read_text))
