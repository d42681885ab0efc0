"""The equal work as a plain Faust agent with a RocksDB table, as Faust's documentation writes it."""

import sys
from typing import Any

import faust


def build(broker: str, group: str, source: str, awards: str, directory: str, bar: int, needed: int) -> faust.App:
    """An app of one agent and one table."""
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        store="rocksdb://",
        datadir=directory,
        topic_partitions=4,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,
        broker_session_timeout=10,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=20,
        stream_wait_empty=False,
        producer_linger=0.005,
        table_standby_replicas=0,
    )
    facts: Any = app.topic(source, key_type=str, value_type=bytes, key_serializer="raw", value_serializer="json")
    awarded: Any = app.topic(awards, key_type=str, value_serializer="json", key_serializer="raw")
    table: Any = app.Table("progress", partitions=4, key_type=str)

    async def fold(stream: Any) -> None:
        async for record in stream:
            fact = record.get("fact")
            if fact is None:
                continue
            about, statement = fact["register"], fact["statement"]
            key = f"{about['tenant']}/{about['learner']}/{about['course']}"
            state = table.get(key) or {"grade": -1, "awarded": False, "topics": []}
            if about["kind"] == "topic":
                if about["object"] not in state["topics"]:
                    state["topics"].append(about["object"])
            else:
                state["grade"] = statement[3]
            if not state["awarded"] and state["grade"] >= bar and len(state["topics"]) >= needed:
                state["awarded"] = True
                award = {name: about[name] for name in ("tenant", "learner", "course")}
                award |= {"grade": state["grade"], "topics": len(state["topics"]), "event": statement[2]}
                await awarded.send(key=key, value=award)
            table[key] = state

    app.agent(facts, name="fold")(fold)
    return app


if __name__ == "__main__":
    to, name, read, told, place, lowest, many = sys.argv[1:]
    built = build(to, name, read, told, place, int(lowest), int(many))
    sys.argv = ["faust", "--loop", "uvloop", "worker", "--loglevel", "warn", "--without-web"]
    built.main()
