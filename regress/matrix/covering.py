# SPDX-License-Identifier: ISC
"""Covering arrays: few rows in which each pair of values of two factors meets."""

import itertools


class Rows:
    """Rows of a product of factors with a rule for what can be together.

    factors: {name: [values]}; choices(row) gives, for a row with some factors
    set, {name: [values]} that are still possible, or None if the row can't be.
    random: a random.Random, so that the same seed gives the same rows."""

    TRIES = 40

    def __init__(self, factors, choices, random):
        self._factors = factors
        self._choices = choices
        self._random = random

    def pairs(self, row):
        """The pairs that meet in a row."""
        return set(itertools.combinations(sorted(row.items()), 2))

    def complete(self, row):
        """The row with its other factors chosen at random, or None."""
        row = dict(row)
        names = [n for n in self._factors if n not in row]
        self._random.shuffle(names)
        for name in names:
            possible = self._choices(row)
            if possible is None or not possible[name]:
                return None
            row[name] = self._random.choice(possible[name])
        return row if self._choices(row) is not None else None

    def _possible(self):
        """Every pair that some row holds."""
        for a, b in itertools.combinations(sorted(self._factors), 2):
            for v, w in itertools.product(self._factors[a], self._factors[b]):
                if any(self.complete({a: v, b: w}) for _ in range(self.TRIES)):
                    yield ((a, v), (b, w))

    def cover(self):
        """A list of rows in which all possible pairs meet."""
        missing = sorted(set(self._possible()))
        left, rows = set(missing), []
        for pair in missing:
            if pair not in left:
                continue
            best = max((r for r in (self.complete(dict(pair))
                                    for _ in range(self.TRIES)) if r),
                       key=lambda r: len(self.pairs(r) & left), default=None)
            if best is None:
                continue
            rows.append(best)
            left -= self.pairs(best)
        if left:
            raise ValueError('not covered: %s' % sorted(left))
        return rows
