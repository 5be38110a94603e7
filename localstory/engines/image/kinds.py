"""Everybody we can draw, as tables. To add an animal: a line in `BEASTS` or `BIRDS`, its words in the lexicon, a look at the contact sheet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on two legs: proportions, clothes and hat. `height` is a share of the picture's unit."""

    height: float = 0.42
    age: str = "adult"
    dress: bool = False
    hat: str = ""
    hair: str = "short"
    beard: bool = False
    grey: bool = False
    uniform: bool = False
    extra: str = ""
    colours: tuple[str, ...] = ("#35679c", "#f4cf7c", "#dd6650")
    skin: str = ""


PEOPLE: dict[str, Person] = {
    "girl": Person(0.37, "child", True, hair="girl", colours=("#d94f45", "#f3c55b", "#3c5a80")),
    "boy": Person(0.37, "child", hair="boy", colours=("#2f7f86", "#e8c170", "#5a4636")),
    "child": Person(0.36, "child", hair="boy", colours=("#e8a33d", "#7a3b4f", "#3c5a80")),
    "baby": Person(0.24, "child", True, hair="none", colours=("#f2d5a8", "#8fb7c9", "#d96b4a")),
    "woman": Person(0.45, "adult", True, hair="long", colours=("#7b5aa6", "#f2d5e0", "#d96b4a")),
    "man": Person(0.47, "adult", hair="short", colours=("#3f6b8a", "#d8c09a", "#5a4636")),
    "mother": Person(0.45, "adult", True, hair="bun", colours=("#b5533f", "#f3d9a0", "#3c5a80")),
    "father": Person(0.47, "adult", hair="short", beard=True, colours=("#3f7a5b", "#d8c09a", "#5a4636")),
    "old woman": Person(0.41, "old", True, hair="bun", grey=True, extra="shawl", colours=("#6d5a8f", "#e8d8c0", "#b5533f")),
    "old man": Person(0.43, "old", hair="bald", beard=True, grey=True, extra="stick", colours=("#7a5a3c", "#d8c09a", "#4a5a6a")),
    "king": Person(0.48, "adult", True, "crown", "short", True, uniform=True, extra="cape", colours=("#a8323e", "#f2c14e", "#f7ecd8")),
    "queen": Person(0.47, "adult", True, "crown", "long", uniform=True, extra="cape", colours=("#7a3b8f", "#f2c14e", "#f7ecd8")),
    "princess": Person(0.40, "child", True, "crown", "long", colours=("#e07fa5", "#f7d774", "#ffffff")),
    "prince": Person(0.41, "child", hat="crown", hair="boy", extra="cape", colours=("#3c62a8", "#f2c14e", "#a8323e")),
    "knight": Person(0.46, "adult", hat="helmet", hair="none", uniform=True, extra="shield", colours=("#9aa8b8", "#6f7f92", "#c0392f")),
    "wizard": Person(0.46, "old", True, "wizard", "short", True, True, uniform=True, extra="staff", colours=("#3d3f8f", "#f2d36b", "#8f6bc4")),
    "witch": Person(0.43, "adult", True, "witch", "long", uniform=True, extra="broom", colours=("#3c3350", "#7fae5a", "#e08a3c")),
    "sailor": Person(0.44, "adult", hat="sailor", hair="short", uniform=True, extra="stripes", colours=("#f4efe2", "#2e5a8f", "#c0453a")),
    "captain": Person(0.46, "adult", hat="sailor", hair="short", beard=True, grey=True, uniform=True, colours=("#2b3f66", "#f2c14e", "#f4efe2")),
    "pirate": Person(0.45, "adult", hat="pirate", hair="long", beard=True, uniform=True, extra="stripes", colours=("#8f2f36", "#f0e2c4", "#2c2a33")),
    "farmer": Person(0.45, "adult", hat="straw", hair="short", uniform=True, extra="dungarees", colours=("#c9563c", "#4a6d96", "#e5c56a")),
    "fisherman": Person(0.44, "old", hat="sou", hair="short", beard=True, grey=True, uniform=True, colours=("#e3b23c", "#4a5f73", "#d9cfae")),
    "cook": Person(0.44, "adult", hat="toque", hair="short", uniform=True, extra="apron", colours=("#f2ede2", "#c9563c", "#f7f2e8")),
    "soldier": Person(0.45, "adult", hat="bearskin", hair="none", uniform=True, colours=("#b8333a", "#26344f", "#f2c14e")),
    "teacher": Person(0.45, "adult", True, hair="bun", extra="glasses", colours=("#4a7a6d", "#f3d9a0", "#b5533f")),
    "doctor": Person(0.45, "adult", hair="short", uniform=True, extra="glasses", colours=("#f4f2ee", "#5f9ab0", "#c0453a")),
    "fairy": Person(0.33, "child", True, hair="bun", extra="wings", colours=("#8fc48a", "#f7e9a0", "#e8b3d0")),
    "angel": Person(0.40, "child", True, hair="long", extra="wings", uniform=True, colours=("#f7f1e2", "#f2d98a", "#cfe0f0")),
    "elf": Person(0.35, "child", hat="elf", hair="boy", uniform=True, colours=("#4a8f4f", "#b5483d", "#f2d36b")),
    "dwarf": Person(0.32, "old", hat="elf", hair="short", beard=True, uniform=True, colours=("#b8483a", "#5a4636", "#f2d36b")),
    "giant": Person(0.62, "adult", hair="short", beard=True, extra="dungarees", colours=("#6f8f4a", "#7a5a3c", "#e5c56a")),
    "clown": Person(0.43, "adult", hat="party", hair="clown", uniform=True, colours=("#f2c14e", "#d94f45", "#3f7fb0")),
    "astronaut": Person(0.42, "child", hat="space", hair="boy", uniform=True, colours=("#eef0f2", "#c4ccd6", "#e0713c")),
    "mermaid": Person(0.40, "child", hair="long", extra="tail", colours=("#3fa59a", "#8fd6b8", "#e8a0b8")),
}

SYNONYMS: dict[str, str] = {}
"""Another word -> the kind we draw. Filled from the lexicon."""


@dataclass(frozen=True, slots=True)
class Beast:
    """Somebody on four legs. Lengths are shares of the sprite's unit; `height` a share of the picture's."""

    height: float
    colours: tuple[str, str, str]
    ears: str = "point"
    tail: str = "thin"
    face: str = "cat"
    leg: float = 0.2
    length: float = 0.62
    girth: float = 0.3
    head: float = 0.2
    neck: float = 0.02
    coat: str = ""
    crown: str = ""
    """What grows on its head: "mane", "horns", "antlers", "horn"."""


BEASTS: dict[str, Beast] = {
    "fox": Beast(0.31, ("#df7230", "#fff3e2", "#4a2a20"), "point", "bushy", "fox", coat="socks"),
    "dog": Beast(0.31, ("#b9814d", "#f5e6cf", "#6b4328"), "floppy", "thin", "dog"),
    "puppy": Beast(0.25, ("#d9a566", "#fbf0dc", "#7a4f2e"), "floppy", "thin", "dog", head=0.23),
    "cat": Beast(0.28, ("#6f6a78", "#f2ece6", "#4a4553"), "point", "curl", "cat", coat="stripes"),
    "kitten": Beast(0.23, ("#e59a4d", "#fff1df", "#b96a2c"), "point", "curl", "cat", head=0.23, coat="stripes"),
    "rabbit": Beast(0.29, ("#c9b7a5", "#fbf5ee", "#e8a5a5"), "long", "puff", "rabbit", leg=0.13, length=0.48, girth=0.32, head=0.18),
    "hare": Beast(0.31, ("#a98562", "#f3e5d0", "#e0a090"), "long", "puff", "rabbit", leg=0.17, length=0.5, girth=0.3, head=0.17),
    "bear": Beast(0.42, ("#7d5236", "#c89a6c", "#3f271c"), "round", "stub", "bear", leg=0.17, length=0.72, girth=0.42, head=0.2),
    "polar bear": Beast(0.42, ("#f0ede6", "#fbfaf6", "#4a5560"), "round", "stub", "bear", leg=0.17, length=0.72, girth=0.42, head=0.19),
    "panda": Beast(0.39, ("#f4f1ea", "#f4f1ea", "#2b2930"), "round", "stub", "panda", leg=0.16, length=0.66, girth=0.42, head=0.21),
    "mouse": Beast(0.22, ("#9a96a3", "#f0e6e2", "#e8a5a0"), "disc", "long", "mouse", leg=0.1, length=0.5, girth=0.33, head=0.2),
    "rat": Beast(0.22, ("#75707a", "#d8cfc8", "#d99a94"), "disc", "long", "mouse", leg=0.1, length=0.55, girth=0.3, head=0.18),
    "wolf": Beast(0.36, ("#7a828f", "#e3e4e4", "#3c4250"), "point", "bushy", "fox", leg=0.24, length=0.68, girth=0.3, head=0.2),
    "lion": Beast(0.4, ("#dfa546", "#f7e2b4", "#9c5a24"), "round", "tuft", "lion", leg=0.2, length=0.7, girth=0.33, head=0.19, crown="mane"),
    "tiger": Beast(0.38, ("#e58a35", "#fff1de", "#3a2620"), "round", "thin", "lion", leg=0.19, length=0.72, girth=0.34, head=0.2, coat="stripes"),
    "deer": Beast(
        0.44, ("#b57a45", "#f4e3c8", "#5a3a24"), "leaf", "stub", "deer", leg=0.33, length=0.52, girth=0.24, head=0.14, neck=0.14, coat="spots", crown="antlers"
    ),
    "horse": Beast(0.48, ("#8f5632", "#e8cfae", "#3c2418"), "leaf", "horse", "horse", leg=0.3, length=0.62, girth=0.28, head=0.14, neck=0.18, crown="hair"),
    "pony": Beast(0.4, ("#c48a52", "#f3e2c6", "#f3e2c6"), "leaf", "horse", "horse", leg=0.24, length=0.58, girth=0.3, head=0.16, neck=0.14, crown="hair"),
    "donkey": Beast(0.42, ("#8d8780", "#e9e2d8", "#4a4440"), "long", "tuft", "horse", leg=0.26, length=0.58, girth=0.28, head=0.15, neck=0.12),
    "unicorn": Beast(0.48, ("#f6f1f5", "#f4c6d8", "#b78fd0"), "leaf", "horse", "horse", leg=0.3, length=0.6, girth=0.28, head=0.14, neck=0.18, crown="horn"),
    "zebra": Beast(
        0.45, ("#f3f0ea", "#f3f0ea", "#2c2930"), "leaf", "tuft", "horse", leg=0.28, length=0.6, girth=0.28, head=0.14, neck=0.15, coat="stripes", crown="hair"
    ),
    "giraffe": Beast(
        0.62, ("#ecc46a", "#f9ebc6", "#a8642c"), "leaf", "tuft", "deer", leg=0.3, length=0.4, girth=0.2, head=0.1, neck=0.34, coat="patches", crown="knobs"
    ),
    "cow": Beast(
        0.42, ("#f4efe8", "#f0b8ae", "#4a3630"), "side", "tuft", "cow", leg=0.22, length=0.7, girth=0.36, head=0.18, neck=0.03, coat="patches", crown="horns"
    ),
    "sheep": Beast(0.33, ("#f5f0e6", "#4a4048", "#d9d2c4"), "side", "puff", "sheep", leg=0.18, length=0.58, girth=0.4, head=0.15, coat="wool"),
    "goat": Beast(0.35, ("#e6ddd0", "#f7f2ea", "#7a6a58"), "side", "stub", "goat", leg=0.24, length=0.55, girth=0.28, head=0.15, neck=0.06, crown="horns"),
    "pig": Beast(0.31, ("#f0a9a4", "#f7c9c2", "#d67f7d"), "fold", "spiral", "pig", leg=0.14, length=0.66, girth=0.4, head=0.2),
    "elephant": Beast(0.52, ("#8b95a6", "#b5bdca", "#e0b0b0"), "sail", "tuft", "elephant", leg=0.22, length=0.7, girth=0.44, head=0.21, neck=0.02),
    "squirrel": Beast(0.27, ("#b5622c", "#f8e6cc", "#6b3a1c"), "tip", "squirrel", "mouse", leg=0.1, length=0.42, girth=0.32, head=0.19),
    "hedgehog": Beast(0.23, ("#6b4c3a", "#e8c9a4", "#3c2a22"), "small", "none", "hedgehog", leg=0.09, length=0.62, girth=0.4, head=0.16, coat="spines"),
    "monkey": Beast(0.34, ("#7d5638", "#e9c9a0", "#4a2f20"), "monkey", "curl", "monkey", leg=0.18, length=0.46, girth=0.3, head=0.2),
    "badger": Beast(0.29, ("#5a5c66", "#f3f0ec", "#2a2a32"), "round", "stub", "badger", leg=0.12, length=0.64, girth=0.34, head=0.18),
    "beaver": Beast(0.27, ("#83552f", "#c99a66", "#4a3020"), "small", "paddle", "mouse", leg=0.1, length=0.58, girth=0.36, head=0.19),
    "otter": Beast(0.26, ("#7a5640", "#e0c6a4", "#3c2a20"), "small", "thick", "mouse", leg=0.11, length=0.66, girth=0.26, head=0.17),
    "raccoon": Beast(0.28, ("#83828a", "#eeeae4", "#34323a"), "point", "ringed", "badger", leg=0.13, length=0.56, girth=0.34, head=0.19),
    "camel": Beast(0.5, ("#d0a05e", "#ecd5a4", "#8a5f30"), "small", "tuft", "horse", leg=0.3, length=0.56, girth=0.26, head=0.12, neck=0.2, coat="hump"),
    "hippo": Beast(0.4, ("#9a8aa0", "#d8b8c0", "#6d5f74"), "small", "stub", "pig", leg=0.13, length=0.76, girth=0.46, head=0.21),
    "kangaroo": Beast(0.44, ("#b87c4c", "#efd5b0", "#6b4428"), "long", "thick", "deer", leg=0.22, length=0.44, girth=0.34, head=0.14, neck=0.16),
}


@dataclass(frozen=True, slots=True)
class Bird:
    """Somebody with wings and a beak."""

    height: float
    colours: tuple[str, str, str]
    shape: str = "round"
    beak: str = "short"
    crest: str = ""


BIRDS: dict[str, Bird] = {
    "bird": Bird(0.19, ("#3f86b8", "#f6e3c0", "#f0a23c")),
    "robin": Bird(0.18, ("#7a5a44", "#e0602f", "#4a3a30")),
    "owl": Bird(0.27, ("#8a6544", "#efdcb8", "#e8a63c"), "owl", "hook", "tufts"),
    "duck": Bird(0.24, ("#f3c84a", "#fdf3d0", "#e8792c"), "duck", "flat"),
    "duckling": Bird(0.18, ("#f7d866", "#fdf3d0", "#e8792c"), "duck", "flat"),
    "goose": Bird(0.3, ("#f5f1e8", "#ffffff", "#e8902c"), "goose", "flat"),
    "swan": Bird(0.32, ("#fbfaf6", "#ffffff", "#e0702c"), "goose", "flat"),
    "hen": Bird(0.25, ("#b5562f", "#f0cf9a", "#e8a63c"), "hen", "short", "comb"),
    "rooster": Bird(0.28, ("#b8482c", "#2f6b5a", "#f0b23c"), "hen", "short", "comb"),
    "chick": Bird(0.16, ("#f7d44e", "#fdf0c0", "#e88a2c"), "round", "short"),
    "crow": Bird(0.23, ("#2f3040", "#4a4c60", "#6a6a78"), "round", "long"),
    "eagle": Bird(0.32, ("#6b4a30", "#f6f0e4", "#f0b23c"), "owl", "hook"),
    "parrot": Bird(0.26, ("#3fa05a", "#e04f3c", "#f0b83c"), "owl", "hook", "plume"),
    "penguin": Bird(0.29, ("#2e3a50", "#fbf7ee", "#f0993c"), "penguin", "short"),
    "peacock": Bird(0.34, ("#2b6fa0", "#3fa08a", "#f0c23c"), "hen", "short", "fan"),
    "flamingo": Bird(0.4, ("#f08fa5", "#f9c4cf", "#3c3038"), "stilt", "hook"),
    "stork": Bird(0.4, ("#f7f3ea", "#2c2c36", "#e0592f"), "stilt", "long"),
    "dove": Bird(0.19, ("#f2efea", "#ffffff", "#e0a06a"), "round", "short"),
}

CREATURES: dict[str, tuple[str, str, str, float]] = {
    # kind: main, second, accent, height as a share of the picture's unit
    "friend": ("#6fa59a", "#f3e2c0", "#e8a33d", 0.3),
    "dragon": ("#4f9a5f", "#f2dc8f", "#d9653c", 0.5),
    "dinosaur": ("#6fa84f", "#eadf9a", "#d98a3c", 0.48),
    "monster": ("#7a5aa6", "#f0c9e0", "#f2c14e", 0.42),
    "ghost": ("#f2f1f7", "#d8d8ea", "#9a9ac0", 0.34),
    "robot": ("#9fb2bf", "#e8713c", "#f2d05a", 0.38),
    "snowman": ("#f8f8fb", "#e8792c", "#c0453a", 0.38),
    "fish": ("#ef8a3c", "#fbe3b0", "#d9553c", 0.17),
    "whale": ("#3f6f9f", "#dce9f0", "#2b4f7a", 0.36),
    "dolphin": ("#6f94b5", "#e8eff2", "#4a6d90", 0.26),
    "shark": ("#7d8fa0", "#eef0f0", "#4f6070", 0.28),
    "octopus": ("#c9567a", "#f3b8c4", "#8f3558", 0.3),
    "crab": ("#d9503c", "#f7b08a", "#8f2f28", 0.17),
    "seal": ("#7d8592", "#d5d9dd", "#4a505c", 0.25),
    "turtle": ("#6f9a4f", "#b5834a", "#e5d59a", 0.2),
    "frog": ("#6aaa46", "#e8efb0", "#3f7a30", 0.21),
    "snake": ("#7fa848", "#eadf9a", "#d9653c", 0.2),
    "crocodile": ("#5f8f4a", "#dbe0a0", "#f7f2e4", 0.24),
    "snail": ("#e0b98a", "#c9683f", "#8f4a2c", 0.17),
    "butterfly": ("#e8793c", "#f7d45a", "#3c2a38", 0.15),
    "bee": ("#f2bf3c", "#3a2c28", "#dff0f7", 0.13),
    "ladybird": ("#d9403a", "#2a2428", "#f7ece0", 0.13),
    "spider": ("#4a3f55", "#8f7fa0", "#d9653c", 0.18),
    "bat": ("#4f4560", "#b59fc0", "#e8a5a5", 0.19),
    "ant": ("#5a3428", "#8f5a40", "#2c1a16", 0.13),
    "firefly": ("#5a4a3c", "#f7e27a", "#fff6c0", 0.12),
    "worm": ("#e59a8f", "#f7c9bf", "#b56a60", 0.14),
}
