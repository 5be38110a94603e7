"""Speech and pictures of servers beyond the contracts: formats, sizes, addresses, bad answers, and who is known to offer them."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from localstory.engines.base import Figure, ImageRequest, SpeechRequest
from localstory.engines.image.openai_image import OpenAIImages, fitted, prompt_of, size_to_ask
from localstory.engines.media import media_of
from localstory.engines.registry import open_image_engine, open_server_speech
from localstory.engines.speech.openai_speech import OpenAISpeech, spread
from localstory.engines.speech.wav import NotWav, read_wav
from localstory.engines.text.discovery import recognise
from localstory.engines.text.endpoint import KeyNeeded, NoSuchModel
from localstory.errors import CannotContinue
from localstory.net import Net
from localstory.net.errors import BadAnswer, Offline
from localstory.net.live import LivePatience
from tests.contracts.image_contract import picture_of
from tests.contracts.speech_contract import speech_of
from tests.fakes.media_server import RATE, MediaServer, wav
from tests.fakes.odd_text_server import OddServer, Script, head, plays, repeats, resets, stalls

PATIENCE = LivePatience(connect_seconds=1.0, first_seconds=0.8, idle_seconds=0.6, total_seconds=3.0)


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as server:
        server.seconds_per_megapixel = 0.0
        yield server


@pytest.fixture
def asked(tmp_path: Path) -> ImageRequest:
    return ImageRequest("Mia ran home.", tmp_path / "a.png", 1280, 720, 7)


# -- speech -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["s16", "s24", "f32", "stereo", "streamed"])
def test_every_kind_of_wav_is_the_same_sound(form: str) -> None:
    plain, rate = read_wav(wav("the sea", 1.0))
    audio, other = read_wav(wav("the sea", 1.0, form))
    assert rate == other == RATE and audio.dtype == np.float32
    assert len(audio) == len(plain) and float(np.abs(audio - plain).max()) < 1e-4


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", wav("a", 1.0)[:30], b"\0" * 100])
def test_what_is_no_wav_is_refused(content: bytes) -> None:
    with pytest.raises(NotWav):
        read_wav(content)


@pytest.mark.parametrize("cut", range(58, 110, 7))
def test_a_cut_wav_is_what_came(cut: int) -> None:
    assert len(read_wav(wav("a", 1.0)[:cut])[0]) == max(0, (cut - 56) // 2)


@pytest.mark.parametrize(("form", "says"), [("mp3", "MP3"), ("html", "text/html"), ("silence", "silence")])
async def test_another_format_is_refused_by_name_and_leaves_nothing(server: MediaServer, tmp_path: Path, form: str, says: str) -> None:
    server.sound_format = form
    with pytest.raises(BadAnswer, match=says):
        await speech_of(OpenAISpeech(server.url), SpeechRequest("The sea.", tmp_path / "a.wav", "en"))
    assert list(tmp_path.iterdir()) == []


async def test_a_breath_is_a_question_with_model_voice_and_speed(server: MediaServer, tmp_path: Path) -> None:
    engine = open_server_speech(f"{server.url}/v1#kokoro-tts/af_bella")
    speech = await speech_of(engine, SpeechRequest("The sea is wide. It has 12 ships!", tmp_path / "a.wav", "en", speed=0.9))
    bodies = [one.body for one in server.requests if one.method == "POST"]
    assert [body["input"] for body in bodies] == ["The sea is wide.", "It has twelve ships!"]
    assert all((body["model"], body["voice"], body["speed"], body["response_format"]) == ("kokoro-tts", "af_bella", 0.9, "wav") for body in bodies)
    assert [word.text for sentence in speech.sentences for word in sentence.words] == "The sea is wide. It has 12 ships!".split()
    assert "spread" in engine.describe().details["word_times"]


async def test_without_a_name_the_model_that_sounds_like_speech_is_taken(server: MediaServer, tmp_path: Path) -> None:
    engine = OpenAISpeech(server.url)
    await speech_of(engine, SpeechRequest("The sea.", tmp_path / "a.wav", "en"))
    assert server.requests[-1].body["model"] == "kokoro-tts" and engine.describe().model == f"alloy@127.0.0.1:{server.port}"


async def test_a_voice_of_unknown_language_takes_any_and_a_text_that_contradicts_none(server: MediaServer, tmp_path: Path) -> None:
    engine = OpenAISpeech(server.url)
    assert (await speech_of(engine, SpeechRequest("Con đường về nhà rất đẹp.", tmp_path / "a.wav", "vi"))).sentences
    with pytest.raises(CannotContinue) as refusal:
        await speech_of(engine, SpeechRequest("Ngày xửa ngày xưa, có một cô bé tên là Mai sống bên bờ biển.", tmp_path / "b.wav", "en"))
    assert refusal.value.code == "wrong_language"


def test_words_are_spread_over_the_whole_breath() -> None:
    spans = spread(("twelve", "", "ships,", "sail"), 1000)
    assert spans[0][0] == 0 and spans[-1][1] == 1000 and spans[1][0] == spans[1][1]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert spans[2][1] - spans[2][0] > spans[3][1] - spans[3][0]


# -- pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(1280, 720, (1280, 704)), (320, 192, (448, 256)), (4096, 4096, (1024, 1024)), (256, 256, (256, 256)), (720, 1280, (704, 1280))],
)
def test_the_size_asked_for_has_the_shape_wanted(width: int, height: int, size: tuple[int, int]) -> None:
    assert size_to_ask(width, height) == size


def test_of_offered_sizes_the_nearest_shape_is_asked_for() -> None:
    offered = ((1024, 1024), (1536, 1024), (1024, 1536), (512, 512))
    assert size_to_ask(1280, 720, offered) == (1536, 1024)
    assert size_to_ask(180, 320, offered) == (1024, 1536)
    assert size_to_ask(64, 64, offered) == (1024, 1024)
    assert size_to_ask(64, 64, ()) is None


def test_another_shape_is_cropped_around_the_middle_and_told() -> None:
    image = Image.new("RGB", (100, 100), "blue")
    image.paste((255, 0, 0), (0, 0, 100, 20))
    made, how = fitted(image, 200, 100)
    assert made.size == (200, 100) and how == {"got_size": [100, 100], "cropped": 0.5, "scaled": 2.0}
    assert made.getpixel((100, 10)) == (0, 0, 255)  # the red lay in what was cut off
    assert fitted(image, 100, 100)[1]["cropped"] == 0.0


async def test_what_a_server_does_not_know_is_left_out_and_told(server: MediaServer, asked: ImageRequest) -> None:
    server.takes_seed = server.takes_format = False
    server.sizes = ["1024x1024", "1536x1024"]
    engine = open_image_engine(server.url)
    made_of = (await picture_of(engine, asked)).made_of
    bodies = [one.body for one in server.requests if one.method == "POST"]
    assert len(bodies) == 4 and set(bodies[-1]) == {"prompt", "n", "model", "size"} and bodies[-1]["size"] == "1536x1024"
    assert made_of["seed"] is None and made_of["asked_size"] == [1536, 1024] and made_of["got_size"] == [1536, 1024] and 0.15 < made_of["cropped"] < 0.16
    await picture_of(engine, replace(asked, seed=8))
    assert len([one for one in server.requests if one.method == "POST"]) == 5  # what was learnt stays known


async def test_the_picture_says_that_a_model_made_it_and_not_our_illustrator(server: MediaServer, asked: ImageRequest) -> None:
    engine = open_image_engine(f"{server.url}#sd-turbo")
    picture = await picture_of(engine, asked)
    assert engine.describe().details["generated"] is True and "AI image model" in picture.made_of["label"] and "sd-turbo" in picture.made_of["label"]
    with Image.open(picture.path) as image:
        assert "AI image model (sd-turbo" in image.info["Description"] and "not an AI" not in image.info["Description"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_png_jpeg_and_webp_are_read(server: MediaServer, asked: ImageRequest, kind: str) -> None:
    server.image_format = kind
    assert (await picture_of(open_image_engine(server.url), asked)).made_of["got_size"] == [1280, 704]


@pytest.mark.parametrize("address", ["{own}/generated/1.png", "/generated/1.png"])
async def test_an_address_on_the_same_server_is_fetched(server: MediaServer, asked: ImageRequest, address: str) -> None:
    server.answers_with = address
    assert (await picture_of(open_image_engine(server.url), asked)).path.exists()


@pytest.mark.parametrize(
    "address", ["http://localhost:9/a.png", "https://example.com/a.png", "file:///etc/hostname", "//example.com/a.png", "http://127.0.0.1:9/a", "http://[/"]
)
async def test_an_address_anywhere_else_is_not(server: MediaServer, asked: ImageRequest, address: str) -> None:
    server.answers_with = address
    with Net() as net:
        with pytest.raises(BadAnswer, match="another server"):
            await picture_of(OpenAIImages(server.url, net=net), asked)
        assert {one.host for one in net.connections()} == {"127.0.0.1"}
    assert not asked.out.exists()


def bomb() -> bytes:
    out = io.BytesIO()
    Image.new("L", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("content", [b"", b"hello", b"GIF89a" + b"\0" * 50, b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
async def test_what_is_no_picture_is_refused(server: MediaServer, asked: ImageRequest, content: bytes) -> None:
    server.image_bytes = content
    with pytest.raises(BadAnswer):
        await picture_of(open_image_engine(server.url), asked)
    assert list(asked.out.parent.iterdir()) == []


async def test_a_picture_that_would_fill_the_memory_is_refused(server: MediaServer, asked: ImageRequest) -> None:
    server.image_bytes = bomb()
    with pytest.raises(BadAnswer):
        await picture_of(open_image_engine(server.url), asked)


def test_the_prompt_names_who_is_in_the_scene_and_how_they_look() -> None:
    mia, tom = Figure("Mia", "girl", ("#d94f45", "#f3c55b"), "lantern"), Figure("Tom", "fox", ("#e08030",))
    prompt = prompt_of(ImageRequest("Mia walks at night.", Path("x"), cast=(mia, tom), place="the forest"))
    assert "Mia is a girl in red and yellow with a lantern" in prompt and "Tom" not in prompt and "in the forest" in prompt


# -- both ---------------------------------------------------------------------------------------------------------------


async def test_refusals_are_those_of_all_servers(tmp_path: Path, asked: ImageRequest) -> None:
    with MediaServer(key="sk-right") as server:
        for engine in (OpenAIImages(server.url, "m", "sk-wrong"), OpenAIImages(server.url, "m")):
            with pytest.raises(KeyNeeded):
                await picture_of(engine, asked)
        with pytest.raises(NoSuchModel):
            await speech_of(OpenAISpeech(server.url, model="nobody", key="sk-right"), SpeechRequest("Hm.", tmp_path / "a.wav", "en"))
    with Net(offline=True) as net, pytest.raises(Offline):
        await picture_of(OpenAIImages("http://203.0.113.7:5001", "m", net=net), asked)


JSON = head("200 OK", "application/json")
ODD: list[tuple[str, Script, str]] = [
    ("closes", plays(), "cut_off"),
    ("resets", resets(JSON), "cut_off"),
    ("stalls", stalls(), "server_too_slow"),
    ("stalls behind the headers", stalls(JSON), "server_too_slow"),
    ("a body without end", repeats(b"x" * (1 << 20), JSON), "bad_answer"),
    ("a page", plays(head("200 OK", "text/html"), "<html>"), "bad_answer"),
    ("500", plays(head("500 Internal Server Error"), '{"error": {"message": "CUDA out of memory"}}'), "server_said"),
    ("an error inside a 200", plays(JSON, '{"error": {"message": "no such thing"}}'), "server_said"),
    ("no data", plays(JSON, '{"created": 1}'), "bad_answer"),
    ("empty data", plays(JSON, '{"data": []}'), "bad_answer"),
    ("data of another kind", plays(JSON, '{"data": [7]}'), "bad_answer"),
    ("letters that are none", plays(JSON, '{"data": [{"b64_json": "%%%"}]}'), "bad_answer"),
    ("deep", plays(JSON, "[" * 100_000), "bad_answer"),
    ("another server", plays(head("302 Found", "text/plain", "Location: http://localhost:9/")), "bad_answer"),
]


@pytest.mark.parametrize(("name", "script", "code"), ODD, ids=[name for name, _script, _code in ODD])
async def test_a_server_that_misbehaves_costs_a_sentence(name: str, script: Script, code: str, asked: ImageRequest, tmp_path: Path) -> None:
    with OddServer() as server:
        server.do(script)
        with pytest.raises(CannotContinue) as drawn:
            await picture_of(OpenAIImages(server.url, "m", patience=PATIENCE), asked)
        assert drawn.value.code == code or (name == "a body without end" and drawn.value.code == "server_too_slow")
        with pytest.raises(CannotContinue) as spoken:
            await speech_of(OpenAISpeech(server.url, model="m", patience=PATIENCE), SpeechRequest("The sea.", tmp_path / "a.wav", "en"))
        assert spoken.value.code in (code, drawn.value.code, "bad_answer")  # JSON is no sound
    assert list(tmp_path.iterdir()) == []


def test_who_offers_what_is_told_by_names_and_by_koboldcpp_itself() -> None:
    media = media_of(["qwen3-4b", "tts-1-hd", "whisper-1", "dall-e-3", "stablediffusion", "kokoro"])
    assert media.speech == ("tts-1-hd", "kokoro") and media.images == ("dall-e-3", "stablediffusion")
    assert media_of(["llama", "llava-vision", "nomic-embed"]) == media_of([])
    extra = {"result": "KoboldCpp", "version": "1.123", "tts": True, "txt2img": False}
    found = recognise("http://127.0.0.1:5001", {"/api/extra/version": extra, "/v1/models": {"data": [{"id": "koboldcpp/x"}]}})
    assert found is not None and (found.media.speech, found.media.images) == (("",), ())
    plain = recognise("http://127.0.0.1:8080", {"/v1/models": json.loads('{"data": [{"id": "tts-1"}, {"id": "flux.1-dev"}]}')})
    assert plain is not None and (plain.media.speech, plain.media.images) == (("tts-1",), ("flux.1-dev",))


async def test_base64_with_a_prefix_is_read(asked: ImageRequest) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    packed = base64.b64encode(out.getvalue()).decode()
    with OddServer() as server:
        server.do(plays(JSON, json.dumps({"data": [{"b64_json": f"data:image/png;base64,{packed}"}]})))
        assert (await picture_of(OpenAIImages(server.url, "m", patience=PATIENCE), asked)).made_of["got_size"] == [64, 64]
