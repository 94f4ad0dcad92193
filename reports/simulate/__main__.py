"""``python -m reports.simulate``."""

import sys

from reports.simulate import main

sys.exit(main())
