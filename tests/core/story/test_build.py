"""Building a story: only what changed, nothing lost, one failure never stops the film."""

from __future__ import annotations

import json
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.story.assets import Assets, Journal
from localstory.story.build import Built, build_story, new_story
from localstory.story.export import NotBuilt, export_story
from localstory.story.project import BadStory, Project, StoryExists, StoryInUse, StoryLock, check_scenes, check_size, read_story, read_text
from tests.core.story.tools import Kit

IDEA = "A girl named Mai and a sleepy dragon on the way to the mountain"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "truyện của Mai 🐉 it's"


async def made(folder: Path, kit: Kit, **changes: Any) -> Built:
    project = replace(Project(idea=IDEA, title="", scenes=3, width=256, height=144), **changes)
    await new_story(folder, project, kit.tools, lambda _progress: None)
    return await built(folder, kit)


async def built(folder: Path, kit: Kit) -> Built:
    return await build_story(folder, kit.tools, lambda _progress: None)


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "story.md").read_text("utf-8")
    assert old in text
    (folder / "story.md").write_text(text.replace(old, new), "utf-8")


def stem(steps: list[str]) -> list[str]:
    return sorted({step.split()[0] for step in steps})


async def test_a_story_is_a_folder_a_person_can_read(folder: Path) -> None:
    await made(folder, Kit())
    assert {one.name for one in folder.iterdir()} >= {"project.json", "story.md", "bible.json", "scenes.json", "assets", "out", "journal.jsonl"}
    assert (folder / "story.md").read_text("utf-8").startswith("# Mai and the Sleepy Dragon\n")
    assert {one.name for one in (folder / "out").iterdir()} == {"story.mp4", "story.srt", "story.vtt", "story.recipe.json"}
    recipes = list((folder / "assets").rglob("*.recipe.json"))
    assert len(recipes) >= 3 + 5 + 5 + 1 + 9
    for path in recipes:
        assert (path.parent / path.name.replace(".recipe.json", ".json")).exists() or any(
            (path.parent / path.name.replace(".recipe.json", suffix)).exists() for suffix in (".png", ".wav", ".mp4")
        )


async def test_each_scenes_recipe_tells_whose_words_they_are(folder: Path) -> None:
    await made(folder, Kit())
    story = read_story(folder)
    for scene in story.scenes:
        text = Assets(folder).by_id("text", scene.take)
        assert text is not None and {span["by"] for span in text.facts["words"]} == {"template", "model"}
        assert text.recipe["engine"]["model_sha256"] == "0" * 64


async def test_a_second_build_runs_nothing(folder: Path) -> None:
    kit = Kit()
    first = await made(folder, kit)
    asked = (len(kit.images.requests), len(kit.voice.requests), len(kit.film.requests), len(kit.writer.requests))
    second = await built(folder, kit)
    assert second.made == [] and first.made != []
    assert asked == (len(kit.images.requests), len(kit.voice.requests), len(kit.film.requests), len(kit.writer.requests))


async def test_an_edited_scene_redoes_its_own_parts_and_no_others(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    edit(folder, read_story(folder).scenes[1].text, "Mai sang a quiet song by the sea.")
    again = await built(folder, kit)
    assert [step for step in again.made if step.startswith(("picture", "speech"))] == ["picture s2", "speech s2"]
    assert not [step for step in again.made if step.startswith("text")]
    # Its own frames and the crossfades on both sides; those of the others stay.
    assert len([step for step in again.made if step.startswith("segment")]) == 3
    assert again.made[-1] == "film"


async def test_an_edited_title_redoes_the_title_card_alone(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    edit(folder, "# Mai and the Sleepy Dragon", "# The Long Way")
    again = await built(folder, kit)
    assert [step for step in again.made if step.startswith(("picture", "speech", "text"))] == ["picture title", "speech title"]


async def test_a_scene_a_person_adds_is_theirs(folder: Path) -> None:
    kit = Kit()
    before = await made(folder, kit)
    text = (folder / "story.md").read_text("utf-8")
    (folder / "story.md").write_text(text + "\n<!-- scene extra -->\n\nAnd then they all had soup.\n", "utf-8")
    again = await built(folder, kit)
    assert "picture extra" in again.made and "speech extra" in again.made
    assert again.film_seconds > before.film_seconds
    assert again.model_share is not None and before.model_share is not None and again.model_share < before.model_share


async def test_a_scene_put_in_front_leaves_the_others_pictures_and_voices(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    edit(folder, "<!-- scene s2 -->", "<!-- scene new -->\n\nFirst they had soup.\n\n<!-- scene s2 -->")
    again = await built(folder, kit)
    assert [step for step in again.made if step.startswith(("picture", "speech"))] == ["picture new", "speech new"]


async def test_a_deleted_scene_needs_nothing_drawn_or_spoken_again(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    text = (folder / "story.md").read_text("utf-8")
    first, _second, third = (text.index(f"<!-- scene s{number} -->") for number in (1, 2, 3))
    (folder / "story.md").write_text(text[:first] + text[first : text.index("<!-- scene s2 -->")] + text[third:], "utf-8")
    again = await built(folder, kit)
    assert not [step for step in again.made if step == "speech s1" or step.startswith("text")]
    assert len(read_story(folder).scenes) == 2


async def test_one_failed_picture_never_stops_the_film_and_is_tried_again(folder: Path) -> None:
    kit = Kit()
    kit.images.trouble = {1000 + zlib.crc32(b"s2") % 1000: CannotContinue(title="No paint left.")}
    first = await made(folder, kit)
    assert {name: str(why) for name, why in first.failed.items()} == {"picture s2": "No paint left."}
    assert first.film is not None and first.film.exists()
    kit.images.trouble = {}
    second = await built(folder, kit)
    assert "picture s2" in second.made and second.failed == {}
    assert len([step for step in second.made if step.startswith("segment")]) == 3


async def test_a_voice_that_fails_stops_the_build_and_keeps_what_is_done(folder: Path) -> None:
    kit = Kit()
    kit.voice._trouble = []
    await new_story(folder, Project(idea=IDEA, title="", scenes=3, width=256, height=144), kit.tools, lambda _progress: None)
    kit.voice._trouble = [CannotContinue(title="No voice today.")]
    with pytest.raises(CannotContinue, match="No voice today"):
        await built(folder, kit)
    drawn = len(kit.images.requests)
    await built(folder, kit)
    assert len(kit.images.requests) == drawn


async def test_an_asset_that_was_cut_short_is_made_again(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    picture = next((folder / "assets" / "picture").glob("*.png"))
    picture.write_bytes(picture.read_bytes()[:100])
    assert len([step for step in (await built(folder, kit)).made if step.startswith("picture")]) == 1


async def test_a_lost_film_is_joined_again_from_its_parts(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    (folder / "out" / "story.mp4").unlink()
    assert (await built(folder, kit)).made == ["film"]


async def test_title_cards_can_take_the_place_of_pictures(folder: Path) -> None:
    kit = Kit()
    tools = replace(kit.tools, images=kit.tools.cards)
    await new_story(folder, Project(idea=IDEA, title="", scenes=2, width=256, height=144, images="none"), tools, lambda _progress: None)
    await build_story(folder, tools, lambda _progress: None)
    assert kit.images.requests == []


async def test_a_story_moves_and_builds_elsewhere(folder: Path, tmp_path: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    moved = tmp_path / "somewhere else"
    shutil.copytree(folder, moved)
    assert (await built(moved, kit)).made == []


async def test_a_new_story_never_overwrites(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    with pytest.raises(StoryExists):
        await made(folder, kit)
    other = folder.parent / "my photos"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"x")
    with pytest.raises(StoryExists):
        await made(other, kit)
    assert sorted(one.name for one in other.iterdir()) == ["cat.jpg"]


async def test_a_folder_that_a_kill_left_before_it_was_a_story_is_taken_again(folder: Path) -> None:
    await made(folder, Kit(), scenes=1)
    (folder / "project.json").unlink()
    (folder / "journal.jsonl").unlink()
    assert (await made(folder, Kit(), scenes=1)).film is not None


async def test_two_builders_never_work_on_one_story(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    with StoryLock(folder), pytest.raises(StoryInUse):
        await built(folder, kit)
    assert (await built(folder, kit)).made == []


@pytest.mark.parametrize("name", ["project.json", "bible.json", "scenes.json", "story.md"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"{", b"[]", b"{}", b'"text"', b"[[[[" * 5000])
async def test_a_broken_file_is_named(folder: Path, name: str, content: bytes | None) -> None:
    kit = Kit()
    await made(folder, kit, scenes=1)
    if name == "scenes.json" and content == b"[]":
        content = b"[1]"  # an empty list would be fine: every scene is then a person's
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(BadStory) as trouble:
        read_story(folder)
    assert "story" in str(trouble.value)


@pytest.mark.parametrize("change", [{"seed": "seven"}, {"schema_version": None}, {"width": 1280.5}])
async def test_a_project_with_a_value_of_another_kind_is_told(folder: Path, change: dict[str, object]) -> None:
    await made(folder, Kit(), scenes=1)
    table = json.loads((folder / "project.json").read_text("utf-8"))
    (folder / "project.json").write_text(json.dumps(table | change), "utf-8")
    with pytest.raises(BadStory):
        read_story(folder)


async def test_a_newer_storys_version_is_not_guessed_at(folder: Path) -> None:
    await made(folder, Kit(), scenes=1)
    table = json.loads((folder / "project.json").read_text("utf-8"))
    (folder / "project.json").write_text(json.dumps(table | {"schema_version": 99, "unknown": 1}), "utf-8")
    with pytest.raises(BadStory, match="newer"):
        read_story(folder)


async def test_captions_tell_every_word_of_the_scenes(folder: Path) -> None:
    await made(folder, Kit())
    lines = [line for line in (folder / "out" / "story.srt").read_text("utf-8").splitlines() if line and "-->" not in line and not line.isdigit()]
    assert " ".join(lines).split() == " ".join(scene.text for scene in read_story(folder).scenes).split()


async def test_exports(folder: Path, tmp_path: Path) -> None:
    kit = Kit()
    await new_story(folder, Project(idea=IDEA, title="", scenes=1, width=256, height=144), kit.tools, lambda _progress: None)
    with pytest.raises(NotBuilt):
        export_story(folder, "mp4")
    await built(folder, kit)
    target = tmp_path / "quà 🎁.mp4"
    assert export_story(folder, "mp4", target).read_bytes() == (folder / "out" / "story.mp4").read_bytes()
    assert export_story(folder, "vtt").read_text("utf-8").startswith("WEBVTT")
    with pytest.raises(FileTrouble):
        export_story(folder, "srt", tmp_path / "no such folder" / "x.srt")


async def test_the_journal_is_a_log_and_not_the_truth(folder: Path) -> None:
    kit = Kit()
    await made(folder, kit)
    done = [event["step"] for event in Journal(folder).read() if event["event"] == "done"]
    assert len(done) == len(set(done)) and "film" in done
    (folder / "journal.jsonl").write_text('{"half a li', "utf-8")
    assert (await built(folder, kit)).made == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(FileTrouble), StoryLock(blocked / "story"):
        pass


@pytest.mark.parametrize("count", [0, -1, 41, 500])
def test_a_number_of_scenes_no_film_can_have_is_refused(count: int) -> None:
    with pytest.raises(BadRequest):
        check_scenes(count)


@pytest.mark.parametrize("size", ["", "720", "0x0", "1281x720", "100000x2", "1280x-720", "12x12", "3840x128", "a x b", "1280x720x3"])
def test_sizes_no_film_can_have_are_refused(size: str) -> None:
    with pytest.raises(BadRequest):
        check_size(size)


@pytest.mark.parametrize(("size", "both"), [("1280x720", (1280, 720)), (" 720X1280 ", (720, 1280)), ("1080×1080", (1080, 1080))])
def test_sizes(size: str, both: tuple[int, int]) -> None:
    assert check_size(size) == both


def test_story_md_survives_how_people_save_it() -> None:
    title, scenes = read_text("\ufeff# My   Title\r\n\r\nnotes\r\n<!-- SCENE s1 -->\r\n\r\nOne.\r\n\r\n\r\n\r\nTwo.\r\n<!--scene x-2-->\r\nThree.")
    assert title == "My   Title"
    assert scenes == [("s1", "One.\n\nTwo."), ("x-2", "Three.")]
