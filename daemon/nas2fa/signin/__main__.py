"""`python3 -m nas2fa.signin`."""

import sys

from nas2fa.signin.main import main

sys.exit(main())
