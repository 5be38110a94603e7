"""Language models: the embedded llama.cpp."""
