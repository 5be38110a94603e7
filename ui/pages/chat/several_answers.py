"""The answers of several models side by side, and the vote on them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from localstory.chats.several import FEWEST
from localstory.chats.votes import Vote
from localstory.words import _
from ui import looks
from ui.pages.chat import several_state
from ui.pages.chat.several_state import Column
from ui.widgets.cards import Card, button, label
from ui.widgets.message_view import MessageView

_LEAST_WIDTH = 260
_LEAST_HEIGHT = 220
"""Of an answer that stands above others, in pixels."""


class AnswerCard(Card):
    """One answer with its buttons."""

    best_wanted = Signal(int)
    continue_wanted = Signal(int)
    acted = Signal(int, str)
    link_wanted = Signal(str)

    def __init__(self, column: Column) -> None:
        super().__init__()
        self.message_id = column.message_id
        self.column.setContentsMargins(12, 10, 12, 12)
        self.head = label("", "head")
        self.note = label("", "small")
        self.view = MessageView(looks.view_words(), looks.markdown(), looks.message_icons(), looks.bubble())
        looks.dress(self.view)
        self.view.acted.connect(self.acted)
        self.view.link_wanted.connect(self.link_wanted)
        self.best = button("", "main")
        self.best.clicked.connect(self._best)
        self.go_on = button("")
        self.go_on.clicked.connect(self._go_on)
        self.column.addWidget(self.head)
        self.column.addWidget(self.note)
        self.column.addWidget(self.view, 1)
        row = QHBoxLayout()
        row.addWidget(self.best)
        row.addWidget(self.go_on)
        row.addStretch(1)
        self.column.addLayout(row)

    def show_column(self, column: Column, vote: Vote, *, may_vote: bool) -> None:
        """Show what is known of it now."""
        self.head.setText(_("{model}: the best").format(model=column.title) if column.won else column.title)
        self.note.setText(column.note)
        self.note.setVisible(bool(column.note))
        self.view.set_messages([column.shown])
        self.view.setAccessibleName(_("What it says: {answer}").format(answer=column.title))
        self.best.setText(_("This one is best"))
        self.best.setAccessibleName(_("This one is best: {answer}").format(answer=column.title))
        self.best.setVisible(vote.is_open)
        self.best.setEnabled(may_vote and column.can_win)
        self.go_on.setText(_("Continue"))
        self.go_on.setToolTip(_("Continue with this one"))
        self.go_on.setAccessibleName(_("Continue with this one: {answer}").format(answer=column.title))
        self.go_on.setEnabled(not column.shown.live)

    def to_top(self) -> None:
        """One reads an answer from its beginning; one that is being written is followed."""
        rows = self.view.rows
        if rows and not rows[0].entry.shown.live:
            self.view.scroll_to_row(rows[0])

    def _best(self) -> None:
        self.best_wanted.emit(self.message_id)

    def _go_on(self) -> None:
        self.continue_wanted.emit(self.message_id)


class AnswersDialog(QDialog):
    """Shows a vote; `show_vote` as often as something changes."""

    voted = Signal(int, object)
    """The vote's id, and the best message's id, "same", "none", or "names" for the names without a vote."""
    continue_wanted = Signal(int)
    acted = Signal(str)
    """A text to be copied."""
    link_wanted = Signal(str)

    def __init__(self, question: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(_("The answers side by side"))
        window = parent.window()
        self.resize(max(480, window.width() - 64), max(400, window.height() - 64))
        self.vote: Vote | None = None
        self.cards: list[AnswerCard] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 12)
        column.setSpacing(8)
        asked = label(question, "head")
        asked.setMaximumHeight(asked.fontMetrics().lineSpacing() * 2 + 4)
        column.addWidget(asked)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        inside.setAutoFillBackground(False)
        self._grid = QGridLayout(inside)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        self.area.setWidget(inside)
        self.area.viewport().setAutoFillBackground(False)
        column.addWidget(self.area, 1)
        self.says: QLabel = label("")
        self.says.setAccessibleName(_("Your vote"))
        column.addWidget(self.says)
        buttons = QDialogButtonBox()
        self.same = self._choice(buttons, _("All the same"), "same")
        self.none = self._choice(buttons, _("None is good"), "none")
        self.names = self._choice(buttons, _("Show the names without a vote"), "names")
        self.close_button = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self.close_button.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    def _choice(self, buttons: QDialogButtonBox, words: str, verdict: str) -> QPushButton:
        made = button(words)
        made.clicked.connect(lambda: self._vote(verdict))
        buttons.addButton(made, QDialogButtonBox.ButtonRole.ActionRole)
        return made

    def show_vote(self, vote: Vote, columns: Sequence[Column], *, is_at_work: bool) -> None:
        """Show the answers as they are now; while a model is at work nothing can be voted."""
        self.vote = vote
        if [card.message_id for card in self.cards] != [column.message_id for column in columns]:
            kept = {card.message_id: card for card in self.cards}
            for gone in self.cards:
                self._grid.removeWidget(gone)
                if gone.message_id not in {column.message_id for column in columns}:
                    gone.deleteLater()
            self.cards = [kept.get(column.message_id) or self._new_card(column) for column in columns]
            self._arrange(anew=True)
            self._order_keys()
        may_vote = vote.is_open and not is_at_work and sum(column.can_win for column in columns) >= FEWEST
        for card, column in zip(self.cards, columns, strict=True):
            card.view.ensurePolished()  # its texts are measured in the font that it is shown in
            card.show_column(column, vote, may_vote=may_vote)
        self.says.setText(_("The other models are still to answer.") if is_at_work else several_state.verdict_words(vote))
        for made in (self.same, self.none):
            made.setVisible(vote.is_open)
            made.setEnabled(may_vote)
        self.names.setVisible(vote.hides)
        self.names.setEnabled(not is_at_work)

    def _order_keys(self) -> None:
        """Tab goes through the answers as they stand, then to the buttons below. Enter on an opened window votes for nothing."""
        chain: list[QWidget] = [part for card in self.cards for part in (card.view, card.best, card.go_on)]
        chain += [self.same, self.none, self.names, self.close_button]
        for before, after in pairwise(chain):
            self.setTabOrder(before, after)
        if self.cards and not any(part.hasFocus() for part in chain[:-4]):
            self.cards[0].view.setFocus()

    def view_of(self, message_id: int) -> MessageView | None:
        """Where a message is shown."""
        return next((card.view for card in self.cards if card.message_id == message_id), None)

    def _new_card(self, column: Column) -> AnswerCard:
        card = AnswerCard(column)
        card.best_wanted.connect(self._vote)
        card.continue_wanted.connect(self.continue_wanted)
        card.acted.connect(self._acted)
        card.link_wanted.connect(self.link_wanted)
        QTimer.singleShot(0, card, card.to_top)  # when it has its place
        return card

    def _vote(self, verdict: object) -> None:
        if self.vote is not None:
            self.voted.emit(self.vote.id, verdict)

    def _acted(self, key: int, action: str) -> None:
        view = self.view_of(key)
        if action == "copy" and view is not None:
            self.acted.emit(view.text_of(key))

    def _arrange(self, *, anew: bool = False) -> None:
        least = max([_LEAST_WIDTH, *(card.minimumSizeHint().width() + self._grid.spacing() for card in self.cards)])
        across = several_state.columns_that_fit(self.width() - 40, len(self.cards), least)
        if anew or self._grid.property("across") != across:
            self._grid.setProperty("across", across)
            for number in range(self._grid.columnCount()):
                self._grid.setColumnStretch(number, 0)
            for place, card in enumerate(self.cards):
                self._grid.addWidget(card, place // across, place % across)
                self._grid.setColumnStretch(place % across, 1)
            rows = -(-len(self.cards) // across) if self.cards else 0
            for card in self.cards:
                card.setMinimumHeight(_LEAST_HEIGHT if rows <= 1 else round(_LEAST_HEIGHT * 1.5))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()
