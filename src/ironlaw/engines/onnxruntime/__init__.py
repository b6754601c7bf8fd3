"""ONNX Runtime on its CPU provider."""
