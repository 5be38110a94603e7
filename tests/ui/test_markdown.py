"""Markdown as models write it: formulas, footnotes, task lists, pictures; and as plain words."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFont, QImage, QPainter, QTextDocument
from pytestqt.qtbot import QtBot

from ui.widgets.formulas import Drawing, Formula, Formulas, draw
from ui.widgets.markdown import Colours, Markdown
from ui.widgets.safe_browser import SafeBrowser

COLOURS = Colours("#000000", "#666666", "#1f6660", "#f1ede5", "#dfd9cd", "default", "monospace")


class Recorder(Formulas):
    """Formulas that only writes down what it is asked for."""

    def __init__(self) -> None:
        font = QFont("Noto Sans")
        font.setPixelSize(14)
        super().__init__(font, "#000000")
        self.asked: list[tuple[str, bool]] = []

    def find(self, tex: str, *, in_line: bool) -> tuple[Drawing | None, bool]:
        self.asked.append((tex, in_line))
        return None, False


def formulas_in(text: str) -> list[tuple[str, bool]]:
    recorder = Recorder()
    Markdown(COLOURS, formulas=recorder).render(text)
    return recorder.asked


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so $x^2$ and $y$.", [("x^2", True), ("y", True)]),
        (r"so \(x^2\) and \[y\]", [("x^2", True), ("y", False)]),
        ("$$\nx = 1\n$$", [("x = 1", False)]),
        ("$$ x = 1 $$", [("x = 1", False)]),
        ("\\[\nA = \\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}\n\\]\nThen.", [("A = \\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", False)]),
        ("- item with $a_1$\n- $$b$$", [("a_1", True), ("b", False)]),
        ("| a | b |\n|---|---|\n| $x$ | 1 |", [("x", True)]),
        ("it is $7$", [("7", True)]),
        (r"\$5 and $x\$y$", [(r"x\$y", True)]),
        ("from $5 to $10, or 5$ and 6$", []),
        ("costs $5 and then $10", []),
        ("`$x$` and ``` $y$ ```", []),
        ("```tex\n$x$\n```", []),
        ("$ x $ and $\n\nx$", []),
        ("$$never closed", []),
        ("    $$\n    code\n    $$", []),
        ("$đường$", [("đường", True)]),
    ],
)
def test_formulas_are_told_from_prices_and_code(text: str, found: list[tuple[str, bool]], qapp: object) -> None:
    assert formulas_in(text) == found


def test_two_thousand_dollars_take_no_time(qapp: object) -> None:
    assert formulas_in("$a" * 1000 + "\n\n" + "\\(" * 1000 + "\n\n" + "$$\n" * 500) is not None


def test_a_formula_is_drawn_where_the_letters_stand() -> None:
    drawing = draw(Formula("x", True, 17, "#ff0000"))
    deep = draw(Formula(r"\frac{a}{b}", True, 17, "#ff0000"))
    assert drawing is not None and deep is not None
    assert 5 < drawing.ascent < 14 and 0 < drawing.descent < 3
    assert deep.descent > drawing.descent + 3
    assert b"#ff0000" in drawing.svg


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{",
        "",
        "}{",
        r"\left(" * 100,
        "{" * 500 + "}" * 500,
        r"\begin{pmatrix}" * 70,
        "x" * 1999 + "{",
        r"\sqrt[",
        "\x00",
        "\ud800",
        r"\href{file:///etc/passwd}{x}",
    ],
)
def test_tex_that_is_none_is_not_drawn_and_never_raises(tex: str) -> None:
    drawing = draw(Formula(tex, True, 17, "#000000"))
    assert drawing is None or b"file:" not in drawing.svg


def glyphs(image: QImage) -> list[tuple[int, int]]:
    """Upper and lower row of the ink of each glyph, from left to right: glyphs are parted by columns without ink."""
    dark = [[image.pixelColor(x, y).lightness() < 140 for y in range(image.height())] for x in range(image.width())]
    found: list[list[int]] = []
    rows: list[int] = []
    for column in [*dark, [False] * image.height()]:
        if any(column):
            rows += [y for y, ink in enumerate(column) if ink]
        elif rows:
            found.append(rows)
            rows = []
    return [(min(rows), max(rows)) for rows in found]


@pytest.mark.parametrize("tex", ["x", r"x\quad\frac{x}{x}", r"x\quad\sum_x^{x^x}", r"x\quad\begin{pmatrix}1\\2\\3\end{pmatrix}"])
def test_a_formulas_letters_stand_where_the_words_letters_stand(qtbot: QtBot, tex: str) -> None:
    font = QFont("Noto Sans")
    font.setPixelSize(14)
    formulas = Formulas(font, "#000000")
    markdown = Markdown(COLOURS, formulas=formulas)
    browser = SafeBrowser(pictures=formulas)
    qtbot.addWidget(browser)
    browser.document().setDefaultFont(font)
    markdown.render(f"x ${tex}$")
    qtbot.waitUntil(lambda: not markdown.render(f"x ${tex}$").waits, timeout=5000)
    html = markdown.render(f"x ${tex}$").html
    assert "<img" in html
    browser.resize(300, browser.set_html(html, 300))
    image = QImage(browser.size(), QImage.Format.Format_RGB32)
    image.fill("#ffffff")
    painter = QPainter(image)
    browser.document().drawContents(painter)
    painter.end()
    word, formula = glyphs(image)[:2]
    assert abs(word[1] - formula[1]) <= 1
    assert browser.asked_for == []


def test_wide_formulas_fit_the_room(qapp: object) -> None:
    formulas = Recorder()
    drawing = draw(Formula("+".join("abcdefghijklmnopqrstuvwxyz" * 3), False, 17, "#000000"))
    assert drawing is not None and drawing.width > 900
    assert 'width="400"' in formulas.html("x", drawing, 400, in_line=False)


def test_formulas_come_when_they_are_drawn(qtbot: QtBot) -> None:
    font = QFont("Noto Sans")
    font.setPixelSize(14)
    formulas = Formulas(font, "#000000")
    markdown = Markdown(COLOURS, formulas=formulas)
    first = markdown.render("$a$ and $b$ and $a$")
    assert first.waits and "<img" not in first.html
    with qtbot.waitSignal(formulas.ready, timeout=5000):
        pass
    qtbot.waitUntil(lambda: not markdown.render("$a$ and $b$ and $a$").waits, timeout=5000)
    html = markdown.render("$a$ and $b$ and $a$").html
    assert html.count("<img") == 3 and html.count('src="math:') == 3
    assert markdown.render(r"$\frac{$").waits
    qtbot.waitUntil(lambda: not markdown.render(r"$\frac{$").waits, timeout=5000)
    assert "<img" not in markdown.render(r"$\frac{$").html


def test_another_thread_may_draw(qtbot: QtBot) -> None:
    formulas = Formulas(QFont("Noto Sans"), "#000000")
    given: list[list[Formula]] = []
    formulas.drawer = given.append
    for tex in ("a", "b", "a", "c"):
        formulas.find(tex, in_line=True)
    qtbot.waitUntil(lambda: bool(given))
    formulas.find("d", in_line=True)
    qtbot.wait(20)
    assert [formula.tex for formula in given[0]] == ["a", "b", "c"] and len(given) == 1
    formulas.take([(formula, None) for formula in given[0]])
    qtbot.waitUntil(lambda: len(given) == 2)
    assert [formula.tex for formula in given[1]] == ["d"]


def test_an_address_nobody_made_is_no_picture(qapp: object) -> None:
    formulas = Formulas(QFont("Noto Sans"), "#000000")
    for address in ("math:", "math:abc#1x1x1x1", "math:#", "/etc/hostname", "math:x#99999999x99999999x1x1", "file:///etc/hostname#1x1x1x1b"):
        assert formulas.picture(address, 1.0) is None
        assert formulas.tex(address) == ""


def test_task_lists_and_footnotes() -> None:
    html = Markdown(COLOURS).render("- [ ] milk\n- [x] *tea*\n- [y] no\n\nSo.[^1] And[^note]\n\n[^1]: First\n  goes on\n[^note]: <b>Other</b> tiếng").html
    assert html.count('<li class="unchecked">milk') == 1
    assert html.count('<li class="checked"><em>tea') == 1
    assert "<li>[y] no" in html
    assert '<a href="note:1">1</a>' in html and '<a href="note:note">note</a>' in html
    assert "First<br" in html and "&lt;b&gt;Other&lt;/b&gt; tiếng" in html


def test_a_picture_on_the_web_becomes_a_link_that_says_where_it_leads() -> None:
    markdown = Markdown(COLOURS, image_word="picture not loaded: {name}")
    html = markdown.render("![a \u202ecat](https://cats.example.org/c.png?d=secret)").html
    assert '<a href="https://cats.example.org/c.png?d=secret">[picture not loaded: a cat, cats.example.org]</a>' in html
    for text in ("![x](data:image/png;base64,AAAA)", "![x](/etc/hostname)", "![x](x.png)", "![x](//host/share/x.png)", "![x](http://)"):
        html = markdown.render(text).html
        assert "<img" not in html and "<a " not in html and "x" in html


def test_the_words_without_marks() -> None:
    text = (
        "# Đầu đề\n\nSome *words* and `code` with $x^2$[^1].\nSecond line\n\n- [ ] one\n- two\n  - deep\n\n1. first\n2. second\n\n"
        "| a | b |\n|---|---|\n| 1 | **2** |\n\n```python\nx = 1\n\ny = 2\n```\n\n> quoted\n\n---\n\n$$\ny\n$$\n\n[^1]: The note\n"
    )
    assert Markdown(COLOURS).plain(text) == (
        "Đầu đề\n\nSome words and code with x^2[1].\nSecond line\n\n• [ ] one\n• two\n  • deep\n\n1. first\n2. second\n\n"
        "a\tb\n1\t2\n\nx = 1\n\ny = 2\n\nquoted\n\n———\n\ny\n\n1. The note"
    )


@pytest.mark.parametrize(
    "text",
    [
        "# A *head*\n\nwords `code` and **bold**\nnext line\\\nhard",
        "- a\n- b\n  - c\n\n1. one\n\n   more\n2. two",
        "| a | b |\n|---|:-:|\n| **x** | y `z` |\n| tiếng | [link](https://example.org) |",
        "```python\nx = 1\n\n# a comment\n```\n\n    indented\n\n```\nplain\n```",
        "> quoted\n> twice\n>\n> > deep",
        "a ![pic](https://e.org/x.png) b &amp; c &copy; \\* d",
        "x" * 500 + " " + "y" * 130,
        "text[^1]\n\n[^1]: the note *here*\n\n- [ ] task\n- [x] done",
        "a<br>b\n\n<b>html</b> ~~gone~~ 👩‍👩‍👧‍👦 Z̴̢a̷l̵g̶o",
    ],
)
def test_what_can_be_found_is_what_qt_shows(text: str, qapp: object) -> None:
    """The lines that are searched are the blocks of the document, less the words that belong to the program."""
    markdown = Markdown(COLOURS, image_word="picture: {name}")
    document = QTextDocument()
    document.setHtml(markdown.render(text).html)
    shown, block = [], document.begin()
    while block.isValid():
        shown.append(block.text().replace("\u200b", ""))
        block = block.next()
    assert [line.strip() for line in shown if line.strip()] == [line.strip() for line in markdown.lines(text) if line.strip()]
