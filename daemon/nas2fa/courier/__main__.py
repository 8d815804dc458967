"""`python3 -m nas2fa.courier`."""

import sys

from nas2fa.courier.main import main

sys.exit(main())
