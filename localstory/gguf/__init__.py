"""Reading the header of a GGUF file: what a model is, without loading it."""
