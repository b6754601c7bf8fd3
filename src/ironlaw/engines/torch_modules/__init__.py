"""Shared by the engines that start from a torch module: int8, bfloat16, and profiler marks."""
