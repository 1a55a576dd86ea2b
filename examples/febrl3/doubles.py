#!/usr/bin/env python3
"""Say what would join the people who are still several customers.

    python3 doubles.py febrl3.ndjson

The record ids give the truth: rec-7-org and rec-7-dup-0 are person 7. A customer is one
soc-sec-id with every record that carries it; a double is a customer beyond the first of its
person. Each rule below says when two customers look alike. A good rule finds many doubles and
joins few strangers. Only the standard library is used.
"""

import collections
import itertools
import json
import sys

RULES = [
    ("name", "birthday"),
    ("name", "postcode"),
    ("name", "street"),
    ("name", "city"),
    ("birthday", "postcode"),
    ("birthday", "street"),
    ("birthday", "city"),
    ("street", "postcode"),
    ("street", "city"),
    ("birthday",),
    ("name",),
    ("street",),
]


def customers(path):
    """Per identity value: its person, and its records."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            body = json.loads(line)
            [identity] = body["customerIdentities"]
            person = body["customer"]["attr"]["recId"].split("-")[1]
            entry = found.setdefault(identity["identityValue"], (person, []))
            assert entry[0] == person, "an identity of two people"
            entry[1].append(body["customer"])
    return found


def alike(found, rule):
    """Pairs of customers of which two records agree in every field of the rule."""
    by_key = collections.defaultdict(set)
    for identity, (_, records) in found.items():
        for record in records:
            if all(field in record for field in rule):
                by_key[tuple(record[field] for field in rule)].add(identity)
    pairs = set()
    for identities in by_key.values():
        pairs.update(itertools.combinations(sorted(identities), 2))
    return pairs


def joined(found, pairs):
    """The customers left per person once these pairs are joined, and how many pairs are strangers."""
    root = {identity: identity for identity in found}

    def top(identity):
        while root[identity] != identity:
            identity = root[identity]
        return identity

    strangers = 0
    for one, other in pairs:
        if found[one][0] == found[other][0]:
            root[top(one)] = top(other)
        else:
            strangers += 1
    left = collections.defaultdict(list)
    for identity, (person, _) in found.items():
        if top(identity) == identity:
            left[person].append(identity)
    return left, strangers


def doubles(left):
    return sum(len(identities) - 1 for identities in left.values())


def main():
    [path] = sys.argv[1:] or sys.exit(__doc__)
    found = customers(path)
    before, _ = joined(found, [])
    print(f"{len(found)} customers, {len(before)} people, {doubles(before)} doubles\n")
    print(f"{'equal in':<22}{'doubles joined':>15}{'strangers joined':>18}")
    clean = set()
    for rule in RULES:
        pairs = alike(found, rule)
        left, strangers = joined(found, pairs)
        if strangers == 0:
            clean |= pairs
        print(f"{' + '.join(rule):<22}{doubles(before) - doubles(left):>15}{strangers:>18}")
    left, _ = joined(found, clean)
    print(f"\nthe rules without strangers together: {doubles(before) - doubles(left)} joined, "
          f"{doubles(left)} left:")
    for person, identities in left.items():
        if len(identities) == 1:
            continue
        for _, records in (found[identity] for identity in identities):
            shown = (records[0].get(field, "–") for field in ("name", "birthday", "street", "city"))
            print(f"  person {person:<5} {' | '.join(shown)}")


if __name__ == "__main__":
    main()
