"""Models, batch services, their runs, and the collection of hard examples."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is imported, which else reports to its maker
