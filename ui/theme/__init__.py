"""How the window looks: own palettes, a small style sheet, own icons. Nothing here knows what localstory does.

QStyleHints.setColorScheme does nothing on several Linux desktops (measured), so the palettes are ours.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

GRID = 8
"""Pixels; every distance is a multiple of it or half of it."""
_ICONS = Path(__file__).parent / "icons"


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of one appearance, as #rrggbb."""

    name: str
    desk: str
    """Behind everything: rail, list pane, status bar."""
    page: str
    """What is read and written on."""
    raised: str
    """Cards, bubbles, code."""
    line: str
    text: str
    quiet: str
    """Text of second rank; at least 4.5:1 on desk, page and raised."""
    accent: str
    on_accent: str
    hover: str
    chosen: str
    """Behind the chosen row."""
    warn: str
    code_style: str
    """A Pygments style."""


LIGHT = Look(
    "light", desk="#f3f0ea", page="#fcfbf8", raised="#f1ede5", line="#dfd9cd", text="#26231e", quiet="#655f54", accent="#1f6660",
    on_accent="#ffffff", hover="#e9e4da", chosen="#dfe9e4", warn="#8f4a12", code_style="xcode",
)  # fmt: skip
DARK = Look(
    "dark", desk="#191b1d", page="#202325", raised="#2a2e30", line="#3a3f42", text="#e6e3dc", quiet="#a8a59d", accent="#7fc4ba",
    on_accent="#10201e", hover="#292d2f", chosen="#2b3a39", warn="#e6a867", code_style="github-dark",
)  # fmt: skip
CONTRAST = Look(
    "contrast", desk="#000000", page="#000000", raised="#000000", line="#ffffff", text="#ffffff", quiet="#ffffff", accent="#ffe04a",
    on_accent="#000000", hover="#333333", chosen="#333300", warn="#ffb54a", code_style="github-dark",
)  # fmt: skip


BASE_PIXELS = 14
"""Height of the usual text at 100 %."""
_COLUMNS = {"narrow": 600, "normal": 760, "wide": 1000, "full": 100_000}
_CHAT_FAMILIES = {
    "sans": ("Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans"),
    "serif": ("Noto Serif", "Georgia", "Cambria", "Times New Roman", "DejaVu Serif", "Liberation Serif"),
    "mono": ("JetBrains Mono", "Cascadia Mono", "Menlo", "Noto Sans Mono", "DejaVu Sans Mono", "Liberation Mono"),
}


class _Current:
    look: Look = LIGHT
    scale: float = 1.0
    column: str = "normal"
    chat_font: str = "sans"


def look() -> Look:
    """The colours in use."""
    return _Current.look


def scaled(pixels: int) -> int:
    """A length that holds text, at the text size in use."""
    return round(pixels * _Current.scale)


def column() -> int:
    """The widest that messages stand, in pixels; it grows with the text, so that a line holds the same words."""
    return scaled(_COLUMNS[_Current.column])


def chat_font() -> QFont:
    """The family that messages are shown and written in; size and weight are left to the widget."""
    font = QFont()
    if _Current.chat_font != "sans":
        installed = set(QFontDatabase.families())
        fallback = QFontDatabase.SystemFont.FixedFont if _Current.chat_font == "mono" else QFontDatabase.SystemFont.GeneralFont
        families = _CHAT_FAMILIES[_Current.chat_font]
        font.setFamily(next((one for one in families if one in installed), QFontDatabase.systemFont(fallback).family()))
    return font


def resolve(choice: str) -> Look:
    """The look for a setting: "light", "dark", "contrast" or "system" (light when the system doesn't say)."""
    if choice == "system":
        choice = "dark" if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"
    return {"light": LIGHT, "dark": DARK, "contrast": CONTRAST}[choice]


def load_fonts(folder: Path) -> str:
    """Load the bundled fonts; returns the family to write in, the system's own when there are none."""
    families: list[str] = []
    for file in sorted(folder.glob("*.ttf")) if folder.is_dir() else []:
        families += QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(file)))
    if "Noto Sans" in families:
        return "Noto Sans"
    installed = QFontDatabase.families()
    for family in ("Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans"):
        if family in installed:
            return family
    return QApplication.font().family()


def mono_family() -> str:
    """The family for code."""
    installed = set(QFontDatabase.families())
    for family in ("JetBrains Mono", "Cascadia Mono", "Menlo", "Noto Sans Mono", "DejaVu Sans Mono", "Liberation Mono"):
        if family in installed:
            return family
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()


def wear(application: QApplication, chosen: Look, family: str, *, text_size: int = 100, message_width: str = "normal", chat_font: str = "sans") -> None:
    """Put a look on the whole application; `text_size` is percent of the usual. The others are for `column` and `chat_font`."""
    _Current.look = chosen
    _Current.scale, _Current.column, _Current.chat_font = text_size / 100, message_width, chat_font
    icon.cache_clear()
    application.setStyle("Fusion")
    font = QFont(family)
    font.setPixelSize(scaled(BASE_PIXELS))
    application.setFont(font)
    application.setPalette(_palette(chosen))
    application.setStyleSheet(_style_sheet(chosen))
    scheme = Qt.ColorScheme.Light if chosen.name == "light" else Qt.ColorScheme.Dark
    QGuiApplication.styleHints().setColorScheme(scheme)  # native title bars follow where the system can


def _palette(chosen: Look) -> QPalette:
    palette = QPalette()
    role, quiet = QPalette.ColorRole, QColor(chosen.quiet)
    for which, colour in {
        role.Window: chosen.desk, role.WindowText: chosen.text, role.Base: chosen.page, role.AlternateBase: chosen.raised, role.Text: chosen.text,
        role.Button: chosen.raised, role.ButtonText: chosen.text, role.BrightText: chosen.warn, role.ToolTipBase: chosen.raised,
        role.ToolTipText: chosen.text, role.Highlight: chosen.accent, role.HighlightedText: chosen.on_accent, role.Link: chosen.accent,
        role.LinkVisited: chosen.accent, role.PlaceholderText: chosen.quiet, role.Light: chosen.hover, role.Midlight: chosen.hover,
        role.Mid: chosen.line, role.Dark: chosen.line, role.Shadow: chosen.line, role.Accent: chosen.accent,
    }.items():  # fmt: skip
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, quiet)
    return palette


def _style_sheet(chosen: Look) -> str:
    css = (Path(__file__).parent / "style.qss").read_text("utf-8")
    for name in ("desk", "page", "raised", "line", "text", "quiet", "on_accent", "accent", "hover", "chosen", "warn"):
        css = css.replace(f"@{name}", getattr(chosen, name))
    # What holds text grows with it; edges, corners and distances stay.
    css = re.sub(r"(font-size|min-height|icon-size): (\d+)px", lambda found: f"{found[1]}: {scaled(int(found[2]))}px", css)
    return css.replace("@mono", mono_family()).replace("@focus", "2px" if chosen.name == "contrast" else "1px")


def draw_icon(name: str, colour: str, sizes: tuple[int, ...]) -> list[QPixmap]:
    """One of our icons in a colour, at each width in pixels. Raises FileNotFoundError for a name we don't have."""
    svg = (_ICONS / f"{name}.svg").read_text("utf-8").replace("currentColor", colour)
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    drawn = []
    for pixels in sizes:
        pixmap = QPixmap(pixels, pixels)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, pixels, pixels))
        painter.end()
        drawn.append(pixmap)
    return drawn


@lru_cache(maxsize=256)
def icon(name: str, colour: str = "", *, size: int = 20, stateful: bool = False) -> QIcon:
    """An icon in the look's text colour (or another), `size` pixels wide at 100 % text size, sharp at this screen's scale.

    A `stateful` one is drawn in the accent when it is on and pale when it is disabled (each costs a millisecond at the start).
    """
    chosen = _Current.look
    screen = QGuiApplication.primaryScreen()
    scale = screen.devicePixelRatio() if screen is not None else 1.0
    size = scaled(size)
    sizes = tuple(sorted({size, math.ceil(size * scale)}))
    wanted = [(QIcon.Mode.Normal, QIcon.State.Off, colour or chosen.text)]
    if stateful:
        wanted += [(QIcon.Mode.Normal, QIcon.State.On, chosen.accent), (QIcon.Mode.Disabled, QIcon.State.Off, blend(chosen.quiet, chosen.desk))]
    made = QIcon()
    for mode, state, ink in wanted:
        for pixmap in draw_icon(name, ink, sizes):
            made.addPixmap(pixmap, mode, state)
    return made


def blend(colour: str, with_colour: str, share: float = 0.5) -> str:
    """A colour between two, `share` of the first."""
    one, other = QColor(colour), QColor(with_colour)
    mixed = (round(getattr(one, part)() * share + getattr(other, part)() * (1 - share)) for part in ("red", "green", "blue"))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def contrast_ratio(one: str, other: str) -> float:
    """WCAG 2 contrast between two colours, 1 to 21 (w3.org/TR/WCAG21/#dfn-contrast-ratio)."""

    def luminance(colour: str) -> float:
        parts = [QColor(colour).redF(), QColor(colour).greenF(), QColor(colour).blueF()]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def icon_size(pixels: int = 20) -> QSize:
    """A square size for icons, at the text size in use."""
    return QSize(scaled(pixels), scaled(pixels))


__all__ = [
    "BASE_PIXELS",
    "CONTRAST",
    "DARK",
    "GRID",
    "LIGHT",
    "Look",
    "blend",
    "chat_font",
    "column",
    "contrast_ratio",
    "draw_icon",
    "icon",
    "icon_size",
    "load_fonts",
    "look",
    "mono_family",
    "resolve",
    "scaled",
    "wear",
]
