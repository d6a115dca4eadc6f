"""Runs a piece of Python in its own process and tells what it cost: seconds and memory (oracle O5)."""

import json
import subprocess
import sys

_SCRIPT = """
import json, resource, sys, time
{setup}
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, start = peak(), time.perf_counter()
{work}
print(json.dumps({{"seconds": time.perf_counter() - start, "bytes": peak() - before, "result": result,
                  "django": "django" in sys.modules}}))
"""


def measured(setup: str, work: str) -> dict:
    """Seconds, peak growth in bytes, and what `work` left in `result`."""
    script = _SCRIPT.format(setup=setup, work=work)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)
