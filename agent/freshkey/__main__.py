"""`python -m freshkey`."""

import sys

from freshkey.cli.main import main

sys.exit(main())
