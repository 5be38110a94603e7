"""A Piper voice's ONNX bytes, checked and given two things the published file lacks. Pure: bytes in, bytes out.

1. How long each phoneme is heard. Piper's graph computes it (the output of its only `Ceil` node, in frames) and throws
   it away; naming it as an output of the graph brings it out. Piper does the same with the `onnx` package, which we
   don't need: a protobuf message is a list of fields, and adding one is adding its bytes.
2. Noise from outside. The graph draws its own random numbers, and ONNX Runtime seeds them once per session: the second
   sentence of a session can never be spoken again. Each `RandomNormalLike` node gives way to an input from which the
   graph takes as many numbers as it needs, so that a seed means the same speech in every session.

The messages and field numbers are those of onnx.proto (ONNX IR): ModelProto, GraphProto, NodeProto, TensorProto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from localstory.words import mark

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_OPSET_WITH_SLICE_INPUTS = 10
_INPUTS = {"input", "input_lengths", "scales"}


class NotAVoice(ValueError):
    """These bytes are not a Piper voice; `reason` is a marked message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """A voice ready for ONNX Runtime.

    `noise` names the inputs that want random numbers (flat, float32, as many as you like: too few is an error of the
    run), `taken` the outputs that say how many each of them took; `durations` names the output that has the frames per
    phoneme id, None where the graph hides them.
    """

    content: bytes
    noise: tuple[str, ...]
    taken: tuple[str, ...]
    durations: str | None


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a message: its number, wire type, and where it lies: [tag, start, end) with the value from start."""

    number: int
    wire: int
    tag: int
    start: int
    end: int


def prepare(content: bytes) -> VoiceModel:
    """Check `content` and add durations and noise. Raises NotAVoice for what is damaged, foreign, or reads other files."""
    try:
        return _prepare(content)
    except (IndexError, UnicodeDecodeError, RecursionError) as error:
        raise NotAVoice(mark("the file is damaged or not an ONNX model")) from error


def _prepare(content: bytes) -> VoiceModel:
    graph: _Field | None = None
    opset = 0
    for field in _fields(content, 0, len(content)):
        if field.number == 7 and field.wire == _BYTES:
            if graph is not None:
                raise NotAVoice(mark("the file holds more than one graph"))
            graph = field
        elif field.number == 8 and field.wire == _BYTES:
            opset = max(opset, _opset(content, field))
        elif field.number in (20, 25) and field.wire == _BYTES:  # training info, functions
            raise NotAVoice(mark("the file is an ONNX model, but not a Piper voice"))
    if graph is None:
        raise NotAVoice(mark("the file is damaged or not an ONNX model"))

    random: list[tuple[_Field, str, str]] = []
    ceilings: list[str] = []
    inputs: set[str] = set()
    outputs: list[str] = []
    for field in _fields(content, graph.start, graph.end):
        if field.wire != _BYTES:
            continue
        if field.number == 1:
            kind, sources, results = _node(content, field)
            if kind == "RandomNormalLike":
                random.append((field, sources[0], results[0]))
            elif kind == "Ceil":
                ceilings.append(results[0])
        elif field.number == 5:
            _check_tensor(content, field)
        elif field.number == 15:  # sparse initializers: values are tensors; no voice has them
            raise NotAVoice(mark("the file is an ONNX model, but not a Piper voice"))
        elif field.number == 11:
            inputs.add(_text(content, field, 1))
        elif field.number == 12:
            outputs.append(_text(content, field, 1))
    if not inputs >= _INPUTS or not outputs:
        raise NotAVoice(mark("the file is an ONNX model, but not a Piper voice"))

    replaced = random if opset >= _OPSET_WITH_SLICE_INPUTS else []
    durations = ceilings[0] if len(ceilings) == 1 else None
    pieces: list[bytes] = []
    position = graph.start
    for index, (field, like, result) in enumerate(replaced):
        pieces += [content[position : field.tag], _noise_nodes(index, like, result)]
        position = field.end
    pieces.append(content[position : graph.end])
    if replaced:
        pieces += [_int64_tensor("localstory_zero", 0), _int64_tensor("localstory_one", 1)]
    noise = tuple(f"localstory_noise_{index}" for index in range(len(replaced)))
    taken = tuple(f"localstory_{index}_end" for index in range(len(replaced)))
    pieces += [_bytes_field(11, _float_vector(name)) for name in noise]
    pieces += [_bytes_field(12, _bytes_field(1, name.encode())) for name in taken]
    if durations is not None and durations not in outputs:
        pieces.append(_bytes_field(12, _bytes_field(1, durations.encode())))
    changed = b"".join(pieces)
    return VoiceModel(content[: graph.tag] + _bytes_field(7, changed) + content[graph.end :], noise, taken, durations)


def _noise_nodes(index: int, like: str, result: str) -> bytes:
    """The nodes that stand for one RandomNormalLike: the first Size(like) numbers of the input, in the shape of `like`."""
    own = f"localstory_{index}_"
    noise = f"localstory_noise_{index}"
    return b"".join(
        [
            _new_node("Shape", [like], own + "shape"),
            _new_node("Size", [like], own + "size"),
            _new_node("Reshape", [own + "size", "localstory_one"], own + "end"),
            _new_node("Slice", [noise, "localstory_zero", own + "end"], own + "flat"),
            _new_node("Reshape", [own + "flat", own + "shape"], result),
        ]
    )


# -- reading protobuf -------------------------------------------------------------------------------------------------


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= end or shift > 63:
            raise IndexError("a number runs over the end")
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


def _fields(content: bytes, start: int, end: int) -> Iterator[_Field]:
    position = start
    while position < end:
        tag = position
        key, position = _varint(content, position, end)
        number, wire = key >> 3, key & 7
        begin = position
        if wire == _VARINT:
            _value, position = _varint(content, position, end)
        elif wire == _FIXED64:
            position += 8
        elif wire == _FIXED32:
            position += 4
        elif wire == _BYTES:
            length, begin = _varint(content, position, end)
            position = begin + length
        else:
            raise IndexError("an unknown kind of field")
        if position > end or number == 0:
            raise IndexError("a field runs over the end")
        yield _Field(number, wire, tag, begin, position)


def _text(content: bytes, message: _Field, number: int) -> str:
    for field in _fields(content, message.start, message.end):
        if field.number == number and field.wire == _BYTES:
            return content[field.start : field.end].decode()
    return ""


def _opset(content: bytes, message: _Field) -> int:
    """The version of the standard operators, 0 for another domain."""
    domain, version = "", 0
    for field in _fields(content, message.start, message.end):
        if field.number == 1 and field.wire == _BYTES:
            domain = content[field.start : field.end].decode()
        elif field.number == 2 and field.wire == _VARINT:
            version, _end = _varint(content, field.start, field.end)
    return version if domain in ("", "ai.onnx") else 0


def _node(content: bytes, message: _Field) -> tuple[str, list[str], list[str]]:
    kind = ""
    sources: list[str] = []
    results: list[str] = []
    for field in _fields(content, message.start, message.end):
        if field.wire != _BYTES:
            continue
        if field.number == 1:
            sources.append(content[field.start : field.end].decode())
        elif field.number == 2:
            results.append(content[field.start : field.end].decode())
        elif field.number == 4:
            kind = content[field.start : field.end].decode()
        elif field.number == 5:
            _check_attribute(content, field)
    return kind, sources or [""], results or [""]


def _check_attribute(content: bytes, attribute: _Field) -> None:
    """Tensors and graphs inside a node's attribute may name other files too."""
    for field in _fields(content, attribute.start, attribute.end):
        if field.wire != _BYTES:
            continue
        if field.number in (5, 10):
            _check_tensor(content, field)
        elif field.number in (22, 23):  # sparse tensors
            raise NotAVoice(mark("the file is an ONNX model, but not a Piper voice"))
        elif field.number in (6, 11):
            for inner in _fields(content, field.start, field.end):
                if inner.number == 1 and inner.wire == _BYTES:
                    _node(content, inner)
                elif inner.number == 5 and inner.wire == _BYTES:
                    _check_tensor(content, inner)


def _check_tensor(content: bytes, tensor: _Field) -> None:
    """Refuse a tensor whose numbers lie in another file: a voice must not read what it likes on this disk."""
    for field in _fields(content, tensor.start, tensor.end):
        outside = field.number == 13 or (field.number == 14 and field.wire == _VARINT and content[field.start] != 0)
        if outside:
            raise NotAVoice(mark("the file refers to other files, which localstory does not follow"))


# -- writing protobuf -------------------------------------------------------------------------------------------------


def _to_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _to_varint(number << 3 | _BYTES) + _to_varint(len(value)) + value


def _number_field(number: int, value: int) -> bytes:
    return _to_varint(number << 3 | _VARINT) + _to_varint(value)


def _new_node(kind: str, sources: list[str], result: str) -> bytes:
    parts = [_bytes_field(1, source.encode()) for source in sources]
    parts += [_bytes_field(2, result.encode()), _bytes_field(3, f"{result}/localstory".encode()), _bytes_field(4, kind.encode())]
    return _bytes_field(1, b"".join(parts))


def _int64_tensor(name: str, value: int) -> bytes:
    """An initializer: a vector of one number."""
    return _bytes_field(5, _number_field(1, 1) + _number_field(2, _INT64) + _bytes_field(8, name.encode()) + _bytes_field(9, value.to_bytes(8, "little")))


def _float_vector(name: str) -> bytes:
    """A ValueInfoProto: a float vector of any length."""
    any_length = _bytes_field(2, b"localstory_" + name.encode())
    shape = _bytes_field(2, _bytes_field(1, any_length))
    kind = _bytes_field(1, _number_field(1, _FLOAT) + shape)
    return _bytes_field(1, name.encode()) + _bytes_field(2, kind)
