"""What the engines that start from a torch module share: int8, bfloat16, and marks under the profiler."""
