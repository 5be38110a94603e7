"""The room of settings: searchable; each with its default, where its value comes from and a reset."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.desk import Desk, Page
from ui.pages.settings import state
from ui.pages.settings.backups import BackupsCard
from ui.pages.settings.kept import KeptCard
from ui.pages.settings.servers import ServersCard
from ui.pages.settings.shortcuts import ShortcutsCard
from ui.widgets.cards import Card, button, label
from ui.widgets.combo import ComboBox
from ui.widgets.palette_score import fold
from ui.widgets.scrolled import ScrolledColumn


class SettingsPage(Page):
    """Changes apply at once and are kept at once."""

    name = "settings"
    icon = "settings"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        scrolled = ScrolledColumn(_("Settings"), most=720)
        self.place = scrolled
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search settings"))
        self.search.setAccessibleName(_("Search settings"))
        self.search.textChanged.connect(self._filter)
        scrolled.column.addWidget(self.search)
        self._cards: dict[str, _SettingCard] = {}
        for row in state.rows(desk.app.settings):
            card = _SettingCard(desk, row)
            self._cards[row.name] = card
            scrolled.column.addWidget(card)
        self.shortcuts = ShortcutsCard(desk)
        scrolled.column.addWidget(self.shortcuts)
        self.servers = ServersCard(desk)
        scrolled.column.addWidget(self.servers)
        self.backups = BackupsCard(desk)
        scrolled.column.addWidget(self.backups)
        self.kept = KeptCard(desk)
        scrolled.column.addWidget(self.kept)
        self._none = label(_("No setting has these words."), "quiet")
        self._none.hide()
        scrolled.column.addWidget(self._none)
        place = label(_("Kept in {file}").format(file=desk.app.home.settings_file), "small")
        scrolled.column.addWidget(place)
        desk.settings_changed.connect(self._changed)

    @property
    def title(self) -> str:
        return _("Settings")

    @property
    def titles(self) -> list[str]:
        """What each setting is called."""
        return [row.title for row in state.rows(self.desk.app.settings)] + [_("Shortcuts"), _("Model servers"), _("Backups"), _("Saved states")]

    def entered(self, what: object = None) -> None:
        self.servers.look_again()
        self.kept.show_taken()
        self.backups.look()
        self.search.setText(what if isinstance(what, str) else "")
        self.focus_first()

    def focus_first(self) -> None:
        self.search.setFocus()

    def _filter(self, query: str) -> None:
        names = {row.name for row in state.rows(self.desk.app.settings, query)}
        for name, card in self._cards.items():
            card.setVisible(name in names)
        found = bool(names)
        others: tuple[Card, ...] = (self.shortcuts, self.servers, self.backups, self.kept)
        for other in others:
            has_words = all(word in fold(" ".join(part.text() for part in other.findChildren(QLabel))) for word in fold(query).split())
            other.setVisible(has_words)
            found = found or has_words
        self._none.setVisible(not found)

    def _changed(self, name: str) -> None:
        if name == "look_for_servers":
            self.servers.look_again()
        for row in state.rows(self.desk.app.settings):
            self._cards[row.name].show_row(row)


class _SettingCard(Card):
    """One setting."""

    def __init__(self, desk: Desk, row: state.Row) -> None:
        super().__init__()
        self._desk = desk
        self._row = row
        line = QHBoxLayout()
        line.setSpacing(16)
        words = QVBoxLayout()
        words.setSpacing(4)
        title = label(row.title, "head")
        words.addWidget(title)
        words.addWidget(label(row.text, "quiet"))
        line.addLayout(words, 1)
        self._choices = ComboBox()
        self._choices.setAccessibleName(row.title)
        title.setBuddy(self._choices)  # on Linux a screen reader names a list by its label
        self._choices.setAccessibleIdentifier(f"setting.{row.name}")
        self._choices.setMinimumWidth(160)
        for value, text in row.choices:
            self._choices.addItem(text, value)
        self._choices.activated.connect(self._chosen)
        line.addWidget(self._choices)
        self.column.addLayout(line)
        foot = QHBoxLayout()
        self._origin = label("", "small")
        foot.addWidget(self._origin, 1)
        self._reset = button(_("Reset"), "link", name=_("Reset: {setting}").format(setting=row.title))
        self._reset.setIcon(theme.icon("reset", theme.look().accent))
        self._reset.setAccessibleIdentifier(f"reset.{row.name}")
        self._reset.clicked.connect(self._to_default)
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        foot.addWidget(self._reset)
        holder = QWidget()
        holder.setLayout(foot)
        foot.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(holder)
        self.show_row(row)

    def show_row(self, row: state.Row) -> None:
        """Show the value it has now."""
        self._row = row
        self._choices.setCurrentIndex(next((at for at, (value, _words) in enumerate(row.choices) if value == row.value), 0))
        self._origin.setText(row.origin)
        self._reset.setVisible(not row.is_default)

    def _chosen(self, at: int) -> None:
        value = self._row.choices[at][0]
        if value != self._row.value:
            self._desk.change_setting(self._row.name, value)

    def _to_default(self) -> None:
        self._choices.setFocus()  # the button is about to hide
        self._desk.change_setting(self._row.name, self._row.default)
