"""llama.cpp on GGUF files, by the library of whichever package is installed."""
