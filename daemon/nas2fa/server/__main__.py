"""`python3 -m nas2fa.server`: nas2fad from a source tree."""

import sys

from nas2fa.server.main import main

sys.exit(main())
