"""``python -m console`` is ``unbroken``."""

import sys

from console.main import main

sys.exit(main())
