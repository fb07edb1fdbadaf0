"""
onnxruntime without its reports to its maker. It looks at the environment when it is imported, so nothing else imports it:

    from quiet_onnxruntime import onnxruntime
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.transformers.float16 import convert_float_to_float16

__all__ = ["convert_float_to_float16", "onnxruntime"]
