# Logging goes to stderr; clocks and dates run.
import datetime
import logging
import math
import time

import torch

logging.warning("plain %s", torch.ones(1))
logging.getLogger("mine").error("error")
logging.info("not shown")
logging.basicConfig(level=logging.INFO, format="%(levelname)s:%(name)s:%(lineno)d:%(message)s", force=True)
logging.info("shown")
start = time.perf_counter()
time.sleep(0.001)
print(time.perf_counter() > start, datetime.date(2020, 1, 1).isoformat(), math.pi)
print(time.strftime("%Y", time.gmtime(0)), datetime.datetime.fromtimestamp(0, datetime.timezone.utc))
