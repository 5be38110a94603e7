"""The side panel of a chat, by level: its model and system prompt; parameters; the numbers of the last reply."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QHBoxLayout, QLabel, QPlainTextEdit, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from localstory.chats.asking import DEFAULTS
from localstory.chats.store import Chat
from localstory.words import _
from ui.desk import Desk
from ui.pages.chat import state
from ui.pages.chat.branches import BranchesCard
from ui.pages.chat.choices import Choice
from ui.widgets.cards import button, label


class ChatSide(QWidget):
    """Emits `changed` with what the person set."""

    changed = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setMinimumWidth(200)
        self._desk = desk
        self._shown_chat: int | None = None
        self._filling = False
        self._other_parameters: dict[str, Any] = {}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer.addWidget(scroll)
        inside = QWidget()
        scroll.setWidget(inside)
        scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addWidget(label(_("Model"), "head"))
        self._model = label("")
        column.addWidget(self._model)
        self._facts = QFormLayout()
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(4)
        column.addLayout(self._facts)
        column.addSpacing(8)
        column.addWidget(label(_("System prompt"), "head"))
        column.addWidget(label(_("What the model should know and be in this chat."), "small"))
        self.prompt = QPlainTextEdit()
        self.prompt.setAccessibleName(_("System prompt"))
        self.prompt.setPlaceholderText(_("For example: You are a patient teacher."))
        self.prompt.setTabChangesFocus(True)
        self.prompt.setFixedHeight(120)
        column.addWidget(self.prompt)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(500)
        self._timer.timeout.connect(self._keep_prompt)
        self.prompt.textChanged.connect(self._prompt_changed)
        self.branches = BranchesCard(desk)
        column.addWidget(self.branches)
        self._power = QWidget()
        column.addWidget(self._power)
        self._build_parameters()
        self._developer = QWidget()
        numbers = QVBoxLayout(self._developer)
        numbers.setContentsMargins(0, 8, 0, 0)
        numbers.addWidget(label(_("The last reply in numbers"), "head"))
        self._numbers = QFormLayout()
        self._numbers.setHorizontalSpacing(12)
        self._numbers.setVerticalSpacing(4)
        numbers.addLayout(self._numbers)
        column.addWidget(self._developer)
        column.addStretch(1)

    def _build_parameters(self) -> None:
        column = QVBoxLayout(self._power)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addWidget(label(_("How it writes"), "head"))
        self._spins: dict[str, QDoubleSpinBox | QSpinBox] = {}
        self._labels: dict[str, QLabel] = {}
        self._tips: dict[str, str] = {}
        for name, words, tip, lowest, highest, step in (
            ("temperature", _("Temperature"), _("0 always takes the likeliest word; higher is bolder."), 0.0, 2.0, 0.1),
            ("top_p", _("Top-p"), _("Leaves out the unlikeliest words."), 0.05, 1.0, 0.05),
            ("repeat_penalty", _("Repetition penalty"), _("Above 1 it repeats itself less."), 1.0, 2.0, 0.05),
            ("max_tokens", _("Longest reply"), _("In tokens; a token is about three quarters of a word."), 16, 8192, 64),
        ):
            row = QHBoxLayout()
            self._labels[name], self._tips[name] = label(words), tip
            row.addWidget(self._labels[name], 1)
            spin: QDoubleSpinBox | QSpinBox
            if isinstance(lowest, int) and isinstance(highest, int):
                spin = QSpinBox()
                spin.setRange(lowest, highest)
                spin.setSingleStep(int(step))
                spin.valueChanged.connect(self._parameter_changed)
            else:
                spin = QDoubleSpinBox()
                spin.setRange(lowest, highest)
                spin.setSingleStep(step)
                spin.valueChanged.connect(self._parameter_changed)
            spin.setAccessibleName(words)
            spin.setToolTip(tip)
            spin.setKeyboardTracking(False)
            spin.setMinimumWidth(84)
            self._spins[name] = spin
            row.addWidget(spin)
            column.addLayout(row)
        reset = button(_("Back to the defaults"), "link")
        reset.clicked.connect(self._reset)
        column.addWidget(reset, 0, Qt.AlignmentFlag.AlignLeft)

    def show_chat(self, chat: Chat | None, choice: Choice | None, made_of: dict[str, Any]) -> None:
        """Show what belongs to a chat (None: a new one)."""
        self._filling = True
        self._model.setText(choice.title if choice is not None else _("No model yet"))
        _fill(self._facts, list(choice.facts) if choice is not None else [])
        prompt = chat.system_prompt if chat is not None else ""
        if self.prompt.toPlainText() != prompt and not self._timer.isActive():
            self.prompt.setPlainText(prompt)
        parameters = chat.parameters if chat is not None else {}
        self._other_parameters = {name: value for name, value in parameters.items() if name not in self._spins}
        chosen = DEFAULTS | parameters
        for name, spin in self._spins.items():
            if not spin.hasFocus():
                spin.setValue(chosen[name])
            why = choice.why_not(name) if choice is not None and name != "max_tokens" else ""
            spin.setEnabled(not why)
            spin.setToolTip(why or self._tips[name])
            spin.setAccessibleDescription(why)
            self._labels[name].setEnabled(not why)
            self._labels[name].setToolTip(why)
        level = self._desk.app.settings.level
        self._power.setVisible(level in ("power", "developer"))
        facts = state.reply_facts(made_of)
        _fill(self._numbers, facts)
        self._developer.setVisible(level == "developer" and bool(facts))
        self._filling = False

    def _prompt_changed(self) -> None:
        if not self._filling:
            self._timer.start()

    def _keep_prompt(self) -> None:
        self.changed.emit({"system_prompt": self.prompt.toPlainText()})

    def _parameter_changed(self) -> None:
        if not self._filling:
            values = {name: round(spin.value(), 3) if isinstance(spin, QDoubleSpinBox) else spin.value() for name, spin in self._spins.items()}
            chosen = {name: value for name, value in values.items() if value != DEFAULTS[name]}
            self.changed.emit({"parameters": self._other_parameters | chosen})

    def _reset(self) -> None:
        self._filling = True
        for name, spin in self._spins.items():
            spin.setValue(DEFAULTS[name])
        self._filling = False
        self.changed.emit({"parameters": self._other_parameters})


def _fill(form: QFormLayout, facts: list[tuple[str, str]]) -> None:
    shown = form.property("facts")
    if shown == facts:
        return
    form.setProperty("facts", facts)
    while form.rowCount():
        form.removeRow(0)
    for what, value in facts:
        form.addRow(label(what, "small"), label(value, "small"))
