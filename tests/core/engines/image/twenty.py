"""Twenty scenes as a small model might tell them, each with what a person would expect to see."""

from __future__ import annotations

from dataclasses import dataclass

from localstory.engines.base import Figure

MIA = Figure("Mia", "girl", item="red scarf")
PIP = Figure("Pip", "fox")
BRAM = Figure("Bram", "old man")
EMBER = Figure("Ember", "dragon", ("#4f8fb0", "#f3e0b0", "#e8793c"))
TOM = Figure("Tom", "boy", item="yellow hat")
LUNA = Figure("Luna", "owl")
BOLT = Figure("Bolt", "robot")
ROSIE = Figure("Rosie", "rabbit", item="blue ribbon")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A scene and its labels. `figures` are kinds in any order; `props` must all be there."""

    text: str
    setting: str
    time: str
    weather: str
    figures: tuple[str, ...]
    props: tuple[str, ...] = ()
    cast: tuple[Figure, ...] = ()


TWENTY = (
    Labelled(
        "One night Mia walked through the dark forest. She was holding a lantern, and Pip followed her.",
        "forest",
        "night",
        "clear",
        ("girl", "fox"),
        ("lantern",),
        (MIA, PIP),
    ),
    Labelled("It was a sunny afternoon. Tom ran over the meadow with his red kite.", "meadow", "day", "clear", ("boy",), ("kite",), (TOM,)),
    Labelled(
        "The rain was pouring down on the village. Rosie the rabbit stood under a green umbrella.",
        "village",
        "day",
        "rain",
        ("rabbit",),
        ("umbrella",),
        (ROSIE,),
    ),
    Labelled(
        "A storm came up at sea. Lightning flashed, and the old ship rolled on the waves. The captain was afraid.",
        "sea",
        "day",
        "storm",
        ("captain",),
        ("ship",),
    ),
    Labelled(
        "Snow fell softly in the mountains. A brown bear and a white rabbit sat by the fire in the evening.",
        "mountains",
        "evening",
        "snow",
        ("bear", "rabbit"),
        ("fire",),
    ),
    Labelled("Ember the dragon flew to the castle at sunset. The princess waved to him.", "castle", "evening", "clear", ("dragon", "princess"), (), (EMBER,)),
    Labelled(
        "In the kitchen Mia and her grandmother baked a birthday cake. It was early morning.",
        "kitchen",
        "morning",
        "clear",
        ("girl", "old woman"),
        ("cake",),
        (MIA,),
    ),
    Labelled("Bolt the robot floated in outer space. He looked at a golden star.", "space", "night", "clear", ("robot",), ("star",), (BOLT,)),
    Labelled(
        "Under the sea a big whale sang to a tiny orange fish and a turtle. They found a treasure chest.",
        "underwater",
        "day",
        "clear",
        ("whale", "fish", "turtle"),
        ("chest",),
    ),
    Labelled("At dawn two ducks and a frog swam on the lake. There was thick fog.", "lake", "dawn", "fog", ("duck", "frog"), ()),
    Labelled(
        "Tom lay asleep in his bedroom. The moon shone through the window, and a candle stood near his bed.",
        "bedroom",
        "night",
        "clear",
        ("boy",),
        ("candle",),
        (TOM,),
    ),
    Labelled("The old king lost his golden crown in the desert. A camel found it at noon.", "desert", "day", "clear", ("king", "camel"), ("crown",)),
    Labelled(
        "After the rain a rainbow stood over the farm. The farmer laughed, and the cow danced with a sheep.",
        "farm",
        "day",
        "rainbow",
        ("farmer", "cow", "sheep"),
    ),
    Labelled("Mia sat in the library and read a big book to a little mouse.", "library", "day", "clear", ("girl", "mouse"), ("book",), (MIA,)),
    Labelled(
        "The wind blew through the garden. Red flowers bent, and a hedgehog chased his blue hat.", "garden", "day", "wind", ("hedgehog",), ("flower", "hat")
    ),
    Labelled(
        "Deep in the cave a scary monster guarded a key. The brave knight held up his sword.", "cave", "day", "clear", ("monster", "knight"), ("key", "sword")
    ),
    Labelled(
        "On the beach a girl built a sandcastle. A crab came out of its shell in the morning.",
        "beach",
        "morning",
        "clear",
        ("girl", "crab"),
        ("sandcastle", "shell"),
    ),
    Labelled(
        "The train ran along the road to the town in the evening. Luna the owl sat on an old clock.",
        "town",
        "evening",
        "clear",
        ("owl",),
        ("train", "clock"),
        (LUNA,),
    ),
    Labelled(
        "A hot air balloon drifted in the sky above the clouds. An elephant and a lion waved happily.",
        "sky",
        "day",
        "clouds",
        ("elephant", "lion"),
        ("hot air balloon",),
    ),
    Labelled(
        "It was a winter night at the north pole. It was snowing. A penguin gave a letter to the snowman.",
        "snow land",
        "night",
        "snow",
        ("penguin", "snowman"),
        ("letter",),
    ),
)
