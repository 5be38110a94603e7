"""Home, Models and Machine over a recorded machine: what they decide, and that the window follows it live."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QRadioButton, QWidget

from localstory import words
from localstory.app import App, open_app
from localstory.errors import FileTrouble
from localstory.fit.build import PORTABLE
from localstory.fit.check import nothing_measured
from localstory.fit.records import Measurement
from localstory.hardware.machine import GpuUser, Machine
from localstory.hardware.saved import read_machine
from localstory.models.catalogue import shipped_catalogue
from localstory.models.fitting import _candidate, estimated
from localstory.models.recommend import Candidate, Pick, recommend
from localstory.paths import open_home
from localstory.settings import Settings
from tests.conftest import OLD_PACK
from tests.ui.conftest import Opened
from ui import fit_values
from ui.pages.home import state as home_state
from ui.pages.home.page import HomePage
from ui.pages.machine import state as machine_state
from ui.pages.models import state as models_state
from ui.pages.models.closely import CloselyView
from ui.pages.models.page import ModelsPage
from ui.widgets.badge import VerdictBadge

MACHINES = Path(__file__).parents[1] / "data/fit/machines"
GIB = 1 << 30


def recorded(name: str) -> Machine:
    return read_machine(MACHINES / f"{name}.json")


@pytest.fixture(scope="module")
def candidates() -> list[Candidate]:
    found = []
    for entry in shipped_catalogue().texts:
        for file in entry.files:
            subject = estimated(entry, file)
            if subject is not None:
                found.append(_candidate(entry, file, subject, None))
    assert len(found) > 30
    return found


@pytest.fixture(params=["en", "vi"])
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    words.use_language(request.param)
    yield request.param
    words.use_language("en")


ALL = sorted(path.stem for path in MACHINES.glob("*.json"))


# -- what is decided --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_home_has_an_answer_for_every_recorded_machine(name: str, candidates: list[Candidate], spoken: str) -> None:
    machine = recorded(name)
    seen = home_state.computer(machine)
    assert seen.headline and len(seen.facts) >= 4
    found = recommend(candidates, machine, language=spoken)
    advice = home_state.recommended(found)
    assert advice is not None, "every one of them can run something"
    text = " ".join(
        [seen.headline, seen.limit, advice.facts, advice.reason, *(part for row in advice.compared for part in (row.quality, row.memory, row.speed))]
    )
    assert "{" not in text and "None" not in text and "nan" not in text
    assert advice.badge.tone in ("good", "fair", "poor")


def test_what_if_more_memory_brings_a_larger_model_and_says_when_it_does_not(candidates: list[Candidate]) -> None:
    small, desktop = recorded("container-6gb-of-16gb"), recorded("desktop-64gb-rtx-4090")
    now, then = recommend(candidates, small), recommend(candidates, small, extra_memory_bytes=16 * GIB)
    told = home_state.what_if(now, then, 16 * GIB)
    assert now.first and then.first and then.first.candidate.name in told and then.first.candidate.name != now.first.candidate.name
    rich = recommend(candidates, desktop)
    assert rich.first is not None
    told = home_state.what_if(rich, rich, 8 * GIB)
    assert "the same model" in told and "A graphics card with more memory" in told


def test_a_graphics_card_that_cannot_be_used_says_why_on_home() -> None:
    seen = home_state.computer(recorded("laptop-32gb-i7-1360p"))
    assert any("processor only" in meaning for _what, _value, meaning in seen.facts)


def test_bars_add_up_and_never_count_shared_memory_twice(candidates: list[Candidate]) -> None:
    """On a Mac there is one bar, whatever lies on the processor and on Metal; with a card of its own there are two."""
    candidate = next(one for one in candidates if 5 * GIB < one.subject.file_size_bytes < 6 * GIB)
    for name, bars in (("macbook-16gb-m4", 1), ("laptop-16gb-rtx-4060", 2), ("laptop-32gb-i7-1360p", 1)):
        checked = models_state.check_all([candidate], recorded(name), nothing_measured)[0]
        report = checked.best.report
        shown = fit_values.bars(report)
        assert len(shown) == bars, name
        assert sum(bar.amount for bar in shown) == pytest.approx(report.need.total_bytes)
        assert all(bar.budget is not None and bar.budget > 0 and bar.description for bar in shown)


def test_lists_speak_for_the_engine_that_will_run_each_model(home: Path, smollm2: Path, engines_folder: Path) -> None:
    """A pack for old processors reads a prompt more slowly and repacks nothing: the one model that was given it is told so."""
    shutil.copytree(engines_folder / OLD_PACK, open_home(home).engines / OLD_PACK)
    machine = recorded("laptop-32gb-i7-1360p")
    with open_app() as app:
        found = app.fitting.candidates()
        here = next(one for one in found if one.on_disk and Path(one.source) == smollm2)

        def told() -> tuple[dict[str, str], Pick]:
            picks = [pick for one in models_state.check_all(found, machine, nothing_measured, app.build_for) for pick in one.picks]
            return {pick.candidate.source: pick.report.placement.engine for pick in picks}, next(pick for pick in picks if pick.candidate == here)

        engines, portable = told()
        assert set(engines.values()) == {""}
        app.use_pack(OLD_PACK, smollm2)
        engines, old = told()
        assert {source for source, name in engines.items() if name == OLD_PACK} == {here.source}
        assert portable.report.speed.prompt_tps[0] > 1.2 * old.report.speed.prompt_tps[0]
        assert app.build_for(here).name == OLD_PACK
        app.use_pack(OLD_PACK)
        app.use_pack("builtin", smollm2)
        ranked = recommend([one for one in found if "story" in one.purposes], machine, purpose="story", build_for=app.build_for)
        assert {pick.report.placement.engine for pick in ranked.picks if pick.candidate != here} == {OLD_PACK}
        other = ranked.picks[0].candidate
        ours, theirs = (models_state.closely(other, machine, 4096, nothing_measured, build) for build in (PORTABLE, app.build_for(other)))
        assert ours.sum_lines != theirs.sum_lines or ours.speed != theirs.speed
        shutil.rmtree(app.home.engines / OLD_PACK)
        assert set(told()[0].values()) == {""}, "a pack that is gone runs nothing"


def test_the_bar_is_over_exactly_when_the_verdict_says_it_does_not_fit(candidates: list[Candidate]) -> None:
    machine = recorded("laptop-32gb-i7-1360p")
    for one in models_state.check_all(candidates, machine, nothing_measured):
        for pick in one.picks:
            over = any(bar.is_over for bar in fit_values.bars(pick.report))
            assert over == (pick.report.verdict.code in ("does_not_fit", "from_disk")), pick.candidate.name


def test_models_that_run_stand_before_those_that_do_not(candidates: list[Candidate]) -> None:
    checked = models_state.check_all(candidates, recorded("office-laptop-8gb-i5-8250u"), nothing_measured)
    english = [one.best.report.verdict.runs for one in checked if "en" in one.best.candidate.languages]
    assert True in english and False in english
    assert english == sorted(english, reverse=True)
    missing = [one.best.report.verdict.need_bytes for one in checked if not one.best.report.verdict.runs]
    assert missing[0] < missing[-1]


def test_a_step_of_the_slider_is_quick_and_changes_what_it_should(candidates: list[Candidate]) -> None:
    machine = recorded("laptop-16gb-rtx-4060")
    times = []
    for candidate in candidates[::6]:
        short = models_state.closely(candidate, machine, 2048, nothing_measured)
        started = time.perf_counter()
        long = models_state.closely(candidate, machine, 16384, nothing_measured)
        times.append(time.perf_counter() - started)
        assert sum(bar.amount for bar in long.bars) > sum(bar.amount for bar in short.bars)
    assert sorted(times)[len(times) // 2] < 0.016, "half of a frame's budget"


def test_the_slider_stops_at_the_most_that_fits(candidates: list[Candidate]) -> None:
    machine = recorded("laptop-16gb-rtx-4060")
    candidate = next(one for one in candidates if one.title == "Qwen3.5 9B")
    reach = models_state.reach(candidate, machine, nothing_measured, candidates)
    assert reach.fits_up_to is not None
    report = models_state.check_all([candidate], machine, nothing_measured)[0].best.report
    assert reach.fits_up_to in models_state.steps(report, reach.fits_up_to)
    fits = models_state.closely(candidate, machine, reach.fits_up_to, nothing_measured)
    assert not any(bar.is_over for bar in fits.bars)


def test_lengths_are_told_in_pages(spoken: str) -> None:
    assert {"en": "8,192 tokens, about 20 pages", "vi": "20"}[spoken] in fit_values.length_words(8192, {spoken: 1.4})
    # Vocabularies differ by three times: where the cost is not known, no pages are told.
    assert fit_values.length_words(8192, {}) == {"en": "8,192 tokens", "vi": "8.192 token"}[spoken]
    longer = fit_values.length_words(8192, {spoken: 0.7})
    assert "39" in longer or "40" in longer
    assert "{" not in fit_values.length_words(256, {})


def test_the_machine_tells_sources_users_and_what_is_unknown(spoken: str) -> None:
    groups = machine_state.groups(recorded("desktop-32gb-rtx-3060"))
    facts = [fact for group in groups for fact in group.facts]
    assert any("Xorg (310 MiB), firefox (180 MiB)" in fact.value.replace(",0", "") for fact in facts)
    assert any(fact.source == "NVML" for fact in facts) and any("NVML" in fact.source and "×" in fact.source for fact in facts)
    machine = recorded("desktop-32gb-rtx-3060")
    crowd = tuple(GpuUser(None, 100 + number, None) for number in range(9))
    gpu = replace(machine.gpus[0], users=crowd, memory_free_bytes=None, bandwidth_gbps=None)
    told = [fact.value for group in machine_state.groups(replace(machine, gpus=(gpu,))) for fact in group.facts]
    assert any("100" in value and "3" in value for value in told), "six by number, three more"
    assert not any("None" in value for value in told)


def reply(seen: float, predicted: object, *, model: str = "Qwen", made_at: int = 1_700_000_000_000) -> Measurement:
    return Measurement("reply", model, model, "{}", {"generate_tps": seen, "predicted_tps": predicted}, made_at)


def test_history_is_told_by_model_with_medians() -> None:
    rows = machine_state.ran([reply(30.0, 40.0), reply(32.0, 40.0), reply(100.0, 40.0), reply(5.0, None, model="Bánh mì 🥖")])
    assert [row.model for row in rows] == ["Qwen", "Bánh mì 🥖"]
    assert (rows[0].predicted, rows[0].measured, rows[0].off) == ("40 tokens a second", "32 tokens a second", "20 % less than predicted")
    assert "3 replies" in rows[0].when
    assert (rows[1].predicted, rows[1].off) == ("–", "")


@pytest.mark.parametrize("figures", [{}, {"generate_tps": "fast"}, {"generate_tps": float("nan")}, {"generate_tps": -1}, {"generate_tps": True},
    {"generate_tps": 1e300}, {"generate_tps": None, "devices": "x"}])  # fmt: skip
def test_records_that_make_no_sense_are_left_out(figures: dict[str, object]) -> None:
    assert machine_state.ran([Measurement("reply", "k", "m", "{}", figures), Measurement("load", "k", "m", "{}", figures)]) == []
    assert machine_state.ran([Measurement("reply", "k", "m", "{}", {"generate_tps": 5.0}, 10**18)])[0].when in ("", machine_state._when(10**18))


def test_a_load_is_compared_by_its_bytes() -> None:
    devices = [{"name": "CPU", "weights_bytes": 2 * GIB, "kv_bytes": GIB}]
    (row,) = machine_state.ran([Measurement("load", "k", "m", "{}", {"devices": devices, "predicted_bytes": 3 * GIB})])
    assert (row.predicted, row.measured, row.off) == ("3.0 GiB", "3.0 GiB", "as predicted")


# -- the window -------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_laptop(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Opened:
    machine = recorded("laptop-16gb-rtx-4060")

    async def now(_app: App, *, again: bool = False) -> Machine:
        return machine if not again else machine.with_read_speed(99.0)

    monkeypatch.setattr(App, "machine", now)
    opened.open()
    return opened


def texts(root: QWidget) -> str:
    return "\n".join(one.text() for one in root.findChildren(QLabel))


def press(root: QWidget, text: str) -> QPushButton:
    found = next(one for one in root.findChildren(QPushButton) if one.text() == text and one.isVisible())
    found.click()
    return found


def test_home_shows_the_computer_and_one_model_to_take(on_laptop: Opened) -> None:
    on_laptop.window.go("home")
    on_laptop.settle()
    shown = texts(on_laptop.window.pages["home"].place)
    assert "Comfortable with models up to about 12 billion parameters" in shown
    assert "RTX 4060 Laptop" in shown and "built for other graphics cards" in shown
    badges = on_laptop.window.pages["home"].place.findChildren(VerdictBadge)
    assert badges and badges[0].badge.tone == "good"


def test_what_if_is_answered_in_the_window(on_laptop: Opened) -> None:
    on_laptop.window.go("home")
    on_laptop.settle()
    page = cast(HomePage, on_laptop.window.pages["home"])
    press(page.place, "+32 GiB")
    on_laptop.settle()
    assert page._answer.isVisible() and "32.0 GiB more memory" in page._answer.text()


def test_from_home_to_the_model_itself(on_laptop: Opened) -> None:
    on_laptop.window.go("home")
    on_laptop.settle()
    press(on_laptop.window.pages["home"].place, "Look at it closely")
    on_laptop.settle()
    assert on_laptop.window.room == "models"
    assert len(on_laptop.window.pages["models"].place.findChildren(CloselyView)) == 1


def opened_model(on_laptop: Opened) -> CloselyView:
    on_laptop.window.go("models", "Qwen3.5 9B")
    on_laptop.settle()
    page = cast(ModelsPage, on_laptop.window.pages["models"])
    views = [view for view in page.place.findChildren(CloselyView) if view.isVisible()]
    assert len(views) == 1
    return views[0]


def test_the_model_that_was_asked_for_comes_into_sight(on_laptop: Opened) -> None:
    view = opened_model(on_laptop)
    page = cast(ModelsPage, on_laptop.window.pages["models"])
    card = page._cards[page._open][0]
    on_laptop.until(lambda: 0 <= card.mapTo(page.place, QPoint(0, 0)).y() <= 40)
    assert view.slider.mapTo(page.place, QPoint(0, 0)).y() < page.place.height(), "the slider is in sight at 1024x640"


def test_the_slider_moves_the_bars_at_once(on_laptop: Opened) -> None:
    view = opened_model(on_laptop)
    before = [bar.amount for bar in view.bars.bars]
    view.slider.setFocus()
    QTest.keyClick(view.slider.slider, Qt.Key.Key_Right)
    after = [bar.amount for bar in view.bars.bars]
    assert sum(after) > sum(before), "no turn of the loop was needed"
    times = []
    for key in (Qt.Key.Key_Home, *[Qt.Key.Key_Right] * 6):
        started = time.perf_counter()
        QTest.keyClick(view.slider.slider, key)
        times.append(time.perf_counter() - started)
    assert sorted(times)[len(times) // 2] < 0.033


def test_too_long_a_context_is_seen_and_the_limit_is_marked(on_laptop: Opened) -> None:
    view = opened_model(on_laptop)
    view.slider.slider.setValue(len(view.slider.steps) - 1)
    assert view._badge.badge.tone != "good"
    assert "Speed" not in view._speed.text(), "what does not run has no speed"
    assert any(step not in {1 << bits for bits in range(30)} for step in view.slider.steps), "the exact most that fits is a stop"


def test_another_quantisation_is_chosen_and_shown(on_laptop: Opened) -> None:
    view = opened_model(on_laptop)
    before = view.bars.bars[0].amount
    other = next(one for one in view.findChildren(QRadioButton) if not one.isChecked())
    other.click()
    assert view.bars.bars[0].amount != before
    on_laptop.settle()
    press(view, "Show the sum")
    assert "billion parameters ×" in texts(view)


def test_a_model_closes_when_another_opens(on_laptop: Opened) -> None:
    opened_model(on_laptop)
    page = cast(ModelsPage, on_laptop.window.pages["models"])
    other = next(opener for identity, (_card, opener) in page._cards.items() if identity != page._open)
    other.click()
    on_laptop.settle()
    assert len([view for view in page.place.findChildren(CloselyView) if view.isVisible()]) == 1


def test_all_models_can_be_shown_and_the_loop_stays_free(on_laptop: Opened) -> None:
    on_laptop.window.go("models")
    on_laptop.settle()
    page = cast(ModelsPage, on_laptop.window.pages["models"])
    few = len(page._cards)
    more = next(one for one in page.place.findChildren(QPushButton) if one.text().startswith("Show all"))
    started = time.perf_counter()
    more.click()
    assert time.perf_counter() - started < 0.1
    on_laptop.until(lambda: not page._waiting)
    assert len(page._cards) > few + 10


def test_measuring_paints_the_new_figure(on_laptop: Opened) -> None:
    on_laptop.window.go("machine")
    on_laptop.settle()
    assert "66.0 GB a second" in texts(on_laptop.window.pages["machine"].place)
    press(on_laptop.window.pages["machine"].place, "Measure the memory")
    on_laptop.settle()
    assert "99.0 GB a second" in texts(on_laptop.window.pages["machine"].place)


def test_a_catalogue_that_can_not_be_read_is_told_in_place(on_laptop: Opened) -> None:
    on_laptop.close()
    (on_laptop.home / "models.toml").write_text("nonsense = [", "utf-8")
    on_laptop.open()
    for room in ("home", "models"):
        on_laptop.window.go(room)
        on_laptop.settle()
        assert "models.toml" in texts(on_laptop.window.pages[room].place), room


def test_a_computer_that_can_not_be_looked_at_is_told_in_place(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_app: App, *, again: bool = False) -> Machine:
        raise FileTrouble(title="The disk is gone", detail="", hint="")

    monkeypatch.setattr(App, "machine", broken)
    opened.open()
    for room in ("home", "models", "machine"):
        opened.window.go(room)
        opened.settle()
        shown = texts(opened.window.pages[room].place)
        assert "The disk is gone" in shown and "Looking…" not in shown and "Comparing models" not in shown, room


def test_the_window_may_close_while_models_are_compared(opened: Opened) -> None:
    opened.open()
    opened.window.go("models")
    opened.close()
    opened.qtbot.wait(300)


def test_every_room_speaks_vietnamese_without_holes(on_laptop: Opened) -> None:
    on_laptop.reopen(Settings(language="vi"))
    for room in ("home", "models", "machine"):
        on_laptop.window.go(room)
        on_laptop.settle()
        shown = texts(on_laptop.window.pages[room].place)
        assert "{" not in shown and "None" not in shown
