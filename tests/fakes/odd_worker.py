"""A child that misbehaves in the way named on its command line: for the tests of our side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from localstory.children import worker
from localstory.children.worker import Job, Refused


class OddWorker:
    def facts(self) -> dict[str, object]:
        if sys.argv[1] == "dies at hello":
            print("GGML_ASSERT(n_tokens > 0) failed", file=sys.stderr, flush=True)
            os.abort()
        return {"odd": sys.argv[1], "environment": dict(os.environ), "nice": os.nice(0)}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        match op:
            case "echo":
                return {"said": args["text"]}
            case "count":
                for number in range(int(args["to"])):
                    job.piece(number=number)
                return {}
            case "slow":
                for step in range(500):
                    job.check()
                    job.progress("slow", step, 500)
                    time.sleep(0.02)
                return {}
            case "deaf":
                job.piece(number=1)
                time.sleep(60)
            case "refuse":
                raise Refused("no_thanks", number=3)
            case "full":
                raise OSError(28, "No space left on device", "/somewhere")
            case "abort":
                print("llama.cpp:123: GGML_ASSERT(hparams.n_layer > 0) failed", file=sys.stderr, flush=True)
                os.abort()
            case "segv":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "bus":
                os.kill(os.getpid(), signal.SIGBUS)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "quits":
                os._exit(0)
            case "garbage":
                os.write(worker_line_fd(), b"this is not json\n\xff\xfe\n[1,2]\n{}\n")
                return {"fine": True}
            case "endless line":
                os.write(worker_line_fd(), b"x" * (3 << 20))
                time.sleep(60)
            case "prints":
                print("native code prints to fd 1")
                os.system("echo and so does its child")
                return {"fine": True}
            case "stops":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "with a child":
                child = subprocess.Popen(["sleep", "300"])
                job.piece(pid=child.pid)
                time.sleep(60)
        return {}


def worker_line_fd() -> int:
    """The private copy of fd 1: the highest descriptor that is a pipe we can write to."""
    return line_fd


line_fd = -1


def main() -> None:
    global line_fd
    duplicate = os.dup

    def remember(fd: int) -> int:
        global line_fd
        line_fd = duplicate(fd)
        return line_fd

    os.dup = remember
    if sys.argv[1] == "never ready":
        time.sleep(60)
    worker.serve(OddWorker)


if __name__ == "__main__":
    main()
