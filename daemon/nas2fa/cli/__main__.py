"""`python3 -m nas2fa.cli`."""

import sys

from nas2fa.cli.main import main

sys.exit(main())
