"""GGUF files, from the outside: what the header says, and whether the file is whole. No engine needed."""
