"""Runs a piece of Python in its own process and tells what it cost: processor seconds and memory (oracle O5)."""

import json
import subprocess
import sys

# The kernel's own high-water mark: what getrusage tells begins with the peak of the process that started this one.
_SCRIPT = """
import json, sys, time
{setup}
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
before, start = peak(), time.process_time()
{work}
print(json.dumps({{"seconds": time.process_time() - start, "bytes": peak() - before, "result": result,
                  "django": "django" in sys.modules}}))
"""


def measured(setup: str, work: str) -> dict:
    """Processor seconds (a busy machine adds none), peak growth in bytes, and what `work` left in `result`."""
    script = _SCRIPT.format(setup=setup, work=work)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)
