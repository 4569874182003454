"""How long the fuzzing tests try: a bounded, seeded run in `make test`, a longer one in `make fuzz`."""

import os

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
