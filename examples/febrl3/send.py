#!/usr/bin/env python3
"""Send upserts, one JSON body a line, to a running Kehub and count what came out.

    python3 send.py febrl3.ndjson --app cl… --secret …

Only the standard library is used.
"""

import argparse
import collections
import http.client
import json
import os
import queue
import sys
import threading
import time
import urllib.parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file")
    parser.add_argument("--address", default="127.0.0.1:8080")
    parser.add_argument("--app", default=os.environ.get("KEHUB_APP"), help="or KEHUB_APP")
    parser.add_argument("--secret", default=os.environ.get("KEHUB_SECRET"), help="or KEHUB_SECRET")
    parser.add_argument("--connections", type=int, default=16)
    chosen = parser.parse_args()
    if not (chosen.app and chosen.secret):
        parser.error("the app id and its secret are needed: --app and --secret")
    return chosen


class Hub:
    """A keep-alive connection and a token."""

    def __init__(self, address, app, secret):
        self.connection = http.client.HTTPConnection(address, timeout=60)
        query = {"grant_type": "client_credentials", "appid": app, "secret": secret}
        answer = self.call("GET", "/security/accesstoken", query)
        if answer["error_code"] != 0:
            sys.exit(f"no token: {answer['error_description']}")
        self.token = {"access_token": answer["access_token"]}

    def call(self, method, path, query, body=None):
        headers = {"Content-Type": "application/json"} if body else {}
        target = f"{path}?{urllib.parse.urlencode(query)}"
        while True:
            self.connection.request(method, target, body, headers)
            response = self.connection.getresponse()
            text = response.read()
            if response.status != 503:
                break
            # The queue is full: come back when the hub says so.
            time.sleep(float(response.headers.get("Retry-After", "1")))
        answer = json.loads(text)
        if response.status not in (200, 201) or isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{method} {path}: {response.status} {text.decode()}")
        return answer

    def upsert(self, line):
        query = self.token | {"resolution": "1"}
        answer = self.call("POST", "/v1/customerandidentities", query, line)
        return answer["_resolution"]["result"]

    def count(self):
        return self.call("GET", "/v1/customers/count", self.token)


def send(lines, connect, connections):
    """Sends every line once over several connections; counts the results and the errors."""
    waiting = queue.SimpleQueue()
    for line in lines:
        waiting.put(line)
    results = collections.Counter()

    def work():
        hub = connect()
        while True:
            try:
                results[hub.upsert(waiting.get_nowait())] += 1
            except queue.Empty:
                return
            except RuntimeError as error:
                results["refused"] += 1
                print(error, file=sys.stderr)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, time.monotonic() - start


def main():
    chosen = arguments()
    with open(chosen.file, "rb") as file:
        lines = [line.rstrip(b"\n") for line in file]
    identities = [json.loads(line)["customerIdentities"] for line in lines]
    distinct = len({item["identityValue"] for items in identities for item in items})

    def connect():
        return Hub(chosen.address, chosen.app, chosen.secret)

    before = connect().count()
    results, seconds = send(lines, connect, chosen.connections)
    after = connect().count()
    print(f"{len(lines)} upserts over {chosen.connections} connections "
          f"in {seconds:.2f} s: {len(lines) / seconds:.0f} upserts/s")
    print("results: " + ", ".join(f"{count} {result}" for result, count in results.most_common()))
    print(f"customers: {before} before, {after} after; the file holds {distinct} distinct identities")
    if before == 0 and after != distinct:
        sys.exit("these numbers must be equal")


if __name__ == "__main__":
    main()
