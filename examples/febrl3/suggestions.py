#!/usr/bin/env python3
"""Say how good the duplicates are that a hub suggests, after send.py.

    python3 suggestions.py --app cl… --secret …

The record id that every customer carries names its person. A suggestion is right if both customers
are one person. A double is a customer beyond the first of its person; it is suggested if right
suggestions connect it with another one. Only the standard library is used.
"""

import argparse
import collections
import http.client
import json
import os
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--address", default="127.0.0.1:8080")
    parser.add_argument("--app", default=os.environ.get("KEHUB_APP"), help="or KEHUB_APP")
    parser.add_argument("--secret", default=os.environ.get("KEHUB_SECRET"), help="or KEHUB_SECRET")
    chosen = parser.parse_args()
    if not (chosen.app and chosen.secret):
        parser.error("the app id and its secret are needed: --app and --secret")
    return chosen


class Hub:
    """A connection and a token."""

    def __init__(self, address, app, secret):
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.token = ""
        credentials = json.dumps({"appId": app, "secret": secret})
        self.token = self.call("POST", "/api/tokens", credentials)["accessToken"]

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            sys.exit(f"{method} {path}: {response.status} {text.decode()}")
        return json.loads(text)

    def people(self):
        """Per customer id, its person."""
        found, page, pages = {}, 1, 1
        while page <= pages:
            path = f"/v1/customers?select=id,attr.recId&rows=1000&page={page}"
            answer = self.call("GET", path)
            for row in answer["rows"]:
                found[row["id"]] = row["attr"]["recId"].split("-")[1]
            page, pages = page + 1, answer["total"]
        return found

    def suggestions(self):
        cursor = "&refresh=1"
        while cursor:
            answer = self.call("GET", f"/api/duplicates?limit=1000{cursor}")
            yield from answer["items"]
            cursor = answer["nextCursor"] and f"&cursor={answer['nextCursor']}"


def main():
    chosen = arguments()
    hub = Hub(chosen.address, chosen.app, chosen.secret)
    people = hub.people()
    root = {customer: customer for customer in people}

    def top(customer):
        while root[customer] != customer:
            customer = root[customer]
        return customer

    right, wrong = collections.Counter(), collections.Counter()
    for pair in hub.suggestions():
        one, other = pair["customerIds"]
        is_right = people[one] == people[other]
        for reason in [*pair["reasons"], "any reason"]:
            (right if is_right else wrong)[reason] += 1
        if is_right:
            root[top(one)] = top(other)
    doubles = len(people) - len(set(people.values()))
    left = len({top(customer) for customer in people}) - len(set(people.values()))
    print(f"{len(people)} customers, {len(set(people.values()))} people, {doubles} doubles\n")
    print(f"{'suggested for':<28}{'right pairs':>12}{'wrong pairs':>12}")
    for reason in sorted(right | wrong, key=lambda it: (it == "any reason", it)):
        print(f"{reason:<28}{right[reason]:>12}{wrong[reason]:>12}")
    print(f"\n{doubles - left} of {doubles} doubles are suggested")


if __name__ == "__main__":
    main()
