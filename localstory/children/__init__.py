"""The only place that starts processes: the host of our workers, their protocol, and short calls of tools like ffmpeg."""
