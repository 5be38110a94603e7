"""A person's own leaderboard: from votes and replies to ratings. Pure, but for the one query that reads the replies.

The strengths are those of Bradley and Terry (1952): i is preferred to j with probability s_i / (s_i + s_j). They are found with the
minorise-maximise steps of D. R. Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 32 (2004), equation 3.
Few votes are tempered by two games that every model plays against an average one of strength 1, one won and one lost (virtual games as
R. Coulom, "Whole-History Rating" (2008), section 2.3, uses them for a prior): so a maximum always exists, and a model without votes has
strength 1. A tie is half a win for each.
"""

from __future__ import annotations

import math
import sqlite3
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from localstory.chats.tree import Mark, MessageId
from localstory.chats.votes import NOT_HIDDEN, Answer, Vote
from localstory.fit.records import Measurement, need_of

ENOUGH_GAMES = 5
"""Comparisons below which a model has no rank: with five even ones the interval of two models still reaches from 31 to 69 %."""
READ_REPLIES = 20_000
_VIRTUAL = 1.0
"""Games won, and as many lost, against an average model."""
_Z95 = 1.959963984540054
_MOST_STEPS = 10_000
_TOLERANCE = 1e-12


class Who(NamedTuple):
    """A model as replies and votes name it."""

    engine: str
    model: str
    file: str = ""
    """Of the built-in engine: the file's name, since two files can have one title. "" for servers and older replies."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A reply that was written. Speed in tokens a second; seconds to the first token."""

    who: Who
    message_id: MessageId | None = None
    mark: Mark = ""
    tokens_per_second: float | None = None
    first_token_s: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How often a model would be preferred to the average of all that were compared: between 0 and 1, with a 95 % interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rated:
    """A line of the leaderboard. None is "not known"."""

    who: Who
    rounds: int
    """Votes in which it had an answer."""
    first: int
    """Votes that called its answer the best one."""
    wins: int
    """Opponents beaten: the best of four answers beats three."""
    losses: int
    ties: int
    score: Score | None
    """None for a model that was never compared."""
    replies: int
    good: int
    bad: int
    tokens_per_second: float | None
    """The median of its replies."""
    first_token_s: float | None
    memory_bytes: int | None
    """What the last load took."""

    @property
    def games(self) -> int:
        """Comparisons with another answer."""
        return self.wins + self.losses + self.ties

    @property
    def has_rank(self) -> bool:
        """Whether there are votes enough to say more than chance."""
        return self.games >= ENOUGH_GAMES


Pair = tuple[Who, Who]
Wins = Mapping[Pair, float]
"""(winner, loser) -> games; a tie is half a game for both orders."""


def games(votes: Iterable[Vote]) -> tuple[Counter[Pair], Counter[Pair]]:
    """(wins, ties) of the answers with words, by pair: the best one beats each other; where all are the same each pair is a tie, under
    both orders. "None is good" compares nothing. A model is no opponent of itself."""
    won: Counter[Pair] = Counter()
    tied: Counter[Pair] = Counter()
    for vote in votes:
        answers = [answer for answer in vote.answers if answer.counts]
        if vote.verdict == "best":
            best = next((_who(answer) for answer in answers if answer.won), None)
            for other in (_who(answer) for answer in answers if not answer.won):
                if best is not None and best != other:
                    won[best, other] += 1
        elif vote.verdict == "same":
            for one, other in combinations((_who(answer) for answer in answers), 2):
                if one != other:
                    tied[one, other] += 1
                    tied[other, one] += 1
    return won, tied


def _who(answer: Answer) -> Who:
    return Who(answer.engine, answer.model, answer.file)


def strengths(wins: Wins) -> dict[Who, float]:
    """The strength of everyone who played; 1 is average. The maximum of the likelihood with the virtual games (see above)."""
    names = sorted({who for pair in wins for who in pair})
    won: dict[Who, float] = defaultdict(float)
    played: dict[Who, dict[Who, float]] = {name: defaultdict(float) for name in names}
    for (one, other), count in sorted(wins.items()):
        won[one] += count
        played[one][other] += count
        played[other][one] += count
    strength = dict.fromkeys(names, 1.0)
    for _step in range(_MOST_STEPS):
        change = 0.0
        for name in names:
            mine = strength[name]
            weight = 2 * _VIRTUAL / (mine + 1.0) + sum(count / (mine + strength[other]) for other, count in played[name].items())
            strength[name] = (won[name] + _VIRTUAL) / weight
            change = max(change, abs(math.log(strength[name] / mine)))
        if change < _TOLERANCE:
            break
    return strength


def scores(wins: Wins) -> dict[Who, Score]:
    """How often each would be preferred to the average of those who played (the geometric mean of their strengths), with 95 % intervals:
    normal in the logarithm of the strength over that mean, with the covariance from the inverse of the observed information at the maximum.
    The mean is taken out, since votes tell nothing of how good all of them are together."""
    strength = strengths(wins)
    names = list(strength)
    place = {name: number for number, name in enumerate(names)}
    information = [[0.0] * len(names) for _name in names]
    for name, mine in strength.items():
        information[place[name]][place[name]] += 2 * _VIRTUAL * mine / (mine + 1.0) ** 2
    for (one, other), count in sorted(wins.items()):
        here, there = place[one], place[other]
        part = count * strength[one] * strength[other] / (strength[one] + strength[other]) ** 2
        for row, column, sign in ((here, here, 1), (there, there, 1), (here, there, -1), (there, here, -1)):
            information[row][column] += sign * part
    logs, factor = [math.log(strength[name]) for name in names], _cholesky(information)
    found = {}
    for number, name in enumerate(names):
        # Of x_i - mean(x): c' inverse c with c = e_i - 1/n.
        contrast = [(other == number) - 1 / len(names) for other in range(len(names))]
        middle, wide = logs[number] - statistics.fmean(logs), _Z95 * math.sqrt(_variance(factor, contrast))
        found[name] = Score(_logistic(middle), _logistic(middle - wide), _logistic(middle + wide))
    return found


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """The lower factor L of a symmetric positive definite matrix M = L L', both of shape (n, n)."""
    size = len(matrix)
    factor = [[0.0] * size for _row in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row][column] - sum(factor[row][k] * factor[column][k] for k in range(column))
            factor[row][column] = math.sqrt(rest) if row == column else rest / factor[column][column]
    return factor


def _variance(factor: Sequence[Sequence[float]], contrast: Sequence[float]) -> float:
    """c' inverse(M) c of M = L L' and a vector c of shape (n,): the square of the length of inverse(L) c."""
    solved: list[float] = []
    for row, value in enumerate(contrast):
        solved.append((value - sum(factor[row][k] * solved[k] for k in range(row))) / factor[row][row])
    return sum(value * value for value in solved)


def rated(votes: Sequence[Vote], replies: Sequence[Seen], memory: Mapping[str, int] | None = None) -> list[Rated]:
    """Everyone who answered: those with a rank first, the best on top; then by games, replies and name. Marks are counted and are no
    votes: a mark says something of one reply, not of two. `memory` is bytes by the model's title.

    Answers in votes whose messages were deleted lend their figures. A reply without a file's name belongs to the only file of its title.
    """
    there = {one.message_id for one in replies}
    gone = [answer for vote in votes for answer in vote.answers if answer.message_id is None or answer.message_id not in there]
    seen = [*replies, *(Seen(_who(answer), None, "", answer.tokens_per_second, answer.first_token_s) for answer in gone)]
    alias = _aliases([*(one.who for one in seen), *(_who(answer) for vote in votes for answer in vote.answers)])
    won, tied = games(votes)
    wins, ties = _renamed(won, alias), _renamed(tied, alias)
    both: dict[Pair, float] = {pair: wins[pair] + ties[pair] / 2 for pair in wins.keys() | ties.keys()}
    by_score = scores(both)
    rounds: Counter[Who] = Counter()
    first: Counter[Who] = Counter()
    for vote in votes:
        rounds.update({alias[_who(answer)] for answer in vote.answers if answer.counts})
        first.update({alias[_who(answer)] for answer in vote.answers if answer.won and vote.verdict == "best"})
    own: dict[Who, list[Seen]] = defaultdict(list)
    for one in seen:
        own[alias[one.who]].append(one)
    counted = Counter(alias[one.who] for one in replies)
    lines = []
    for who in set(alias.values()):
        its = own[who]
        lines.append(
            Rated(
                who=who,
                rounds=rounds[who],
                first=first[who],
                wins=sum(count for (one, _other), count in wins.items() if one == who),
                losses=sum(count for (_one, other), count in wins.items() if other == who),
                ties=sum(count for (one, _other), count in ties.items() if one == who),
                score=by_score.get(who),
                replies=counted[who],
                good=sum(one.mark == "good" for one in its),
                bad=sum(one.mark == "bad" for one in its),
                tokens_per_second=_median(one.tokens_per_second for one in its),
                first_token_s=_median(one.first_token_s for one in its),
                memory_bytes=(memory or {}).get(who.model) if who.engine == "llama_cpp" else None,
            )
        )
    return sorted(
        lines, key=lambda line: (not line.has_rank, -(line.score.share if line.has_rank and line.score else 0.0), -line.games, -line.replies, line.who)
    )


def _aliases(everyone: Iterable[Who]) -> dict[Who, Who]:
    files: dict[tuple[str, str], set[Who]] = defaultdict(set)
    names = set(everyone)
    for who in names:
        if who.file:
            files[who.engine, who.model].add(who)
    alias = {}
    for who in names:
        with_file = files[who.engine, who.model]
        alias[who] = next(iter(with_file)) if not who.file and len(with_file) == 1 else who
    return alias


def _renamed(pairs: Counter[Pair], alias: Mapping[Who, Who]) -> Counter[Pair]:
    found: Counter[Pair] = Counter()
    for (one, other), count in pairs.items():
        if alias[one] != alias[other]:
            found[alias[one], alias[other]] += count
    return found


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return statistics.median(known) if known else None


def memory_by_model(measurements: Iterable[Measurement]) -> dict[str, int]:
    """Bytes that the last load took, by the model's title; `measurements` newest first."""
    found: dict[str, int] = {}
    for one in measurements:
        if one.kind == "load" and one.model not in found and (need := need_of(one)) is not None:
            found[one.model] = need.total_bytes
    return found


def read_replies(connection: sqlite3.Connection) -> list[Seen]:
    """The last 20,000 replies with words that are in sight and whose author may be known."""
    query = (
        "SELECT id, engine, model, coalesce(json_extract(made_of, '$.file'), ''), mark, json_extract(made_of, '$.timing.tokens_per_second'), "
        "json_extract(made_of, '$.timing.first_token_s') FROM message WHERE role = 'assistant' AND state <> 'streaming' AND text <> '' AND model <> '' "
        f"AND deleted_at IS NULL AND {NOT_HIDDEN} ORDER BY id DESC LIMIT ?"
    )
    return [Seen(Who(*row[1:4]), row[0], row[4], row[5], row[6]) for row in connection.execute(query, (READ_REPLIES,))]
