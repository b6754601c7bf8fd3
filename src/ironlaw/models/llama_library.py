"""llama.cpp's C interface, in the shared library that an installed Python package brings along.

Its exported functions are called directly, from whichever package is installed: with given tokens, rewound states and
no server in between.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.missing import Maybe, Missing
from ironlaw.models.llama_parameters import (
    FIRST,
    FLAGS,
    LOCKED,
    MAPPED,
    NO_PERF,
    READ,
    ROOM,
    keep_layout,
    set_cache_type,
    set_load,
    unknown_layout,
)

# Packages that bring the library, the one with the steadier interface first, and where it lies in each.
PACKAGES = {"llama_cpp": ("lib/libllama.so",), "xllamacpp": ("xllamacpp*.so",)}
_ERROR_LEVEL, _CONTINUED = 4, 5  # ggml_log_level
_MOST_LINES = 200
_BUFFER = re.compile(rb"(\w+) model buffer size = +([\d.]+) MiB")
_CACHE = re.compile(rb"K \((\w+)\): .*V \((\w+)\): ")


class _Params(ctypes.Structure):
    """A structure of parameters whose layout is the library's own."""

    _fields_ = (("words", ctypes.c_uint64 * (ROOM // 8)),)


class _Batch(ctypes.Structure):
    """llama_batch: all but the first two may be null, for tokens of one sequence after those that are kept."""

    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.c_void_p),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.c_void_p),
        ("n_seq_id", ctypes.c_void_p),
        ("seq_id", ctypes.c_void_p),
        ("logits", ctypes.c_void_p),
    )


class _Timings(ctypes.Structure):
    """The beginning of llama_perf_context_data."""

    _fields_ = (
        ("start_ms", ctypes.c_double),
        ("load_ms", ctypes.c_double),
        ("prefill_ms", ctypes.c_double),
        ("decode_ms", ctypes.c_double),
        ("prefilled", ctypes.c_int32),
        ("decoded", ctypes.c_int32),
        ("rest", ctypes.c_int32 * 8),
    )


_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


def library_file() -> Maybe[Path]:
    """The shared library of the first package that is installed, found without importing it."""
    for package, places in PACKAGES.items():
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for place in places:
                if found := sorted(Path(folder).glob(place)):
                    return found[0]
    return Missing(f"neither {' nor '.join(PACKAGES)} is installed")


@functools.cache
def load_library() -> Library:
    """The library, once a process.

    Raises:
        ArmFailed: there is none, or it does not offer what is needed.
    """
    path = library_file()
    if isinstance(path, Missing):
        raise ArmFailed(path.reason, hint="pip install 'ironlaw[llamacpp]'")
    try:
        return Library(path)
    except (OSError, AttributeError) as error:
        raise ArmFailed(
            f"{path.name} does not offer llama.cpp's C interface: {error}",
            hint="install another version of its package",
        ) from None


class Library:
    """The functions of the shared library with their types, and what it has logged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lib = ctypes.CDLL(str(path))
        self._said: list[tuple[int, str]] = []
        self.cached: tuple[str, str] | None = None  # types of keys and of values, of the context made last
        self.buffers: dict[str, float] = {}  # MiB of weights by the kind of their memory, of the model loaded last
        pointer, number = ctypes.c_void_p, ctypes.c_int32
        call = self._declare
        self.model_defaults = call("llama_model_default_params", _Params)
        self.context_defaults = call("llama_context_default_params", _Params)
        self.load_model = call("llama_model_load_from_file", pointer, ctypes.c_char_p, _Params)
        self.free_model = call("llama_model_free", None, pointer)
        self.new_context = call("llama_init_from_model", pointer, pointer, _Params)
        self.free_context = call("llama_free", None, pointer)
        self.set_threads = call("llama_set_n_threads", None, pointer, number, number)
        self.threads = call("llama_n_threads", number, pointer)
        self.context_size = call("llama_n_ctx", ctypes.c_uint32, pointer)
        self.batch_size = call("llama_n_batch", ctypes.c_uint32, pointer)
        self.micro_batch_size = call("llama_n_ubatch", ctypes.c_uint32, pointer)
        self.one_batch = call("llama_batch_get_one", _Batch, pointer, number)
        self.decode = call("llama_decode", number, pointer, _Batch)
        self.synchronize = call("llama_synchronize", None, pointer)
        self.memory = call("llama_get_memory", pointer, pointer)
        self.clear = call("llama_memory_clear", None, pointer, ctypes.c_bool)
        self.remove = call("llama_memory_seq_rm", ctypes.c_bool, pointer, number, number, number)
        self.logits = call("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), pointer, number)
        self.vocabulary = call("llama_model_get_vocab", pointer, pointer)
        self.vocabulary_size = call("llama_vocab_n_tokens", number, pointer)
        self.tokenize = call(
            "llama_tokenize", number, pointer, ctypes.c_char_p, number, pointer, number, ctypes.c_bool, ctypes.c_bool
        )
        self.system_info = call("llama_print_system_info", ctypes.c_char_p)
        self.timings = call("llama_perf_context", _Timings, pointer)
        self.reset_timings = call("llama_perf_context_reset", None, pointer)
        self._logged = _LOG(self._hear)  # kept: the library calls it for as long as it lives
        call("llama_log_set", None, _LOG, pointer)(self._logged, None)

    def _declare(self, name: str, gives: Any, *takes: Any) -> Callable[..., Any]:
        function = getattr(self._lib, name)
        function.restype, function.argtypes = gives, list(takes)
        found: Callable[..., Any] = function
        return found

    def _hear(self, level: int, text: bytes, _: Any) -> None:
        if (found := _BUFFER.search(text)) is not None:
            self.buffers[found[1].decode()] = float(found[2])
        if (kinds := _CACHE.search(text)) is not None:
            self.cached = kinds[1].decode(), kinds[2].decode()
        if level == _CONTINUED and self._said:
            level, before = self._said.pop()
            self._said.append((level, before + text.decode(errors="replace")))
        elif level >= _ERROR_LEVEL:
            self._said.append((level, text.decode(errors="replace")))
        del self._said[:-_MOST_LINES]

    def said(self) -> str:
        """The first error that the library has logged since the last call: those after it follow from it."""
        lines = [line.strip() for _, text in self._said for line in text.splitlines()]
        self._said.clear()
        return next((line for line in lines if any(letter.isalpha() for letter in line)), "")

    def instruction_sets(self) -> tuple[str, ...]:
        """The extensions of the instruction set that its kernels were compiled for, as it names them."""
        said = self.system_info().decode(errors="replace")
        parts = said.rpartition("CPU : ")[2].split("|")
        pairs = (part.partition("=") for part in parts)
        return tuple(name.strip() for name, _, value in pairs if value.strip() == "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSize:
    """The size of a context (the tokens it holds, the tokens of a batch, its threads), the type of its keys and values,
    and how the weights come into memory: levels of the factors llama.*.
    """

    tokens: int
    batch: int
    threads: int
    cache_type: str = "f16"
    load: str = MAPPED
    is_repacked: bool = True
    micro_batch: int = 0  # tokens that are processed together; 0: the whole batch


class Context:
    """A model with a key-value cache that holds one sequence of tokens, which is extended or rewound."""

    def __init__(self, path: str, size: ContextSize) -> None:
        self._library = library = load_library()
        library.said()
        library.buffers.clear()
        params = library.model_defaults()
        if not size.is_repacked:
            keep_layout(params, library.path.name)
        if size.load != MAPPED:
            set_load(params, size.load, library.path.name)
        self.model = library.load_model(path.encode(), params)
        if not self.model:
            raise ArmFailed(_failed("llama.cpp cannot load the file", library.said()), hint=_OTHER_FILE)
        self.buffers = dict(library.buffers)
        self.loaded = _loaded(self.buffers, size.load)
        self.handle, self.has_timings = self._open(size)
        library.set_threads(self.handle, size.threads, size.threads)
        self._memory = library.memory(self.handle)
        vocabulary = library.vocabulary(self.model)
        self.vocabulary_size = int(library.vocabulary_size(vocabulary))
        self._vocabulary = vocabulary

    def _open(self, size: ContextSize) -> tuple[Any, bool]:
        """A context on the model, and whether it keeps its own timings."""
        library, params = self._library, self._library.context_defaults()
        words = (ctypes.c_uint32 * len(FIRST)).from_buffer(params)
        if tuple(words) != FIRST:
            raise unknown_layout(library.path.name)
        library.cached = None
        if size.cache_type != "f16":
            set_cache_type(params, size.cache_type, library.path.name)
        words[0], words[1] = size.tokens, max(size.batch, 1)
        words[2] = min(size.micro_batch, words[1]) or words[1]
        raw = bytes(params)
        has_timings = raw.count(FLAGS) == 1
        if has_timings:
            ctypes.memset(ctypes.addressof(params) + raw.index(FLAGS) + NO_PERF, 0, 1)
        handle = library.new_context(self.model, params)
        if not handle:
            raise ArmFailed(_failed("llama.cpp makes no context", library.said()), hint=_LESS_CONTEXT)
        if library.context_size(handle) < size.tokens or library.batch_size(handle) < size.batch:
            raise ArmFailed(
                f"the context holds {library.context_size(handle)} tokens instead of {size.tokens}", hint=_LESS_CONTEXT
            )
        self.cached = library.cached
        if size.cache_type != "f16" and self.cached != (size.cache_type, size.cache_type):
            raise ArmFailed(
                f"keys and values were to be kept in {size.cache_type}, and llama.cpp reports {self.cached}",
                hint="leave llama.cache-type= out for this arm",
            )
        return handle, has_timings

    def tokens_of(self, text: str) -> list[int]:
        """The tokens of a text, without the one that begins a document."""
        raw = text.encode()
        room = (ctypes.c_int32 * (len(raw) + 8))()
        count = self._library.tokenize(self._vocabulary, raw, len(raw), room, len(room), False, False)
        return list(room[: max(0, count)])

    def batch(self, tokens: Any) -> Any:
        """An array of int32 as the library takes it; the array has to be kept for as long."""
        return self._library.one_batch(tokens.ctypes.data, len(tokens))

    def scores(self, tokens: Any) -> Any:
        """Process tokens at once and return the logits after each: float32, a row per token.

        Raises:
            ArmFailed: the library cannot.
        """
        import numpy

        batch, wanted = self.batch(tokens), numpy.ones(len(tokens), dtype=numpy.int8)
        batch.logits = wanted.ctypes.data
        self.read(batch)
        return numpy.stack([self.logits(place).copy() for place in range(len(tokens))])

    def read(self, batch: Any) -> None:
        """Process tokens after those that are kept, and wait until their logits are there.

        Raises:
            ArmFailed: the library cannot.
        """
        failed = self._library.decode(self.handle, batch)
        self._library.synchronize(self.handle)
        if failed:
            raise ArmFailed(
                _failed(f"llama_decode returned {failed}", self._library.said()), hint="name fewer tokens in its phase"
            )

    def forget(self, behind: int) -> None:
        """Rewind the state to its first `behind` tokens.

        Raises:
            ArmFailed: the architecture's state cannot be rewound to a token.
        """
        if not behind:
            self._library.clear(self._memory, False)
        elif not self._library.remove(self._memory, 0, behind, -1):
            raise ArmFailed(
                "this architecture's state cannot be taken back to a token", hint="measure its prefill alone"
            )

    def logits(self, place: int = -1) -> Any:
        """The logits after a token of those processed last, as an array of the library's own memory."""
        import numpy

        found = self._library.logits(self.handle, place)
        if not found:
            raise ArmFailed(_failed("llama.cpp gives no logits", self._library.said()), hint=_OTHER_FILE)
        return numpy.ctypeslib.as_array(found, (self.vocabulary_size,))

    def threads(self) -> int:
        """The number of threads it computes with."""
        return int(self._library.threads(self.handle))

    def micro_batch(self) -> int:
        """The number of tokens that it processes together."""
        return int(self._library.micro_batch_size(self.handle))

    def own_ns(self) -> tuple[float, int]:
        """The time in ns by its own clock since the last reset, and the number of tokens processed in it."""
        taken = self._library.timings(self.handle)
        return (taken.prefill_ms + taken.decode_ms) * 1e6, taken.prefilled + taken.decoded

    def reset_own(self) -> None:
        """Reset its own clock to 0."""
        self._library.reset_timings(self.handle)

    def close(self) -> None:
        """Free its memory."""
        self._library.free_context(self.handle)
        self._library.free_model(self.model)


_OTHER_FILE = "check that llama.cpp knows this architecture and type, and that the file is whole"
_LESS_CONTEXT = "name fewer tokens in its phase, or give it more memory"


def _loaded(buffers: dict[str, float], level: str) -> str:
    """How the weights came into memory, as read from the process.

    Raises:
        ArmFailed: not as they were to.
    """
    mapped = sum(size for kind, size in buffers.items() if kind.endswith("Mapped"))
    held = sum(buffers.values())
    locked = _locked_mib()
    said = f"{mapped:.0f} of {held:.0f} MiB of weights mapped, {locked:.0f} MiB locked"
    if level == READ and mapped:
        raise ArmFailed(f"the weights were to be read, and llama.cpp maps them: {said}", hint=_NO_LOAD)
    if level == LOCKED and locked < mapped:
        raise ArmFailed(f"the kernel does not lock the weights: {said}", hint="ulimit -l unlimited")
    return said


_NO_LOAD = "leave llama.load= out for this arm"


def _locked_mib() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmLck:")), 0.0)


def _failed(what: str, said: str) -> str:
    return f"{what}: {said}"[:300] if said else what
