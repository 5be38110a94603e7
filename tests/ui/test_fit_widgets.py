"""The parts that show a fit: understood without colour, by keyboard, by screen reader, and live."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui import looks, theme
from ui.widgets.badge import BadgeColours, VerdictBadge
from ui.widgets.context_slider import ContextSlider
from ui.widgets.memory_bars import BarColours, MemoryBars
from ui.widgets.values import Badge, Bar, BarPart, Tone, context_steps

TONES: tuple[Tone, ...] = ("good", "fair", "poor", "no", "unknown")
ONE_INK = ("#000000", "#ffffff")
NO_COLOUR = BadgeColours(ONE_INK, ONE_INK, ONE_INK, ONE_INK, ONE_INK, "")
_FOUR = ("#ff0000", "#00ff00", "#0000ff", "#ffff00")
PLAIN = BarColours(_FOUR, _FOUR, "#808080", "#000000", "#000000", "#000000", "#ff00ff")
LOOKS = (theme.LIGHT, theme.DARK, theme.CONTRAST)


@pytest.fixture(params=LOOKS, ids=lambda look: look.name)
def worn(request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[theme.Look]:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme.wear(application, request.param, application.font().family())
    yield request.param
    theme.wear(application, theme.LIGHT, application.font().family())


def bar(weights: float, conversation: float, budget: float | None, name: str = "Memory") -> Bar:
    parts = (BarPart("Weights", weights, f"{weights} GiB", 0), BarPart("Conversation", conversation, f"{conversation} GiB", 1), BarPart("Work", 0.0, "0", 2))
    return Bar(name, parts, budget, f"room for {budget}", f"{weights + conversation} of {budget}", f"{name}: {weights} and {conversation} of {budget}.")


def painted(bars: MemoryBars, width: int = 400) -> QImage:
    bars.resize(width, 10)
    bars.resize(width, bars.heightForWidth(width))
    return bars.grab().toImage()


def row_colours(image: QImage, y: int) -> list[str]:
    return [image.pixelColor(x, y).name() for x in range(image.width())]


# -- badge ------------------------------------------------------------------------------------------------------------


def test_every_verdict_has_a_shape_of_its_own(qtbot: QtBot) -> None:
    """Painted in one ink and with the same word, no two badges look alike."""
    pictures = []
    for tone in TONES:
        made = VerdictBadge(Badge(tone, "same"), NO_COLOUR)
        qtbot.addWidget(made)
        made.resize(made.sizeHint())
        pictures.append(made.grab().toImage())
        assert sum(pictures[-1].pixelColor(x, y).lightness() < 128 for x in range(8, 22) for y in range(pictures[-1].height())) > 20
    for one, other in itertools.combinations(pictures, 2):
        different = sum(one.pixel(x, y) != other.pixel(x, y) for x in range(8, 24) for y in range(one.height()))
        assert different > 15


def test_a_badge_says_its_word_and_has_room_for_it(qtbot: QtBot) -> None:
    made = VerdictBadge(Badge("good", "Runs well"), NO_COLOUR)
    qtbot.addWidget(made)
    narrow = made.sizeHint().width()
    made.show_badge(Badge("fair", "Chạy được, một phần trên bộ xử lý"))
    assert made.accessibleName() == "Chạy được, một phần trên bộ xử lý"
    assert made.sizeHint().width() > narrow + 40


def test_badges_and_bars_can_be_read_in_every_look(worn: theme.Look) -> None:
    colours = looks.badge_colours()
    for tone in TONES:
        ink, ground = getattr(colours, tone)
        assert theme.contrast_ratio(ink, ground) >= 4.5, (worn.name, tone)
    bars = looks.bar_colours()
    assert theme.contrast_ratio(bars.warn, worn.page) >= 4.5
    # Each part stands out from the empty track, or has a pattern that does.
    for fill, ink in zip(bars.fills, bars.inks, strict=True):
        assert max(theme.contrast_ratio(fill, bars.track), theme.contrast_ratio(ink, bars.track)) >= 1.5


# -- bars -------------------------------------------------------------------------------------------------------------


def test_parts_are_as_wide_as_their_share(qtbot: QtBot) -> None:
    made = MemoryBars(PLAIN)
    qtbot.addWidget(made)
    made.show_bars([bar(6.0, 2.0, 16.0)])
    colours = row_colours(painted(made), 30)
    track = 400 - 7
    assert colours.count("#ff0000") == pytest.approx(6 / 16 * track, abs=3)
    assert colours.count("#00ff00") == pytest.approx(2 / 16 * track, abs=3)
    assert colours.count("#808080") > 0.45 * track


def test_a_part_that_takes_nothing_is_not_drawn(qtbot: QtBot) -> None:
    made = MemoryBars(PLAIN)
    qtbot.addWidget(made)
    made.show_bars([bar(6.0, 2.0, 16.0)])
    assert "#0000ff" not in row_colours(painted(made), 30)
    made.show_bars([Bar("x", (BarPart("Weights", 100.0, "", 0), BarPart("Work", 0.001, "", 2)), 200.0, "", "", "")])
    colours = row_colours(painted(made), 30)
    assert any(QColor(colour).blue() > QColor(colour).red() + 40 for colour in colours), "a small part is still seen"


def test_kinds_differ_without_colour(qtbot: QtBot) -> None:
    """All fills one colour, all inks another: solid, hatched, dotted and crossed remain."""
    grey = BarColours(("#ffffff",) * 4, ("#000000",) * 4, "#ffffff", "#ffffff", "#ffffff", "#ffffff", "#ffffff")
    seen = set()
    for kind in range(4):
        made = MemoryBars(grey)
        qtbot.addWidget(made)
        made.show_bars([Bar("", (BarPart("", 1.0, "", kind),), None, "", "", "")])
        image = painted(made, 200)
        seen.add(tuple(image.pixelColor(x, y).name() for y in range(28, 38) for x in range(40, 60)))
    assert len(seen) == 4


def test_too_much_is_shown_and_said(qtbot: QtBot) -> None:
    made = MemoryBars(PLAIN)
    qtbot.addWidget(made)
    fits, over = bar(6.0, 2.0, 16.0), bar(6.0, 14.0, 16.0)
    assert (fits.is_over, over.is_over) == (False, True)
    made.show_bars([fits])
    assert "#ff00ff" not in row_colours(painted(made), 30)
    made.show_bars([over])
    colours = row_colours(painted(made), 32)
    line = round(16 / 20 * 393)
    assert "#ff00ff" in colours[line - 2 : line + 3], "the budget's line, inside the bar"
    assert "#00ff00" in colours[line - 40 : line - 4] and "#00ff00" not in colours[line + 4 :], "what is too much wears the warning"
    assert made.accessibleDescription() == over.description


def test_two_devices_stand_under_each_other_and_an_unknown_budget_has_no_line(qtbot: QtBot) -> None:
    made = MemoryBars(PLAIN)
    qtbot.addWidget(made)
    made.show_bars([bar(6.0, 2.0, 16.0)], "Memory of the model")
    one = made.heightForWidth(400)
    made.show_bars([bar(6.0, 2.0, 16.0), bar(1.0, 0.5, None, "Graphics card")])
    two = made.heightForWidth(400)
    assert one * 1.6 < two < one * 2.4
    assert made.accessibleName() == "Memory of the model"
    assert made.accessibleDescription().startswith("Memory: 6.0 and 2.0 of 16.0. Graphics card")
    made.show_bars([])
    assert made.heightForWidth(400) == 0


def test_a_narrow_window_breaks_the_legend_and_loses_no_entry(qtbot: QtBot) -> None:
    made = MemoryBars(PLAIN)
    qtbot.addWidget(made)
    made.show_bars([bar(6.0, 2.0, 16.0)])
    assert made.heightForWidth(160) > made.heightForWidth(600)
    assert [len(made._legend(made.bars[0], width)) for width in (160, 600)][1] == 1
    assert sum(len(row) for row in made._legend(made.bars[0], 160)) == 3


def test_bars_follow_a_slider_within_a_frame(qtbot: QtBot) -> None:
    made = MemoryBars(looks.bar_colours())
    qtbot.addWidget(made)
    made.show_bars([bar(6.0, 2.0, 16.0), bar(3.0, 1.0, 8.0)])
    made.resize(600, 300)
    made.show()
    QTest.qWaitForWindowExposed(made)
    times = []
    for step in range(40):
        started = time.perf_counter()
        made.show_bars([bar(6.0, step / 4, 16.0), bar(3.0, 1.0, 8.0)])
        made.repaint()
        times.append(time.perf_counter() - started)
    assert sorted(times)[20] < 0.008


# -- slider -----------------------------------------------------------------------------------------------------------


def slider(qtbot: QtBot) -> ContextSlider:
    made = ContextSlider("Context length", lambda tokens: f"{tokens} tokens", lambda tokens: f"{tokens // 1024}k", "#666666", "#006666")
    qtbot.addWidget(made)
    made.resize(500, 90)
    made.show()
    QTest.qWaitForWindowExposed(made)
    return made


def test_steps_are_powers_of_two_and_the_exact_most() -> None:
    assert context_steps(2048, 40960) == (2048, 4096, 8192, 16384, 32768, 40960)
    assert context_steps(2048, 131072, 28672) == (2048, 4096, 8192, 16384, 28672, 32768, 65536, 131072)
    assert context_steps(2048, 512) == (512,)
    assert context_steps(2048, 8192, 100) == (2048, 4096, 8192)
    assert context_steps(0, 1) == (1,)


def test_the_keyboard_moves_it_and_every_step_is_told_at_once(qtbot: QtBot) -> None:
    made = slider(qtbot)
    heard: list[int] = []
    made.moved.connect(heard.append)
    made.set_steps(context_steps(2048, 40960), 8192)
    assert (heard, made.tokens) == ([], 8192), "setting it tells nobody"
    made.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Home, Qt.Key.Key_PageUp):
        QTest.keyClick(made.slider, key)
    assert heard == [16384, 32768, 40960, 2048, 8192]


def test_it_says_what_it_stands_at_to_eyes_and_ears(qtbot: QtBot) -> None:
    made = slider(qtbot)
    made.set_steps(context_steps(2048, 40960), 30000)
    assert made.tokens == 32768
    made.setFocus()
    QTest.keyClick(made.slider, Qt.Key.Key_End)
    assert made.slider.accessibleName() == "Context length: 40960 tokens"
    assert made._said.text() == "40960 tokens"


def test_dragging_tells_before_the_button_is_let_go(qtbot: QtBot) -> None:
    made = slider(qtbot)
    made.set_steps(context_steps(2048, 131072), 2048)
    heard: list[int] = []
    made.moved.connect(heard.append)
    height = made.slider.height() // 2
    QTest.mousePress(made.slider, Qt.MouseButton.LeftButton, pos=QPoint(9, height))
    QTest.mouseMove(made.slider, QPoint(made.slider.width() // 2, height))
    QTest.mouseMove(made.slider, QPoint(made.slider.width() - 9, height))
    assert heard and heard[-1] == 131072
    QTest.mouseRelease(made.slider, Qt.MouseButton.LeftButton, pos=QPoint(made.slider.width() - 9, height))


def test_the_largest_that_fits_is_marked_and_ticks_never_overlap(qtbot: QtBot) -> None:
    made = slider(qtbot)
    made.set_steps(context_steps(2048, 131072, 28672), 8192, fits_up_to=28672, fits_word="fits")
    tall = made.sizeHint().height()
    made.set_steps(context_steps(2048, 131072), 8192, fits_up_to=28672)  # not among the steps: not marked
    assert made.sizeHint().height() < tall
    made.resize(220, 90)
    made.grab()  # paints with little room without complaint
