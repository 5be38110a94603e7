"""The hyper-parameters of a model, read from its header with llama.cpp's own defaults. Everything per layer is a tuple.

Keys and defaults: llama.cpp src/llama-model.cpp (`load_hparams`), src/llama-hparams.{h,cpp}, src/models/*.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass

from localstory.errors import mark
from localstory.fit import architectures as known
from localstory.gguf.header import Array, BadGguf, Header

_MAX_WIDTH = 1 << 24
"""No row, head or vocabulary is longer; products of a few of these stay far below what a file can hold."""
_MAX_CONTEXT = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What decides memory and speed, besides the tensors themselves. The per-layer tuples have `layers_all` entries."""

    architecture: str
    layers_all: int
    """block_count: with the next-token-prediction layers, which hold weights and no cache."""
    layers: int
    context_length: int | None
    """Tokens the model was made for."""
    embedding: int
    vocabulary: int
    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    """0: this layer has no attention."""
    key_length: int
    value_length: int
    key_length_swa: int
    value_length_swa: int
    feed_forward: tuple[int, ...]
    experts: int
    experts_used: int
    expert_feed_forward: int
    leading_dense: int
    sliding_window: int
    """0: none."""
    swa: tuple[bool, ...]
    """Which layers look only that far back."""
    recurrent: tuple[bool, ...]
    """Which layers keep a fixed state instead of a cache."""
    has_cache: tuple[bool, ...]
    """Which layers keep keys and values of their own."""
    is_mla: bool
    """Multi-head latent attention: keys only, no values."""
    recurrent_row: int = 0
    """Numbers (R) of the short convolution a recurrent layer keeps for one sequence."""
    recurrent_state: int = 0
    """Numbers (S) of the state."""
    key_length_mla: int = 0
    """Length of a head's keys and values once they are expanded; 0 without latent attention."""
    value_length_mla: int = 0
    latent_keys: int = 0
    """kv_lora_rank: the compressed part of a key."""
    shared_feed_forward: int = 0
    """Width of the expert that every token uses, beside the chosen ones."""
    ssm_inner: int = 0
    ssm_state: int = 0
    ssm_groups: int = 0
    ssm_heads: int = 0
    ssm_conv: int = 0
    wkv_head: int = 0
    kda_head: int = 0
    embedding_per_layer: int = 0
    """Width of the per-layer embeddings (Gemma 3n and 4)."""
    deepstack: int = 0
    """Layers that take picture features of their own: so many more embeddings per token come in."""
    loops: int = 1
    """How often the same layers are gone through; `layers_all` counts each time."""

    @property
    def is_moe(self) -> bool:
        return self.experts > 0

    @property
    def shares_cache(self) -> bool:
        """True when sequences side by side cost nothing: every layer has full attention."""
        return not any(self.swa) and not any(self.recurrent)


def shape_of(header: Header) -> ModelShape:
    """The shape that the header tells. Raises BadGguf when what every model must say is missing or impossible."""
    architecture = header.architecture
    if architecture == "clip":
        raise BadGguf(mark("It holds only the eyes or ears that go with a model (mmproj), not the model."), mark("Choose the model's own file."))
    if architecture not in known.ARCHITECTURES:
        raise BadGguf(
            mark("This engine does not know its kind of model (“{architecture}”)."), mark("A newer localstory may read it."), architecture=architecture[:60]
        )
    facts = _Facts(header, architecture)

    block_count = facts.required("block_count", 1, known.MAX_LAYERS)
    embedding = facts.required("embedding_length", 1, _MAX_WIDTH)
    context_length = facts.required("context_length", 1, _MAX_CONTEXT)
    prediction = facts.number("nextn_predict_layers", 0, most=block_count)
    heads = facts.per_layer("attention.head_count", block_count, (0,) * block_count)
    kv_heads = facts.per_layer("attention.head_count_kv", block_count, heads)
    feed_forward = facts.per_layer("feed_forward_length", block_count, (0,) * block_count)
    if architecture not in known.RECURRENT and not any(heads):
        raise BadGguf(mark("It claims to have no attention heads."))
    experts = facts.number("expert_count", 0, most=known.MAX_EXPERTS)
    used = max(facts.per_layer("expert_used_count", block_count, (0,) * block_count))
    if architecture in ("hunyuan_vl", "hunyuan-dense") and experts <= 1:
        experts = used = 0
    if used > experts or (experts and not used):
        raise BadGguf(mark("It claims to use {used} of {experts} experts."), used=used, experts=experts)

    # As in load_hparams: the first layer's heads decide the default, and without them there is none at all.
    head = embedding // heads[0] if heads[0] else 0
    key = facts.number("attention.key_length", head) if heads[0] or architecture == "plamo2" else 0
    value = facts.number("attention.value_length", head) if heads[0] or architecture == "plamo2" else 0
    key_mla, value_mla = facts.number("attention.key_length_mla", 0), facts.number("attention.value_length_mla", 0)
    is_mla = architecture in known.LATENT_ATTENTION and key_mla > 0 and value_mla > 0

    layers_all, layers, loops = block_count, block_count - prediction, 1
    if architecture == "nanbeige":
        # The same layers are gone through several times, each time with a cache of its own.
        loops = facts.number("num_loops", 1, least=1, most=known.MAX_LAYERS)
        if not 0 < layers * loops <= known.MAX_LAYERS:
            raise BadGguf(mark("It claims {layers} layers; at most {most} are possible."), layers=layers * loops, most=known.MAX_LAYERS)
        heads, kv_heads, feed_forward = (part[:layers] * loops for part in (heads, kv_heads, feed_forward))
        layers_all = layers = layers * loops
    elif architecture == "graniteswitch":
        # One more layer with a single head chooses the adapter.
        heads, kv_heads, feed_forward = (*heads, 1), (*kv_heads, 1), (*feed_forward, 0)
        layers_all, layers = block_count + 1, block_count

    window, swa = _window(facts, architecture, layers_all, layers, kv_heads)
    recurrent = _recurrent(facts, architecture, layers_all, layers, kv_heads, feed_forward)
    row, state = _recurrent_sizes(facts, architecture, embedding, heads[0], key) if any(recurrent) else (0, 0)
    has_cache = _caches(facts, architecture, layers_all, layers, recurrent, feed_forward)
    inner = facts.number("ssm.inner_size", 0)
    return ModelShape(
        architecture=architecture,
        layers_all=layers_all,
        layers=layers,
        context_length=context_length,
        embedding=embedding,
        vocabulary=_vocabulary(header, facts),
        heads=heads,
        kv_heads=kv_heads,
        key_length=key,
        value_length=value,
        key_length_swa=facts.number("attention.key_length_swa", key),
        value_length_swa=facts.number("attention.value_length_swa", value),
        feed_forward=feed_forward,
        experts=experts,
        experts_used=used,
        expert_feed_forward=max(facts.per_layer("expert_feed_forward_length", block_count, (0,) * block_count)),
        leading_dense=facts.number("leading_dense_block_count", 0),
        sliding_window=window,
        swa=swa,
        recurrent=recurrent,
        has_cache=has_cache,
        is_mla=is_mla,
        recurrent_row=row,
        recurrent_state=state,
        key_length_mla=key_mla if is_mla else 0,
        value_length_mla=value_mla if is_mla else 0,
        latent_keys=facts.number("attention.kv_lora_rank", 0),
        shared_feed_forward=facts.number("expert_shared_feed_forward_length", 0),
        ssm_inner=inner,
        ssm_state=facts.number("ssm.state_size", 0),
        ssm_groups=facts.number("ssm.group_count", 0),
        ssm_heads=facts.number("ssm.time_step_rank", 0),
        ssm_conv=facts.number("ssm.conv_kernel", 0),
        wkv_head=facts.number("wkv.head_size", 0),
        kda_head=facts.number("kda.head_dim", 0),
        embedding_per_layer=facts.number("embedding_length_per_layer_input", 0),
        deepstack=facts.number("n_deepstack_layers", 0, most=known.MAX_LAYERS),
        loops=loops,
    )


class _Facts:
    """The metadata of one architecture, checked while it is read."""

    def __init__(self, header: Header, architecture: str) -> None:
        self._metadata = header.metadata
        self._prefix = architecture + "."

    def has(self, name: str) -> bool:
        return self._prefix + name in self._metadata

    def is_list(self, name: str) -> bool:
        return isinstance(self._metadata.get(self._prefix + name), Array)

    def required(self, name: str, least: int, most: int) -> int:
        if not self.has(name):
            raise BadGguf(mark("It does not tell its {key}."), key=self._prefix + name)
        return self.number(name, 0, least=least, most=most)

    def number(self, name: str, default: int, *, least: int = 0, most: int = _MAX_WIDTH) -> int:
        """One whole number; `default` when it is missing. Raises BadGguf when it is something else or out of bounds."""
        key = self._prefix + name
        value = self._metadata.get(key)
        if value is None:
            return default
        return _whole(key, value, least, most)

    def per_layer(self, name: str, layers: int, default: tuple[int, ...]) -> tuple[int, ...]:
        """One number for all layers, or a list with one for each."""
        key = self._prefix + name
        value = self._metadata.get(key)
        if value is None:
            return default
        if not isinstance(value, Array):
            return (_whole(key, value, 0, _MAX_WIDTH),) * layers
        if value.length != layers or value.values is None:
            raise BadGguf(mark("Its list {key} has {count} entries for {layers} layers."), key=key, count=value.length, layers=layers)
        return tuple(_whole(key, item, 0, _MAX_WIDTH) for item in value.values)

    def flags(self, name: str, layers: int) -> tuple[bool, ...]:
        """A list that says yes or no for each layer; layers it does not reach are no."""
        key = self._prefix + name
        value = self._metadata.get(key)
        if not isinstance(value, Array) or value.length > known.MAX_LAYERS or value.values is None:
            raise BadGguf(mark("It does not tell its {key}."), key=key)
        said = tuple(bool(item) if isinstance(item, bool) else _whole(key, item, 0, _MAX_WIDTH) != 0 for item in value.values[:layers])
        return said + (False,) * (layers - len(said))


def _whole(key: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadGguf(mark("Its {key} is not a whole number."), key=key)
    if not least <= value <= most:
        raise BadGguf(mark("Its {key} is {value}, which makes no sense."), key=key, value=value)
    return value


def _vocabulary(header: Header, facts: _Facts) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    count = tokens.length if isinstance(tokens, Array) else facts.number("vocab_size", 0)
    if count:
        return count
    # A later part of a split file has no tokenizer, and sometimes no vocab_size.
    return next((tensor.shape[1] for tensor in header.tensors if tensor.name == "token_embd.weight" and len(tensor.shape) > 1), 0)


def _window(facts: _Facts, architecture: str, layers_all: int, layers: int, kv_heads: tuple[int, ...]) -> tuple[int, tuple[bool, ...]]:
    """Length of the sliding window, and which layers have it."""
    none = 0, (False,) * layers_all
    key = "attention.sliding_window"
    if architecture == "lfm2":
        length = facts.number(key, 0, most=_MAX_CONTEXT)
        return (length, tuple(heads > 0 and index < layers for index, heads in enumerate(kv_heads))) if length else none
    rule = known.WINDOWS.get(architecture)
    if rule is None or (architecture == "exaone4" and layers != 64):
        return none
    length = facts.number(key, rule.default, most=_MAX_CONTEXT)
    if not length:
        return none
    length = rule.always or length
    pattern = f"{key}_pattern"
    if facts.is_list(pattern):
        return length, facts.flags(pattern, layers_all)
    period = facts.number(pattern, rule.period)
    return length, tuple(index < layers and _in_pattern(index, period, rule.dense_first) for index in range(layers_all))


def _in_pattern(index: int, period: int, dense_first: bool) -> bool:
    """llama_hparams::set_swa_pattern: whether the layer is a windowed one."""
    if period == 0:
        return True
    return index % period != 0 if dense_first else index % period < period - 1


def _recurrent(facts: _Facts, architecture: str, layers_all: int, layers: int, kv_heads: tuple[int, ...], feed_forward: tuple[int, ...]) -> tuple[bool, ...]:
    indices = range(layers_all)
    if architecture in known.RECURRENT or architecture in known.BOTH_IN_EVERY_LAYER:
        return tuple(index < layers for index in indices)
    if architecture in known.RECURRENT_WITHOUT_KV_HEADS:
        return tuple(index < layers and kv_heads[index] == 0 for index in indices)
    if architecture in known.ONE_KIND_A_LAYER:
        return tuple(index < layers and kv_heads[index] == 0 and feed_forward[index] == 0 for index in indices)
    if architecture in known.RECURRENT_BY_INTERVAL:
        if facts.is_list("attention.recurrent_layers"):
            return tuple(said and index < layers for index, said in enumerate(facts.flags("attention.recurrent_layers", layers_all)))
        interval = facts.number("full_attention_interval", known.RECURRENT_BY_INTERVAL[architecture], least=1)
        return tuple(index < layers and (index + 1) % interval != 0 for index in indices)
    return (False,) * layers_all


def _recurrent_sizes(facts: _Facts, architecture: str, embedding: int, heads: int, key: int) -> tuple[int, int]:
    """(R, S): llama_hparams::n_embd_r, n_embd_s."""
    wkv = facts.number("wkv.head_size", 0)
    if wkv:
        return facts.number("token_shift_count", 2) * embedding, embedding * wkv
    short = facts.number("shortconv.l_cache", 0)
    inner, state = facts.number("ssm.inner_size", 0), facts.number("ssm.state_size", 0)
    if short:
        return embedding * (short - 1), state * inner
    conv, kda = facts.number("ssm.conv_kernel", 0), facts.number("kda.head_dim", 0)
    if kda:
        return 3 * (conv - 1 if conv else 3) * heads * kda, kda * kda * heads
    row = max(conv - 1, 0) * (inner + 2 * facts.number("ssm.group_count", 0) * state)
    return row, key * key * heads if architecture == "minimax-01" else state * inner


def _caches(facts: _Facts, architecture: str, layers_all: int, layers: int, recurrent: tuple[bool, ...], feed_forward: tuple[int, ...]) -> tuple[bool, ...]:
    """Which layers own keys and values: llama_model::create_memory's filters, llama_hparams::has_kv."""
    if architecture in known.NO_CACHE:
        return (False,) * layers_all
    own = layers_all
    if architecture == "gemma3n":
        own = 20
    elif architecture == "gemma4":
        own = layers_all - facts.number("attention.shared_kv_layers", 0, most=layers_all)
    both = architecture in known.BOTH_IN_EVERY_LAYER
    routed = architecture == "graniteswitch"
    alone = architecture in known.ONE_KIND_A_LAYER
    return tuple(
        (index < layers or routed) and index < own and (both or not recurrent[index]) and not (alone and feed_forward[index]) for index in range(layers_all)
    )
