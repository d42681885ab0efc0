"""The equal work in Quix Streams: a stateful function over a topic, as its documentation writes it."""

import sys
from typing import Any

from quixstreams import Application


def run(
    broker: str, group: str, source: str, awards: str, directory: str, guarantee: Any, interval: str, *numbers: str
) -> None:
    """Work until told to stop."""
    bar, needed = map(int, numbers)
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        processing_guarantee=guarantee,
        commit_interval=float(interval),
        state_dir=directory,
        loglevel="WARNING",
        auto_create_topics=True,
        producer_extra_config={"linger.ms": 20},
    )
    facts = app.topic(source, key_deserializer="str", value_deserializer="json")
    awarded = app.topic(awards, key_serializer="str", value_serializer="json")

    # State belongs to a record's key, which is the learner; in it a course has its own place.
    def fold(record: Any, state: Any) -> Any:
        fact = record.get("fact")
        if fact is None:
            return None
        about, statement = fact["register"], fact["statement"]
        known = state.get(about["course"]) or {"grade": -1, "awarded": False, "topics": []}
        award = None
        if about["kind"] == "topic":
            if about["object"] not in known["topics"]:
                known["topics"].append(about["object"])
        else:
            known["grade"] = statement[3]
        if not known["awarded"] and known["grade"] >= bar and len(known["topics"]) >= needed:
            known["awarded"] = True
            award = {name: about[name] for name in ("tenant", "learner", "course")}
            award |= {"grade": known["grade"], "topics": len(known["topics"]), "event": statement[2]}
        state.set(about["course"], known)
        return award

    frame = app.dataframe(facts)
    frame = frame.apply(fold, stateful=True)
    frame = frame[frame.apply(lambda award: award is not None)]
    frame.to_topic(awarded)
    app.run()


if __name__ == "__main__":
    run(*sys.argv[1:])
