"""From a look and a pose to a sprite: which scissors cut whom, and the thing somebody always has with them."""

from __future__ import annotations

from localstory.engines.image.kinds import BEASTS, BIRDS, CREATURES, PEOPLE
from localstory.engines.image.looks import Look
from localstory.engines.image.paint import people
from localstory.engines.image.paint.beasts import beast
from localstory.engines.image.paint.birds import bird
from localstory.engines.image.paint.canvas import Sprite
from localstory.engines.image.paint.creatures import creature
from localstory.engines.image.paint.worn import wear


def height_of(look: Look) -> float:
    """How tall somebody is in a picture, as a share of its unit."""
    if look.kind in PEOPLE:
        return PEOPLE[look.kind].height
    if look.kind in BEASTS:
        return BEASTS[look.kind].height
    if look.kind in BIRDS:
        return BIRDS[look.kind].height
    return CREATURES[look.kind][3]


def cut(look: Look, pose: str, feeling: str) -> Sprite:
    """The sprite for somebody, with their item on; it looks to the right, its foot at (0, 0)."""
    if look.body == "person":
        sprite = people.person(look, "stand" if pose in ("sleep", "swim", "bed") else pose, "asleep" if pose in ("sleep", "bed") else feeling)
    elif look.body == "beast":
        sprite = beast(look, pose, feeling)
    elif look.body == "bird":
        sprite = bird(look, pose, feeling)
    else:
        sprite = creature(look, pose, feeling)
    wear(sprite, look, pose)
    if look.body == "person" and pose == "sleep":
        return people.lying(sprite, look, False)
    if look.body == "person" and pose == "bed":
        return people.lying(sprite, look, True)
    if look.body == "person" and pose == "fly":
        return people.flying(sprite)
    if pose == "swim" and look.kind != "mermaid" and (look.body in ("person", "beast") or look.kind in ("dragon", "dinosaur", "robot", "monster", "friend")):
        return people.swimming(sprite)
    return sprite
