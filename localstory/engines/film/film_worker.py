"""The film's child: composes, encodes, mixes and joins, one thing at a time. See `film.py` for its other side."""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.children.tool import ToolCancelled, ToolResult
from localstory.children.worker import Cancelled, Job, Refused, serve
from localstory.engines.base import Caption, Chapter
from localstory.engines.film import captions as caption_files
from localstory.engines.film import join, sound
from localstory.engines.film.boxes import NotOurMp4, VideoTrack, read_video_track
from localstory.engines.film.ffmpeg import FfmpegFailed, FfmpegMissing, call, ffmpeg_version, the_ffmpeg
from localstory.engines.film.saving import part_of, put_in_place
from localstory.words import mark

if TYPE_CHECKING:
    from localstory.engines.film.compositor import FrameSource, Planes

_FILMING, _MIXING, _JOINING = mark("Filming"), mark("Mixing the sound"), mark("Joining the film")
_MASTERS_KEPT = 2
_FULL = ("No space left on device", "File too large", "Disk quota exceeded", "Read-only file system", "Permission denied")
_OVER_THE_LIMIT = -25
"""How ffmpeg ends on SIGXFSZ: more bytes in one file than its person allows (`ulimit -f`)."""
COVER_WIDTH = 1280


class FilmWorker:
    """Speaks for MoviePy and ffmpeg."""

    def __init__(self) -> None:
        self._masters: OrderedDict[tuple[object, ...], Planes] = OrderedDict()

    def facts(self) -> dict[str, object]:
        return {}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        ops: dict[str, Callable[[dict[str, Any], Job], dict[str, object]]] = {"segment": self._segment, "sound": self._sound, "join": self._join}
        if op not in ops:
            raise Refused("unknown_op", op=op)
        try:
            return ops[op](args, job)
        except FfmpegMissing as error:
            raise Refused("ffmpeg_missing", looked_at=error.values["looked_at"]) from error
        except FfmpegFailed as error:
            if error.exit_code == _OVER_THE_LIMIT:
                raise Refused("unwritable", path=args["out"], reason="File too large") from error
            for cause in _FULL:
                if cause in error.said:
                    raise Refused("unwritable", path=args["out"], reason=cause) from error
            raise Refused("ffmpeg_failed", reason=error.said) from error
        except ToolCancelled as error:
            raise Cancelled from error

    # -- pictures -----------------------------------------------------------------------------------------------------

    def _segment(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        ffmpeg = the_ffmpeg()
        os.environ["FFMPEG_BINARY"] = str(ffmpeg)  # MoviePy looks for one when it is imported
        # Not at the top: mixing and joining need neither of them.
        from localstory.engines.film.compositor import crossfade
        from localstory.engines.film.encode import Encoding, write_segment

        film = (int(args["width"]), int(args["height"]))
        source = self._source(args["shot"], film)
        job.check()
        first, count = int(args["first"]), int(args["count"])

        def frame_of_shot(number: int) -> Planes:
            return source.frame(first + number)

        frame: Callable[[int], Planes] = frame_of_shot
        if args["into"] is not None:
            other = self._source(args["into"], film)
            frame = crossfade(source.frame, other.frame, first, count)
        encoding = Encoding(*film, fps=int(args["fps"]), crf=int(args["crf"]), preset=str(args["preset"]))
        job.progress(_FILMING, 0, count)

        def on_frame(number: int) -> None:
            if number % 8 == 0:
                job.progress(_FILMING, number, count)

        try:
            write_segment(ffmpeg, frame, count, encoding, Path(args["out"]), stop=job.check, on_frame=on_frame)
        except FileNotFoundError as error:
            if error.filename == str(ffmpeg):
                raise FfmpegMissing(str(ffmpeg)) from error
            raise
        job.progress(_FILMING, count, count)
        return {"seconds": count / encoding.fps, "frames": count}

    def _source(self, shot: dict[str, Any], film: tuple[int, int]) -> FrameSource:
        from localstory.engines.film.compositor import FrameSource, Move, PictureBroken, make_master, master_size, planes_of

        path = Path(shot["picture"])
        start, end = (_place(shot[name]) for name in ("start", "end"))
        size = master_size(start, end, film)
        try:
            stat = path.stat()
            key = (str(path), stat.st_mtime_ns, stat.st_size, size, film)
            if key not in self._masters:
                # Room first: two masters and a third in the making would be the peak of our memory.
                while len(self._masters) >= _MASTERS_KEPT:
                    self._masters.popitem(last=False)
                self._masters[key] = planes_of(make_master(path, size, film))
        except FileNotFoundError as error:
            raise Refused("missing", path=str(path)) from error
        except PictureBroken as error:
            raise Refused("broken", path=str(path), reason=str(error)) from error
        self._masters.move_to_end(key)
        return FrameSource(self._masters[key], Move(start, end, int(shot["frames"])), film)

    # -- sound --------------------------------------------------------------------------------------------------------

    def _sound(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        ffmpeg, out, fps, frames = the_ffmpeg(), Path(args["out"]), int(args["fps"]), int(args["frames"])
        samples = sound.sample_at(frames, fps)
        target, ceiling = float(args["loudness_lufs"]), float(args["true_peak_db"]) - sound.HEADROOM_DB
        steps = len(args["sounds"]) + 4
        files: list[Path] = []

        def step(number: float) -> None:
            job.check()
            job.progress(_MIXING, frames * min(1.0, number / steps), frames)

        part = part_of(out)
        try:
            voices = []
            for k, (path, start_frame) in enumerate(args["sounds"]):
                step(k)
                files.append(job.folder / f"voice-{k}.f32")
                try:
                    self._call(ffmpeg, sound.read_arguments(Path(path), files[-1]), job)
                except FfmpegFailed as error:
                    if any(cause in error.said for cause in _FULL):
                        raise
                    raise Refused("missing" if not Path(path).is_file() else "broken", path=path, reason=error.said) from error
                first = sound.sample_at(start_frame, fps)
                overrun = first + files[-1].stat().st_size // 4 - samples
                if overrun > sound.sample_at(1, fps):
                    raise Refused("nonsense", what=f"{path} is {overrun / sound.RATE:.2f} s longer than the film")
                voices.append((files[-1], first))
            mix = job.folder / "mix.f32"
            files.append(mix)
            audible = sound.place(voices, samples, mix)
            step(len(voices) + 1)
            before = sound.parse_loudness(self._call(ffmpeg, sound.measure_arguments(mix), job).stderr) if audible else sound.Loudness(None, None)
            gain = 0.0 if before.lufs is None else min(sound.LARGEST_GAIN_DB, target - before.lufs)
            after = sound.Loudness(None, None)
            # The limiter takes some loudness back, so the gain is found in a few rounds.
            for attempt in range(4):
                step(len(voices) + 2 + attempt / 2)
                arguments = sound.level_arguments(mix, part, gain_db=gain, ceiling_db=ceiling, samples=samples)
                after = sound.parse_loudness(self._call(ffmpeg, arguments, job).stderr)
                if after.lufs is None or abs(target - after.lufs) <= sound.TOLERANCE_LU / 2 or gain >= sound.LARGEST_GAIN_DB:
                    break
                gain = min(sound.LARGEST_GAIN_DB, gain + target - after.lufs)
            put_in_place(part, out)
        finally:
            part.unlink(missing_ok=True)
            for file in files:
                file.unlink(missing_ok=True)
        job.progress(_MIXING, frames, frames)
        return {"seconds": samples / sound.RATE, "samples": samples, "lufs": after.lufs, "true_peak_db": after.true_peak_db, "gain_db": round(gain, 2)}

    # -- the film -----------------------------------------------------------------------------------------------------

    def _join(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        ffmpeg, out, fps = the_ffmpeg(), Path(args["out"]), int(args["fps"])
        tracks = _alike([Path(name) for name in args["segments"]], fps)
        frames = sum(track.frames for track in tracks)
        concat, metadata, srt, cover = (job.folder / name for name in ("segments.txt", "film.txt", "captions.srt", "cover.jpg"))
        part = part_of(out)
        linked: list[Path] = []
        job.progress(_JOINING, 0, frames)

        def on_line(line: str) -> None:
            at = join.parse_frame(line)
            if at is not None:
                job.progress(_JOINING, min(at, frames), frames)

        try:
            segments = [_one_line(Path(name), job.folder / f"segment-{number}.mp4") for number, name in enumerate(args["segments"])]
            linked = [path for path in segments if path.parent == job.folder]
            concat.write_text(join.concat_list(segments), "utf-8", newline="\n")
            chapters = [Chapter(str(title), start, end) for title, start, end in args["chapters"]]
            metadata.write_text(join.metadata_file(args["tags"], chapters), "utf-8", newline="\n")
            captions = caption_files.srt(Caption(str(text), start, end) for text, start, end in args["captions"])
            srt.write_text(captions, "utf-8", newline="\n")
            if args["cover"] is not None:
                _write_cover(Path(args["cover"]), cover)
            arguments = join.join_arguments(
                concat=concat, sound=Path(args["sound"]), metadata=metadata, captions=srt if captions.strip() else None,
                cover=cover if args["cover"] is not None else None, language=str(args["language"]), out=part,
            )  # fmt: skip
            self._call(ffmpeg, arguments, job, on_line)
            # What people hear is the sound after the encoder.
            heard = sound.parse_loudness(self._call(ffmpeg, sound.hear_arguments(part), job).stderr)
            put_in_place(part, out)
        finally:
            for file in (*linked, part, concat, metadata, srt, cover):
                file.unlink(missing_ok=True)
        job.progress(_JOINING, frames, frames)
        return {
            "seconds": frames / fps, "frames": frames, "width": tracks[0].width, "height": tracks[0].height, "ffmpeg": ffmpeg_version(ffmpeg),
            "lufs": heard.lufs, "true_peak_db": heard.true_peak_db,
        }  # fmt: skip

    def _call(self, ffmpeg: Path, arguments: Sequence[str | Path], job: Job, on_line: Callable[[str], None] | None = None) -> ToolResult:
        job.check()
        return call(ffmpeg, arguments, should_stop=lambda: job.cancelled, on_line=on_line)


def _place(values: Sequence[float]) -> tuple[float, float, float]:
    left, top, width = values
    return (float(left), float(top), float(width))


def _alike(segments: Sequence[Path], fps: int) -> list[VideoTrack]:
    """The tracks of all segments, which must be of one kind: else players would show a broken film. Raises Refused."""
    tracks: list[VideoTrack] = []
    for segment in segments:
        try:
            track = read_video_track(segment)
        except FileNotFoundError as error:
            raise Refused("missing", path=str(segment)) from error
        except NotOurMp4 as error:
            raise Refused("broken", path=str(segment), reason=str(error)) from error
        if track.deltas != (track.timescale // fps,) or track.timescale % fps:
            raise Refused("nonsense", what=f"{segment.name} does not have {fps} frames a second")
        first = tracks[0] if tracks else track
        if (track.width, track.height) != (first.width, first.height):
            raise Refused("nonsense", what=f"{segment.name} is {track.width}x{track.height}, the first part {first.width}x{first.height}")
        if track.decoder != first.decoder or track.timescale != first.timescale:
            raise Refused("nonsense", what=f"{segment.name} was encoded with other settings than the first part")
        tracks.append(track)
    return tracks


def _one_line(segment: Path, other_name: Path) -> Path:
    """The segment under a name that the concat demuxer can read: it reads lines, and a name may hold line breaks."""
    if not any(c in str(segment) for c in "\r\n"):
        return segment
    try:
        os.link(segment, other_name)
    except OSError:  # another disk, or one without links
        shutil.copyfile(segment, other_name)
    return other_name


def _write_cover(picture: Path, out: Path) -> None:
    """The cover as a JPEG that every player shows, whatever the picture was."""
    from PIL import Image

    from localstory.engines.film.compositor import PictureBroken, open_picture

    try:
        cover = open_picture(picture)
    except FileNotFoundError as error:
        raise Refused("missing", path=str(picture)) from error
    except PictureBroken as error:
        raise Refused("broken", path=str(picture), reason=str(error)) from error
    cover.thumbnail((COVER_WIDTH, COVER_WIDTH), Image.Resampling.LANCZOS)
    cover.save(out, "JPEG", quality=90)


def main() -> None:
    """Be the child; see `children.worker`."""
    serve(FilmWorker)
