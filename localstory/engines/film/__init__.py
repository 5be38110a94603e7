"""The film: a compositor, MoviePy as the writer, ffmpeg."""
