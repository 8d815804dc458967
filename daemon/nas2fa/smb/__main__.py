"""`python3 -m nas2fa.smb`."""

import sys

from nas2fa.smb.main import main

sys.exit(main())
