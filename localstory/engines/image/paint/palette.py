"""The papers of a picture: a few colours that go together, by time of day, weather, season and mood."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from localstory.engines.image.paint.colour import Colour, mix, rgb, tone


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one picture. `veil` lies over scenery by `veil_share`, over figures by `figure_share`."""

    sky: tuple[Colour, Colour, Colour]
    haze: Colour
    """What far things fade into."""
    light: Colour
    veil: Colour
    veil_share: float
    figure_share: float
    grass: Colour
    leaf: Colour
    leaf2: Colour
    earth: Colour
    stone: Colour
    water: Colour
    wall: Colour
    floor: Colour
    dark: bool

    def far(self, colour: Colour, depth: float) -> Colour:
        """A scenery colour `depth` (0 near, 1 at the horizon) away, under this light."""
        return mix(mix(colour, self.veil, self.veil_share), self.haze, depth * 0.78)

    def near(self, colour: Colour) -> Colour:
        """A scenery colour right here."""
        return mix(colour, self.veil, self.veil_share)


_TIMES: dict[str, tuple[tuple[str, str, str], str, str, str, float, float]] = {
    # sky from top to horizon, haze, light, veil, on scenery, on figures
    "night": (("#131838", "#2a3670", "#56659f"), "#3d4c86", "#ffe9b0", "#161d4a", 0.5, 0.16),
    "evening": (("#4a3b7c", "#d9677c", "#f9b96f"), "#c87f8f", "#ffd08a", "#57305f", 0.24, 0.07),
    "dawn": (("#7d9fc8", "#f2bda8", "#fde5b6"), "#e6bfba", "#ffe3a6", "#8f6f92", 0.14, 0.04),
    "morning": (("#8cc9e0", "#c8e7e6", "#fdf1cf"), "#d4e6dc", "#fff0b8", "#8f9f80", 0.04, 0.0),
    "day": (("#62b1da", "#a3d6e6", "#eaf3e0"), "#c2dfe2", "#fff3c4", "#7f9fa8", 0.03, 0.0),
}

_GRASS = {
    "spring": ("#9cc562", "#8fbf6a", "#f0a8bd"),
    "summer": ("#86b356", "#5d9150", "#7da84f"),
    "autumn": ("#c6a552", "#d3823a", "#b9553a"),
    "winter": ("#eef2f6", "#7f9a94", "#a9bdb8"),
}


def palette(time: str, weather: str, season: str, mood: str, luck: random.Random) -> Palette:
    """The papers for a scene; `luck` chooses among near relatives."""
    sky_names, haze_name, light_name, veil_name, share, figure_share = _TIMES[time]
    turn = luck.uniform(-0.018, 0.018)
    sky = [tone(rgb(name), luck.uniform(-0.015, 0.015), 1.0, turn) for name in sky_names]
    haze, light, veil = tone(rgb(haze_name), 0, 1, turn), rgb(light_name), rgb(veil_name)
    grass, leaf, leaf2 = (tone(rgb(name), luck.uniform(-0.02, 0.02), 1.0, luck.uniform(-0.02, 0.02)) for name in _GRASS[season])
    grey = {"rain": 0.5, "storm": 0.74, "snow": 0.42, "fog": 0.5, "clouds": 0.34, "wind": 0.1}.get(weather, 0.0)
    if grey:
        cloud = {"night": "#2b3350", "evening": "#8a6f86", "dawn": "#b9b0bb"}.get(time, "#a9bac4")
        if weather == "storm":
            cloud = {"night": "#1e2440", "evening": "#4b4460"}.get(time, "#59677f")
        elif weather == "snow":
            cloud = {"night": "#3a4670", "evening": "#a692b0"}.get(time, "#cfdce6")
        sky = [mix(colour, tone(rgb(cloud), lift), grey) for colour, lift in zip(sky, (-0.06, 0.0, 0.06), strict=True)]
        haze = mix(haze, rgb(cloud), grey)
        if weather in ("rain", "storm") and time != "night":
            veil, share, figure_share = mix(veil, rgb("#38465f"), 0.7), max(share, 0.2 if weather == "rain" else 0.34), max(figure_share, 0.05)
    if weather == "snow" or season == "winter":
        grass = rgb("#eef2f6")
    shift = {
        "scary": ("#2a1f3f", 0.2, 0.75),
        "sad": ("#4a5f80", 0.16, 0.72),
        "mysterious": ("#3d2f74", 0.13, 1.05),
        "angry": ("#5a2430", 0.12, 1.0),
        "happy": ("#ffd68a", 0.07, 1.08),
        "exciting": ("#ff9f6a", 0.05, 1.12),
        "calm": ("#dfe6e0", 0.03, 0.97),
    }[mood]
    ink, much, strong = rgb(shift[0]), shift[1], shift[2]
    sky = [tone(mix(colour, ink, much), 0, strong) for colour in sky]
    haze = tone(mix(haze, ink, much * 0.9), 0, strong)
    grass, leaf, leaf2 = (tone(mix(colour, ink, much * 0.6), 0, strong) for colour in (grass, leaf, leaf2))
    made = Palette(
        (sky[0], sky[1], sky[2]),
        haze,
        light,
        veil,
        share,
        figure_share,
        grass,
        leaf,
        leaf2,
        earth=rgb("#b98a58"),
        stone=rgb("#9a9aa6"),
        water=rgb("#4f9fc0"),
        wall=rgb("#e5c9a0"),
        floor=rgb("#b07f54"),
        dark=time == "night",
    )
    if mood == "scary":
        made = replace(made, veil_share=min(0.62, made.veil_share + 0.14), veil=mix(made.veil, rgb("#20183a"), 0.5))
    return made
