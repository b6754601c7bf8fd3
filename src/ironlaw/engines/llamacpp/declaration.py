"""What llama.cpp is and offers."""

from __future__ import annotations

from ironlaw.engine import Declaration, Offer

DECLARATION = Declaration(
    title="llama.cpp",
    remedy="convert the model to GGUF and run it in llama.cpp",
    extra="llamacpp",
    offers={"given": Offer(reads=("phase",))},
    loads=("numpy",),
    one_of=("llama_cpp", "xllamacpp"),
    tools_hint="build it for this CPU: CMAKE_ARGS=-DGGML_NATIVE=ON pip install llama-cpp-python",
    options=("phase", "weights", "llama.cache-type", "llama.load", "llama.repack", "llama.micro-batch"),
    files=(".gguf",),
    phases=("prefill:128", "decode:32"),
)
