"""The whole account of the context: every text with its tokens, what was left out and why, and what to do when it is full."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QPlainTextEdit, QTabBar, QVBoxLayout, QWidget

from localstory.chats.service import Standing
from localstory.chats.store import Summary, SummaryId
from localstory.words import _
from ui import looks
from ui.pages.chat import context_state
from ui.widgets.cards import Card, button, label
from ui.widgets.combo import ComboBox
from ui.widgets.memory_bars import MemoryBars
from ui.widgets.plain_table import PlainTable

NEXT, LAST = 0, 1


class ContextDialog(QDialog):
    """Shows the next request and the last reply. `show_now` as often as something changes."""

    policy_chosen = Signal(str)
    summary_changed = Signal(int, str)
    summary_deleted = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(_("What the model is sent"))
        window = parent.window()
        self.resize(min(780, window.width() - 48), min(700, window.height() - 48))  # a small screen may be no larger than the window
        self._standing: Standing | None = None
        self._context: dict[str, Any] = {}
        self._summary: Summary | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(_("Which request"))
        self.tabs.addTab(_("The next request"))
        self.tabs.addTab(_("The last reply"))
        self.tabs.currentChanged.connect(self._show)
        column.addWidget(self.tabs, 0, Qt.AlignmentFlag.AlignLeft)
        self._bars = MemoryBars(looks.bar_colours())
        column.addWidget(self._bars)
        self._none = label("", "quiet")
        column.addWidget(self._none)
        heads = [_(head) for head in context_state.HEADS]
        self.table = PlainTable(_("Everything that was considered"), heads, stretch=1, numbers=(2, 3))
        self.table.setMinimumHeight(96)
        column.addWidget(self.table, 1)
        column.addStretch()  # takes the room while the table is hidden
        self._build_summary(column)
        self._build_policy(column)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    def _build_policy(self, column: QVBoxLayout) -> None:
        row = QHBoxLayout()
        row.setSpacing(12)
        words = label(_("When this chat is full"), wrap=False)
        self.policy = ComboBox()
        self.policy.setAccessibleName(_("When this chat is full"))
        words.setBuddy(self.policy)
        for name, title, _meaning in context_state.POLICIES:
            self.policy.addItem(_(title), name)
        self.policy.activated.connect(self._policy_activated)
        row.addWidget(words)
        row.addWidget(self.policy)
        row.addStretch(1)
        column.addLayout(row)
        self._meaning = label("", "small")
        column.addWidget(self._meaning)

    def _build_summary(self, column: QVBoxLayout) -> None:
        self._card = Card("soft")
        self._card.column.setContentsMargins(16, 12, 16, 12)
        self._card_title = label(_("The summary of the beginning"), "head")
        self._card.column.addWidget(self._card_title)
        self._by = label("", "small")
        self._card.column.addWidget(self._by)
        self.summary = QPlainTextEdit()
        self.summary.setAccessibleName(_("The summary of the beginning"))
        self.summary.setTabChangesFocus(True)
        self.summary.setFixedHeight(72)
        self.summary.textChanged.connect(self._summary_edited)
        self._card.column.addWidget(self.summary)
        row = QHBoxLayout()
        self.save = button(_("Save the summary"), "main")
        self.save.clicked.connect(self._save)
        self.delete = button(_("Delete the summary"))
        self.delete.clicked.connect(self._delete)
        row.addWidget(self.save)
        row.addWidget(self.delete)
        row.addStretch(1)
        self._card.column.addLayout(row)
        column.addWidget(self._card)

    def show_now(self, standing: Standing | None, context: dict[str, Any], when_full: str, summary: Summary | None = None) -> None:
        """Show what is known now: of the next request (None: its model is not loaded), and of the last reply ({}: none yet)."""
        self._standing, self._context = standing, context
        self.policy.setCurrentIndex(max(0, self.policy.findData(when_full)))
        self._meaning.setText(context_state.policy_words(when_full)[1])
        self._show()
        self._show_summary(summary)

    def _show(self) -> None:
        standing = self._standing if self.tabs.currentIndex() == NEXT else None
        context = self._context if self.tabs.currentIndex() == LAST else {}
        none = ""
        if standing is not None:
            self._bars.show_bars([context_state.bar(_("The next request"), context_state.strip(standing))], _("The next request"))
            self.table.show_rows(context_state.rows(standing))
        elif context.get("by_kind") is not None:
            self._bars.show_bars([context_state.bar(_("The last reply"), context_state.strip_of_record(context))], _("The last reply"))
            self.table.show_rows(context_state.rows_of_record(context))
            none = context_state.not_summarised(context)
        elif self.tabs.currentIndex() == NEXT:
            none = _("It is counted as soon as the model is loaded: with the next reply.")
        else:
            none = _("No reply was written here yet.")
        has = standing is not None or context.get("by_kind") is not None
        self._bars.setVisible(has)
        self.table.setVisible(has)
        self._none.setText(none)
        self._none.setVisible(bool(none))

    def _show_summary(self, summary: Summary | None) -> None:
        before, self._summary = self._summary, summary
        self._card.setVisible(summary is not None)
        if summary is None:
            return
        if before is None or (before.id, before.changed_at) != (summary.id, summary.changed_at):
            self.summary.setPlainText(summary.text)
        self._by.setText(_("Changed by you") if summary.written_by == "person" else _("Written by {model}").format(model=summary.model))
        self._summary_edited()

    def _summary_edited(self) -> None:
        text = self.summary.toPlainText().strip()
        self.save.setEnabled(self._summary is not None and bool(text) and text != self._summary.text)

    def _policy_activated(self) -> None:
        chosen = str(self.policy.currentData())
        self._meaning.setText(context_state.policy_words(chosen)[1])
        self.policy_chosen.emit(chosen)

    def _save(self) -> None:
        if self._summary is not None:
            self.summary_changed.emit(SummaryId(self._summary.id), self.summary.toPlainText())

    def _delete(self) -> None:
        if self._summary is not None:
            self.summary_deleted.emit(SummaryId(self._summary.id))
