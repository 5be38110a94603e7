from __future__ import annotations

import math
import random
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.chats import leaderboard
from localstory.chats.leaderboard import ENOUGH_GAMES, Pair, Rated, Seen, Who, games, rated, scores, strengths
from localstory.chats.tree import MessageId
from localstory.chats.votes import Answer, Verdict, Vote, VoteId
from localstory.fit.records import Measurement

NAMES = ("Gemma 3 🐉", "Thỏ trắng", "SmolLM2", "Qwen")
WHO = [Who("llama_cpp", name, f"{number}.gguf") for number, name in enumerate(NAMES)]


def vote(verdict: Verdict, *answers: int, best: int | None = None, number: int = 1, counts: bool = True) -> Vote:
    """A vote on the answers of these models (their numbers)."""
    made = tuple(Answer(place, MessageId(100 * number + one), *WHO[one], one == best, counts, 10.0 + one, 0.5) for place, one in enumerate(answers, 1))
    return Vote(VoteId(number), None, None, True, verdict, 0, 1, made)


def log_posterior(strength: dict[Who, float], wins: dict[Pair, float]) -> float:
    """The likelihood as Bradley and Terry wrote it, with a game won and a game lost against a player of strength 1."""
    told = sum(count * math.log(strength[one] / (strength[one] + strength[other])) for (one, other), count in wins.items())
    return told + sum(math.log(mine / (mine + 1)) + math.log(1 / (mine + 1)) for mine in strength.values())


def brute_force(wins: dict[Pair, float]) -> dict[Who, float]:
    """The maximum by trying: each strength in turn a little up and down, with smaller and smaller steps."""
    best = {who: 1.0 for pair in wins for who in pair}
    step = 2.0
    while step > 1 + 1e-9:
        value, better = log_posterior(best, wins), False
        for who in best:
            for factor in (step, 1 / step):
                tried = best | {who: best[who] * factor}
                if log_posterior(tried, wins) > value:
                    best, value, better = tried, log_posterior(tried, wins), True
        if not better:
            step = math.sqrt(step)
    return best


pairs = st.dictionaries(st.sampled_from(list(permutations(WHO, 2))), st.integers(1, 40).map(lambda halves: halves / 2), min_size=1)


@given(wins=pairs)
@settings(max_examples=25, deadline=None)
def test_the_strengths_are_the_maximum_of_the_likelihood(wins: dict[Pair, float]) -> None:
    found = strengths(wins)
    assert found == pytest.approx(brute_force(wins), rel=1e-3)


@given(wins=pairs, seed=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_votes_does_not_matter(wins: dict[Pair, float], seed: random.Random) -> None:
    shuffled = list(wins.items())
    seed.shuffle(shuffled)
    assert scores(dict(shuffled)) == scores(wins)


def test_a_known_case() -> None:
    # Two players, 3 wins to 1: the likelihood's derivative is zero at s and 1/s with (3 + 1) / (4 s/(s + 1/s) ... ) solved by hand below.
    found = strengths({(WHO[0], WHO[1]): 3.0, (WHO[1], WHO[0]): 1.0})
    # By symmetry the two are s and 1/s, and 4 = 4 s²/(s² + 1) + 2 s/(s + 1).
    s = found[WHO[0]]
    assert found[WHO[1]] == pytest.approx(1 / s)
    assert 4 * s**2 / (s**2 + 1) + 2 * s / (s + 1) == pytest.approx(4)


def test_who_always_wins_is_first_and_who_always_loses_is_last() -> None:
    votes = [vote("best", 0, 1, 2, 3, best=2, number=number) for number in range(1, 4)]
    votes += [vote("best", 0, 1, 3, best=1, number=number) for number in range(4, 7)]
    votes += [vote("best", 0, 3, best=3, number=number) for number in range(7, 10)]
    lines = rated(votes, [])
    assert [line.who for line in lines] == [WHO[2], WHO[1], WHO[3], WHO[0]]
    assert all(line.score is not None and line.score.low < line.score.share < line.score.high for line in lines)
    assert (lines[0].wins, lines[0].losses, lines[0].first, lines[0].rounds) == (9, 0, 3, 3)


def test_more_votes_make_the_interval_narrower_and_few_give_no_rank() -> None:
    widths = []
    for count in (1, ENOUGH_GAMES, 40, 400):
        votes = [vote("best", 0, 1, best=number % 2, number=number) for number in range(count)]
        line = rated(votes, [])[0]
        assert line.has_rank is (count >= ENOUGH_GAMES)
        assert line.score is not None
        widths.append(line.score.high - line.score.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0.5 > widths[-1]


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Simulated: four models of known strengths near the prior's, 60 votes between two each, 300 times."""
    dice = random.Random(7)
    inside = 0
    for _time in range(300):
        logs = [dice.gauss(0, 0.8) for _who in WHO]
        true = {who: math.exp(log - sum(logs) / len(logs)) for who, log in zip(WHO, logs, strict=True)}
        wins: Counter[Pair] = Counter()
        for _vote in range(60):
            one, other = dice.sample(WHO, 2)
            first = dice.random() < true[one] / (true[one] + true[other])
            wins[(one, other) if first else (other, one)] += 1
        inside += sum(one.low <= true[who] / (true[who] + 1) <= one.high for who, one in scores(wins).items())
    assert 0.90 <= inside / 1200 <= 0.99


def test_all_the_same_is_a_tie_of_each_pair_and_none_is_good_compares_nothing() -> None:
    won, tied = games([vote("same", 0, 1, 2)])
    assert not won and tied == {pair: 1 for pair in permutations(WHO[:3], 2)}
    assert games([vote("none", 0, 1), vote("skipped", 0, 1), vote("", 0, 1)]) == (Counter(), Counter())
    assert all(line.score is not None and line.score.share == pytest.approx(0.5) and line.ties == 2 for line in rated([vote("same", 0, 1, 2)], []))


def test_an_answer_without_words_is_no_opponent() -> None:
    one = vote("best", 0, 1, 2, best=0)
    failed = Vote(one.id, None, None, True, "best", 0, 1, (*one.answers[:2], Answer(3, None, *WHO[2], False, False, None, None)))
    assert games([failed])[0] == {(WHO[0], WHO[1]): 1}


def test_figures_are_medians_and_answers_that_were_deleted_keep_theirs() -> None:
    replies = [
        Seen(WHO[0], MessageId(number), "good" if number < 3 else "bad" if number == 4 else "", speed, None) for number, speed in enumerate((5, 7, 60, None, 9))
    ]
    deleted = vote("best", 0, 1, best=0)  # 10 and 11 tokens a second, 0.5 s; its messages are not among the replies
    line, other = rated([deleted], replies, {NAMES[0]: 1 << 30})
    assert (line.who, line.replies, line.good, line.bad) == (WHO[0], 5, 3, 1)
    assert (line.tokens_per_second, line.first_token_s, line.memory_bytes) == (9, 0.5, 1 << 30)
    assert (other.who, other.replies, other.tokens_per_second, other.memory_bytes) == (WHO[1], 0, 11, None)


def test_a_reply_from_before_files_were_kept_belongs_to_the_only_file_of_its_title() -> None:
    old, new, twin = Who("llama_cpp", "Gemma"), Who("llama_cpp", "Gemma", "q4.gguf"), Who("llama_cpp", "Gemma", "q8.gguf")
    assert [(line.who, line.replies) for line in rated([], [Seen(old), Seen(new)])] == [(new, 2)]
    assert {line.who for line in rated([], [Seen(old), Seen(new), Seen(twin)])} == {old, new, twin}
    assert len(rated([], [Seen(Who("ollama", "Gemma")), Seen(new)])) == 2


def test_nothing_is_an_empty_list() -> None:
    assert rated([], []) == []
    assert scores({}) == {}


def test_eight_models_and_a_thousand_votes_take_less_than_a_second() -> None:
    import time

    many = [Who("ollama", f"model {number}") for number in range(30)]
    dice = random.Random(1)
    wins: Counter[Pair] = Counter()
    for _vote in range(1000):
        one, other = sorted(dice.sample(range(30), 2))
        wins[(many[one], many[other]) if dice.random() < 0.9 else (many[other], many[one])] += 1
    began = time.process_time()
    found = scores(wins)
    assert time.process_time() - began < 1.0
    assert found[many[0]].share > found[many[15]].share > found[many[29]].share


def test_memory_is_what_the_last_load_took() -> None:
    def load(title: str, taken: int) -> Measurement:
        devices = [{"name": "processor", "weights_bytes": taken, "kv_bytes": 5}]
        return Measurement("load", "k", title, "{}", {"devices": devices})

    reply = Measurement("reply", "k", "A", "{}", {"generate_tps": 3})
    assert leaderboard.memory_by_model([reply, load("A", 100), load("A", 900), load("B", 7), Measurement("load", "k", "C", "{}", {})]) == {"A": 105, "B": 12}


def test_a_line_without_votes_says_so() -> None:
    (line,) = rated([], [Seen(WHO[0])])
    assert isinstance(line, Rated) and line.score is None and not line.has_rank and line.games == 0


def test_a_tie_is_one_game_half_won_by_each() -> None:
    lines = rated([vote("same", 0, 1, number=number) for number in range(3)], [])
    halves = scores({(WHO[0], WHO[1]): 1.5, (WHO[1], WHO[0]): 1.5})
    assert {line.who: line.score for line in lines} == halves
