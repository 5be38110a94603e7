"""The one place for what differs between Linux, macOS and Windows. Every POSIX call here has its counterpart beside it.

The Windows and macOS branches are written from the systems' documentation and are not run by our tests.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

WINDOWS = sys.platform == "win32"


# -- files ------------------------------------------------------------------------------------------------------------


class FileLock:
    """An exclusive lock on a file, held until `release` or the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another process (or another lock in this one) holds it. Raises OSError."""
        file = open(self._path, "a+b")  # noqa: SIM115 - held as long as the lock
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK):
                return False
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back. Releasing twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut. Windows has no such call and needs none (NTFS journals it)."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old content or the new, never a part. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_private(path: Path, content: bytes) -> None:
    """`write_whole` for what only its owner may read (mode 0600; on Windows the folders of a person are closed to others). Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        # Never readable for others, not even for a moment: the mode is given at the making.
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


_SPARSE_SLACK_BYTES = 4 << 20


def write_sparse(path: Path, content: bytes, size_bytes: int) -> None:
    """Write a file of `size_bytes` that begins with `content` and is a hole after it. Raises OSError (EOPNOTSUPP where the
    file system would fill the hole with real zeros: FAT, exFAT); then the file is gone again.

    A small hole is tried first, so that such a disk is never filled.
    """
    try:
        with open(path, "wb") as file:
            if sys.platform == "win32":
                import msvcrt

                set_sparse, returned = 0x000900C4, ctypes.c_ulong()  # FSCTL_SET_SPARSE
                handle = ctypes.c_void_p(msvcrt.get_osfhandle(file.fileno()))
                if not ctypes.windll.kernel32.DeviceIoControl(handle, set_sparse, None, 0, None, 0, ctypes.byref(returned), None):
                    raise OSError(errno.EOPNOTSUPP, "This file system has no sparse files")
            file.write(content)
            file.flush()
            for length in (min(size_bytes, len(content) + 2 * _SPARSE_SLACK_BYTES), size_bytes):
                file.truncate(max(length, len(content)))
                if taken_bytes(path) > len(content) + _SPARSE_SLACK_BYTES:
                    raise OSError(errno.EOPNOTSUPP, "This file system has no sparse files")
    except (OSError, OverflowError) as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OverflowError):  # more than a file offset can say
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
        raise


def taken_bytes(path: Path) -> int:
    """What a file really takes on the disk: less than its length when it has holes. Raises OSError."""
    if sys.platform == "win32":
        high = ctypes.c_ulong()
        ask = ctypes.windll.kernel32.GetCompressedFileSizeW
        ask.restype = ctypes.c_ulong
        return int(ask(str(path), ctypes.byref(high))) + (high.value << 32)
    return path.stat().st_blocks * 512


# -- child processes --------------------------------------------------------------------------------------------------


def child_options() -> dict[str, Any]:
    """Arguments for `subprocess` that give a child its own group: Ctrl+C in the terminal reaches us alone, and
    `end_group` reaches the child with everything it started."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def end_group(pid: int) -> None:
    """Kill the child `pid` and all it started, at once. A group that is already gone is fine."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_own_group() -> None:
    """Called by a child that lost its parent: take everything it started along. Does not return."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], capture_output=True, check=False)
    elif os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


NICE = 5
"""How far a polite child steps back (POSIX); on Windows it is in the class below normal."""


def settle_as_worker(*, is_polite: bool = True) -> None:
    """Called once by a child: be polite with the processor, be the first to go when memory runs out, leave no core dump."""
    if sys.platform == "win32":
        if is_polite:
            below_normal = 0x4000  # BELOW_NORMAL_PRIORITY_CLASS
            kernel = ctypes.windll.kernel32
            kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
        return
    import resource

    if is_polite:
        with contextlib.suppress(OSError):
            os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")


def limit_own_memory(limit_bytes: int) -> None:
    """Called by a child that reads what nobody vouches for: what it reserves beyond this fails instead of filling the machine.

    Address space that is only reserved (graphics drivers do so by the terabyte) doesn't count on Linux. macOS keeps no such
    limit, and Windows has none without a job object: there the host's timeout stands alone.
    """
    if sys.platform == "win32":
        return
    import resource

    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard), hard))


def peak_memory_bytes() -> int | None:
    """The largest resident size this process ever had; None where the system doesn't tell."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


# -- the person -------------------------------------------------------------------------------------------------------


def interface_languages() -> list[str]:
    """The languages this person's system speaks, best first, as in `["vi_VN", "en"]`; empty when it doesn't say."""
    if sys.platform == "win32":
        buffer = ctypes.create_unicode_buffer(85)
        if ctypes.windll.kernel32.GetUserDefaultLocaleName(buffer, 85):
            return [buffer.value.replace("-", "_")]
        return []
    # The order of precedence is gettext's (GNU gettext manual, "Locale Environment Variables").
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return [part.split(".")[0] for part in value.split(":") if part]
    if sys.platform == "darwin":
        # A program started from the Dock has none of these variables.
        answer = subprocess.run(["defaults", "read", "-g", "AppleLocale"], capture_output=True, text=True, check=False)
        return [answer.stdout.strip()] if answer.stdout.strip() else []
    return []
