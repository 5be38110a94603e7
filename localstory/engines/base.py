"""What every engine promises: small protocols, the values that go in, and the events that stream out.

An engine is one file, one line in `registry.py`, one test class (tests/contracts). Each call streams events and ends
with its result, or raises: `CannotContinue` when the world is in the way. Cancel the task, or close the iterator, to
stop: within half a second the engine is idle and nothing half-made is left under a final name.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from localstory.errors import CannotContinue
from localstory.events import Progress
from localstory.words import mark

T = TypeVar("T")
Stream: TypeAlias = AsyncGenerator[T, None]
"""Events as they come; close it (`contextlib.aclosing`) or cancel its task to stop."""

OnProgress: TypeAlias = Callable[[Progress], None]
"""Hears how far slow work is that has no stream of its own."""

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine is and can do, for people and for recipes."""

    name: str
    """As in the registry: "llama_cpp", "piper", "builtin", "film", "fake"."""
    version: str
    model: str = ""
    """The model's or voice's own name; empty for engines without one."""
    model_sha256: str = ""
    """Of the model's file; empty until somebody needed it (recipes do)."""
    context_length: int | None = None
    parameters: int | None = None
    languages: tuple[str, ...] = ()
    """Language codes it can read or speak ("en"); empty when unknown."""
    details: dict[str, Any] = field(default_factory=dict)


# -- text -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to be called; the caller calls it and sends the answer as a message of role "tool"."""

    name: str
    description: str = ""
    parameters: str = '{"type": "object", "properties": {}}'
    """The JSON schema of its arguments, as text."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asks to be called."""

    name: str
    arguments: str
    """A JSON object, as text."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message: what it asked for."""
    tool_call_id: str = ""
    """Of a tool's message: which call it answers."""


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter (a GGUF file) laid over the model's weights."""

    path: Path
    strength: float = 1.0
    """0 changes nothing, 1 is as trained; beyond and below are allowed."""


SAMPLERS: tuple[str, ...] = ("penalties", "dry", "top_n_sigma", "top_k", "typical", "top_p", "min_p", "xtc", "temperature")
"""Every sampler that `Sampling.order` may name, in the default order (llama.cpp's own)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen.

    First grammar and logit bias, then the samplers in `order`, then one token is drawn. A sampler that `order` leaves out is
    not used; one whose values change nothing costs nothing. With `temperature` 0 only penalties and DRY are used, then the
    likeliest token is taken. With `mirostat` the draw is mirostat's own, after penalties, DRY and temperature alone.
    Values out of range are a `BadRequest` that names the field.
    """

    temperature: float = 0.8
    """Logits are divided by it. From 0."""
    top_k: int = 40
    """Keep the k likeliest; 0 is off."""
    top_p: float = 0.95
    """Keep the likeliest whose probabilities sum to p; 1 is off."""
    min_p: float = 0.05
    """Keep what is at least this share of the likeliest one's probability; 0 is off."""
    repeat_penalty: float = 1.0
    """Positive logits of tokens seen lately are divided by it, negative ones multiplied. Above 0; 1 is off."""
    repeat_last_n: int = 64
    """How many of the last tokens, prompt included, all three penalties look at; 0 is none, -1 the whole context."""
    seed: int | None = None
    """Same seed, same request, same machine: same text. None draws one; the reply says which."""
    frequency_penalty: float = 0.0
    """Taken from a token's logit for each time it was seen lately. -2 to 2; 0 is off."""
    presence_penalty: float = 0.0
    """Taken once from the logit of each token seen lately. -2 to 2; 0 is off."""
    typical_p: float = 1.0
    """Keep the tokens whose surprise is nearest to the expected one, up to this probability; 1 is off."""
    top_n_sigma: float = 0.0
    """Keep what is within n standard deviations of the highest logit; 0 is off."""
    xtc_probability: float = 0.0
    """How often all choices above `xtc_threshold` but the least likely of them are taken away; 0 is off."""
    xtc_threshold: float = 0.1
    """0 to 0.5; above 0.5 there are never two such choices."""
    dry_multiplier: float = 0.0
    """A token that would go on with a repetition of n tokens loses multiplier * base ** (n - allowed). 0 is off."""
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_last_n: int = -1
    """How far back DRY looks, in tokens; -1 is the whole context, 0 is off."""
    dry_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    """Repetitions are not counted across these texts."""
    dynatemp_range: float = 0.0
    """The temperature moves between `temperature` less and plus this, with the entropy; 0 is off."""
    dynatemp_exponent: float = 1.0
    mirostat: bool = False
    """Mirostat 2: holds the surprise of each token near `mirostat_tau` (bits); `mirostat_eta` is how fast it learns."""
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: tuple[tuple[int | str, float], ...] = ()
    """(token, bias) pairs: a token's number, or a text whose every token is meant. -inf forbids."""
    banned_phrases: tuple[str, ...] = ()
    """Texts that never appear, however their tokens are cut; letter case and kind of white space do not matter."""
    order: tuple[str, ...] = SAMPLERS
    """The samplers used, first to last; each name of `SAMPLERS` at most once."""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What to write: a conversation (`messages`), or a page to go on with (`prompt`); one of the two."""

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    max_tokens: int = 512
    """At most this many new tokens; less if the context length ends first."""
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    """Texts that end the reply; they are not part of it. Thoughts are not searched."""
    json_schema: str | None = None
    """A JSON schema (as text) that the reply must satisfy."""
    score: bool = False
    """Also work out `Reply.mean_logprob`; costs a few per cent of the speed."""
    grammar: str | None = None
    """A GBNF grammar that the reply must satisfy; its first rule is "root". Not together with `json_schema`."""
    logprobs: int = 0
    """With 1 to 20, each piece brings its tokens with as many likeliest alternatives; 0 is off."""
    prefill: str = ""
    """The reply to `messages` begins with this text: it comes as the first piece and is part of `Reply.text`."""
    continue_last: bool = False
    """Go on with the last message, which is the assistant's. `Reply.text` is only what is new."""
    thinking: bool | None = None
    """Asks a model whose template knows the switch to think first, or not to; None is the model's own habit."""
    tools: tuple[Tool, ...] = ()
    """What the model may ask to be called, where its template knows tools."""
    tool_choice: str = "auto"
    """"auto", "none", "required" (it must call one), or the name of the one it must call."""
    loras: tuple[Lora, ...] = ()
    """Adapters for this reply; changed without loading the model again."""
    lookup: bool | None = None
    """Guess next tokens from what stands in the prompt (the text stays what it would be); None lets the engine decide."""
    private: bool = False
    """Nothing of this request is kept on the disk (a temporary chat)."""


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token that was or could have been written."""

    token: bytes
    """Its text; may be a part of a character. Empty for control tokens."""
    logprob: float
    """Natural logarithm of its probability under the model, before any sampler."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A written token, and the likeliest ones at its place, likeliest first (it may be among them)."""

    token: bytes
    logprob: float
    alternatives: tuple[TokenChoice, ...] = ()


PieceKind: TypeAlias = Literal["answer", "reasoning"]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """The next words of a reply, always whole characters."""

    text: str
    kind: PieceKind = "answer"
    """Thoughts ("reasoning") come before the answer, without the marks that frame them."""
    tokens: tuple[TokenLogprob, ...] = ()
    """With `TextRequest.logprobs`: the tokens whose text ends in this piece."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply. `reused_tokens` of the prompt did not have to be evaluated again."""

    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds by stage. `tokens_per_second` is (generated - 1) / (last - first token); None below two tokens."""

    load_s: float
    prompt_s: float
    generate_s: float
    first_token_s: float
    tokens_per_second: float | None


StopReason: TypeAlias = Literal["end", "stop", "length", "context"]
"""The model ended · a stop text came · max_tokens reached · the context length is used up."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something about a reply that a person should know, worded when shown (`words.fill`)."""

    template: str
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """The last event of a reply."""

    text: str
    """The answer, without thoughts."""
    usage: Usage
    timing: Timing
    stop_reason: StopReason
    model: str
    engine: str
    seed: int
    mean_logprob: float | None = None
    """Mean natural-log probability of the generated tokens under the model (before sampling); None where not known."""
    reasoning: str = ""
    """What the model thought before it answered; never part of `text`."""
    tool_calls: tuple[ToolCall, ...] = ()
    """What the model asks to be called; its words are not part of `text`."""
    made_with: dict[str, Any] = field(default_factory=dict)
    """Settings of the engine that decide which text comes out: kept with the reply, so that it can be explained."""
    warnings: tuple[Warned, ...] = ()
    """What was done otherwise than asked."""


TextEvent: TypeAlias = Progress | TextPiece | Reply


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Texts as vectors, for search by meaning: the nearer two texts, the larger the sum of the products of their numbers."""

    vectors: tuple[tuple[float, ...], ...]
    """Shape (texts, dimensions), in the order of the texts; each of length 1 (L2)."""
    tokens: int
    """Of all texts, the model's own begin and end marks among them; an estimate where a server doesn't say."""
    model: str


class PromptTooLong(CannotContinue):
    """The request does not fit into the context length; nothing was evaluated."""

    code = "prompt_too_long"

    def __init__(self, prompt_tokens: int, context_length: int) -> None:
        super().__init__(
            title=mark("The text is too long for this model"),
            detail=mark("It has {prompt_tokens} tokens; the context length is {context_length}."),
            hint=mark("Shorten the text, or choose a model with a longer context."),
            prompt_tokens=prompt_tokens,
            context_length=context_length,
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


class TextEngine(Protocol):
    """A language model that can be asked. Loads itself at the first need."""

    def describe(self) -> EngineFacts:
        """What it is; cheap, never loads."""

    def reply(self, request: TextRequest) -> Stream[TextEvent]:
        """Stream the reply; the last event is the `Reply`. Raises `PromptTooLong` before any work when it can't fit."""

    async def count_tokens(self, text: str) -> int:
        """How many tokens this text is for this model."""

    async def count_many(self, texts: Sequence[str], report: OnProgress | None = None) -> list[int]:
        """How many tokens each text is for this model, as a message's content: one question to the engine for all of them.

        `report` hears the model load when it must. Exact where the engine has the tokeniser; one without it gives a careful estimate.
        """

    async def count_prompt(self, messages: Sequence[Message], report: OnProgress | None = None) -> int:
        """What `Usage.prompt_tokens` of a reply to these messages will be, the chat template's own tokens included."""

    async def embed(self, texts: Sequence[str], report: OnProgress | None = None) -> Embeddings:
        """Each text as a vector. Same text, same vector, whatever stands beside it; no text is cut.

        Raises PromptTooLong for one that doesn't fit, BadRequest for an empty one and for a model that can't. `report` hears the model
        load and how far it is. Cancel the task to stop.
        """

    async def close(self) -> None:
        """End its child, free its memory. Closing twice is harmless."""


# -- pictures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """Somebody who looks the same in every picture: from the story's bible."""

    name: str
    kind: str
    """What it is in one English word: "girl", "boy", "woman", "man", "fox", "dragon", "robot", …"""
    colours: tuple[str, ...] = ()
    """Its colours as #rrggbb, main colour first; empty: the engine chooses from `name` and keeps to it."""
    item: str = ""
    """A thing that is always with it ("red scarf", "lantern"), in English; may be empty."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A picture for a scene."""

    text: str
    """What happens in the scene, as it is told."""
    out: Path
    """Where the PNG goes; written whole or not at all."""
    width: int = 1280
    height: int = 720
    seed: int = 0
    cast: tuple[Figure, ...] = ()
    """Everybody in the bible; the engine shows those whom the text mentions."""
    place: str = ""
    """Where the story plays when the text doesn't say, in English."""
    title: str = ""
    """For title cards: the words on the card."""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """The last event of a drawing."""

    path: Path
    made_of: dict[str, Any]
    """What the engine decided (setting, time, weather, figures, props, mood, alt text …): goes into the recipe."""


ImageEvent: TypeAlias = Progress | Picture


class ImageEngine(Protocol):
    """Draws or generates pictures."""

    def describe(self) -> EngineFacts:
        """What it is. `details["generated"]` is True for image models, False for drawings."""

    def draw(self, request: ImageRequest) -> Stream[ImageEvent]:
        """Draw; the last event is the `Picture`. Same request, same engine: same bytes."""

    async def close(self) -> None:
        """Free its memory."""


# -- speech -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to be read aloud."""

    text: str
    out: Path
    """Where the WAV goes (mono, 16 bit); written whole or not at all."""
    language: str
    """Of the text; a voice of another language refuses it (`WrongLanguage`)."""
    speed: float = 1.0
    """1.0 is the voice's own; 0.9 is slower."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the text as written, and when it is heard: seconds from the start of the file."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence of the text as written, with its words."""

    text: str
    start_s: float
    end_s: float
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class Speech:
    """The last event of a reading."""

    path: Path
    seconds: float
    sample_rate: int
    sentences: tuple[SpokenSentence, ...]


SpeechEvent: TypeAlias = Progress | Speech


class SpeechEngine(Protocol):
    """A voice."""

    def describe(self) -> EngineFacts:
        """`model` is the voice's name, `languages` what it speaks, `details` its licence and sample rate."""

    def speak(self, request: SpeechRequest) -> Stream[SpeechEvent]:
        """Read aloud; the last event is the `Speech`."""

    async def close(self) -> None:
        """End its child."""


# -- film -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Camera:
    """A slow move over a picture: from one box to another, each (left, top, width) as shares of the picture.

    The box has the film's shape, so its height follows. (0, 0, 1) shows all of it.
    """

    start: tuple[float, float, float] = (0.0, 0.0, 1.0)
    end: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture for a while: `frames` of it in all, crossfades with its neighbours included."""

    picture: Path
    frames: int
    camera: Camera = Camera()


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """A run of frames to encode: of one shot, or a crossfade from `shot` to `into`.

    Frames `first` to `first + count` (exclusive) of `shot`; in a crossfade, frame i of it blends with frame i of
    `into`'s beginning, from almost all `shot` to almost all `into`.
    """

    shot: Shot
    first: int
    count: int
    out: Path
    into: Shot | None = None
    width: int = 1280
    height: int = 720
    fps: int = 24
    crf: int = 20
    preset: str = "medium"


@dataclass(frozen=True, slots=True)
class Sound:
    """A WAV that starts at a frame of the film."""

    path: Path
    start_frame: int


@dataclass(frozen=True, slots=True)
class Caption:
    """Words on the caption track, seconds from the film's start."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of the film, seconds from its start."""

    title: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SoundRequest:
    """The film's whole sound: every voice at its place, made even and brought to the loudness of films for the web."""

    sounds: tuple[Sound, ...]
    frames: int
    """Of the film: the sound is exactly as long, to the sample."""
    out: Path
    """A 48 kHz WAV."""
    fps: int = 24
    loudness_lufs: float = -16.0
    true_peak_db: float = -1.5


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """Join finished segments and the sound into one MP4."""

    segments: tuple[Path, ...]
    sound: Path
    out: Path
    language: str = "en"
    captions: tuple[Caption, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    """title, artist, date, description, comment, genre …"""
    cover: Path | None = None
    fps: int = 24


@dataclass(frozen=True, slots=True)
class Filmed:
    """The last event of each of the film engine's calls."""

    path: Path
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)


FilmEvent: TypeAlias = Progress | Filmed


class FilmEngine(Protocol):
    """Turns pictures and voices into a film."""

    def describe(self) -> EngineFacts:
        """`details` has the versions of MoviePy and ffmpeg."""

    def segment(self, request: SegmentRequest) -> Stream[FilmEvent]:
        """Encode a run of frames (H.264, yuv420p, BT.709, starts with a key frame, no sound)."""

    def sound(self, request: SoundRequest) -> Stream[FilmEvent]:
        """Mix and level the sound; `facts` has `lufs` and `true_peak_db` as measured."""

    def join(self, request: FilmRequest) -> Stream[FilmEvent]:
        """Join without encoding the pictures again; AAC sound, captions, chapters, tags, faststart."""

    async def close(self) -> None:
        """End its child."""
