"""Ideas as people type them, with what a reader finds in them. Labelled by hand; the code under test had no part in it."""

from __future__ import annotations

IDEAS: dict[str, tuple[str, ...]] = {
    "A girl named Mai and a sleepy dragon on the way to the mountain": ("girl", "Mai", "dragon", "mountain"),
    "A brave little mouse who wants to see the sea": ("mouse", "sea"),
    "Two robots look for a lost star": ("robots", "star"),
    "An old sailor and his parrot are caught in a storm": ("sailor", "parrot", "storm"),
    "The princess who was afraid of the dark and the firefly that helped her": ("princess", "dark", "firefly"),
    "Tom the cat steals the moon": ("Tom", "cat", "moon"),
    "a hedgehog bakes a cake for the king's birthday": ("hedgehog", "cake", "king", "birthday"),
    "A whale sings to a lonely lighthouse keeper": ("whale", "lighthouse", "keeper"),
    "In a snowy village, a boy builds a snowman that comes alive": ("village", "boy", "snowman"),
    "a tiny turtle learns to fly with a balloon": ("turtle", "balloon"),
    "Write me a story about Linh and her magic bicycle": ("Linh", "bicycle"),
    "the baker of Paris loses his recipe book": ("baker", "Paris", "recipe", "book"),
    "two sisters, a broken kite and a windy hill": ("sisters", "kite", "hill"),
    "an astronaut finds a garden on the moon": ("astronaut", "garden", "moon"),
    "A cloud who is afraid of heights": ("cloud", "heights"),
    "Grandpa's clock stops at midnight": ("Grandpa", "clock", "midnight"),
    "Please tell me a short story about a penguin, a lantern and a very long train": ("penguin", "lantern", "train"),
    "A shy octopus paints pictures at the bottom of the ocean": ("octopus", "pictures", "bottom", "ocean"),
    "dragon": ("dragon",),
    "friendship": ("friendship",),
}
