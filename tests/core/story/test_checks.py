"""What a try at a scene is refused for, and what not."""

from __future__ import annotations

import pytest

from localstory.story.bible import make_bible
from localstory.story.checks import cut, judge, sentences

BIBLE = make_bible("A girl named Mai and a sleepy fox on the way to the sea", seed=1)
FOX = BIBLE.characters[1].name
GOOD = "walked along the river and sang a song. The fox listened with big ears and soon felt happy."


def problems(attempt: str, *, beat: str = "meet", before: str = "", lead: str = "Mai") -> tuple[str, ...]:
    judged = judge(attempt, beat=beat, lead=lead, before=before, scene=f"Then Mai met {FOX}.", bible=BIBLE, mean_logprob=-1.0, at_least=8, at_most=40)
    return judged.problems


def test_a_simple_continuation_passes() -> None:
    assert problems(GOOD) == ()


@pytest.mark.parametrize(
    ("attempt", "problem"),
    [
        ("", "empty"),
        ("… ?! 123", "empty"),
        ("walked and walked and never came to an end because the road went on and on and", "unfinished"),
        ("ran.", "unfinished"),
        ("saw a flower by the road. The fox was glad. The fox was glad. It was a fine day for all.", "repeats"),
        ("said that they could not go on there. They could not go on there, she said again to the fox.", "loops"),
        ("walked along with her friend Bartholomew and they came to a quiet green valley.", "stranger"),
        ("took a knife and wanted to kill the bird that sat in the old tree by the road.", "unsafe"),
        ("is the main character of this story, and the author tells about her long way home.", "meta"),
        ("was happy. I think that you would like my house by the sea, because it is warm.", "first person"),
        ('said, "Come with me to the sea, little fox, and we shall look at all the ships.', "quotes"),
        ("found 12345 coins at http://example.com and bought a very big and beautiful ship.", "odd characters"),
        ("decided to help the bird, and made it into a little dragon with green wings.", "lost hero"),
        ("walked home with the fox, and that is how they lived happily ever after there.", "early end"),
        ("was a wolf who lived in the mountains and looked for a friend all day long.", "lost hero"),
    ],
)
def test_what_is_wrong_is_named(attempt: str, problem: str) -> None:
    assert problem in problems(attempt)


def test_a_sentence_of_an_earlier_scene_is_a_repeat() -> None:
    assert "repeats" in problems("smiled at the fox again. The river sang its old song all night long.", before="The river sang its old song all night long.")


def test_an_end_may_not_be_sad() -> None:
    sad = "was sad and cried all night, because the long way was over and the fox was gone."
    assert "sad end" in problems(sad, beat="end") and "sad end" not in problems(sad, beat="trouble")


def test_an_end_opens_no_new_story() -> None:
    assert "sad end" in problems("was happy and laughed with the fox. But one day, they saw a strange light.", beat="end")


def test_a_girl_does_not_become_a_boy() -> None:
    only_mai = make_bible("A girl named Mai and the sea", seed=1)
    judged = judge("took his hat and he went down to the shore, where he saw a ship.", beat="thing", lead="Mai", before="", scene="Mai saw the sea.",
        bible=only_mai, mean_logprob=-1.0, at_least=8, at_most=40)  # fmt: skip
    assert "lost hero" in judged.problems


def test_words_of_the_idea_are_never_unsafe() -> None:
    bible = make_bible("A knight with a gun made of chocolate", seed=1)
    judged = judge("looked at the gun and took a small bite, and it tasted sweeter than honey.", beat="thing", lead="He", before="", scene="",
        bible=bible, mean_logprob=-1.0, at_least=8, at_most=40)  # fmt: skip
    assert "unsafe" not in judged.problems


def test_more_likely_words_win_and_strangers_lose() -> None:
    def score(attempt: str, logprob: float) -> float:
        return judge(attempt, beat="meet", lead="Mai", before="", scene="", bible=BIBLE, mean_logprob=logprob, at_least=8, at_most=40).score

    assert score(GOOD, -0.8) > score(GOOD, -1.5)
    assert score(GOOD, -1.0) > score(GOOD.replace("The fox", "Her mother"), -1.0)


def test_only_whole_sentences_are_kept() -> None:
    assert sentences('One. Two! "Three?" Four … and five') == ["One.", "Two!", '"Three?"', "Four …"]
    assert cut("One two three. Four five six. Seven eight", at_least=2, at_most=7) == "One two three. Four five six."
    assert cut("One two three. Four five six.", at_least=2, at_most=5) == "One two three."
    assert cut("One two three four five.", at_least=2, at_most=3) == ""
