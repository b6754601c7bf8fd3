"""oneDNN, the library of kernels inside PyTorch and OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping

# Its kernels' names go to /tmp/perf-PID.map as it generates them ("Profiling with Linux perf" in its documentation).
PERF_MAP: Mapping[str, str] = {"ONEDNN_JIT_PROFILE": "2"}
