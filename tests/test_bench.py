"""The bench's own logic: rates, ratios, the table it writes, and that all do the same work."""

from pathlib import Path

import pytest

from bench import report, workload
from bench.latency import COHORT
from bench.machine import parse_status
from bench.processors import EXACTLY_ONCE, environment, kafka_version, kstreams, peer_versions
from bench.rates import Sample, Spread, TooShortError, percentile, ratios, steady_rate, whole_rate
from bench.rows import BY_NAME, ROWS, Found, plain, shown, verdict
from bench.throughput import award_of
from laurel.catalogue_file import read_catalogue
from rules.catalogue import Catalogue, dump_catalogue
from rules.decide import decide_catalogue, decide_fact
from rules.known import Known, MemoryTable
from streams import wire
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Record


def samples(*pairs: tuple[float, int]) -> list[Sample]:
    return [Sample(at, done) for at, done in pairs]


def test_the_whole_rate_begins_at_the_first_commit_and_leaves_out_the_one_that_reaches_the_end() -> None:
    seen = samples((0.0, 0), (9.0, 100), (10.0, 300), (11.0, 500), (12.9, 520))

    assert whole_rate(seen, base=0, end=520) == 200


def test_the_whole_rate_does_not_count_what_was_there_before() -> None:
    seen = samples((0.0, 0), (1.0, 900), (2.0, 1_000), (3.0, 1_100), (4.0, 1_200))

    assert whole_rate(seen, base=900, end=1_200) == 100


def test_a_run_that_commits_twice_is_measured_by_its_end() -> None:
    assert whole_rate(samples((1.0, 100), (2.0, 400)), base=0, end=400) == 300


def test_the_steady_rate_is_that_of_the_second_half_of_the_events() -> None:
    seen = samples((0.0, 10), (10.0, 400), (11.0, 500), (12.0, 800), (13.0, 990), (13.5, 1_000))

    assert steady_rate(seen, base=0, end=1_000) == (990 - 500) / 2


def test_the_steady_rate_of_a_part_of_the_backlog_is_that_of_the_second_half_of_the_part() -> None:
    seen = samples((0.0, 10), (1.0, 20), (2.0, 50), (3.0, 80), (4.0, 100))

    assert steady_rate(seen, base=0, end=1_000_000) == 25


@pytest.mark.parametrize("seen", [[], [(1.0, 10)], [(0.0, 0), (1.0, 10)]])
def test_a_run_with_fewer_than_two_commits_has_no_rate(seen: list[tuple[float, int]]) -> None:
    with pytest.raises(TooShortError):
        whole_rate(samples(*seen), base=0, end=10)


def test_ratios_are_made_turn_by_turn() -> None:
    assert ratios([10, 30], [5, 10]) == [2, 3]
    with pytest.raises(ValueError, match="argument"):
        ratios([10, 30], [5])


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(1, 101)]

    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (50, 99, 7)


def test_a_spread_keeps_lowest_middle_and_highest() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(low=1, middle=2, high=3, runs=3)


def test_memory_is_read_in_bytes() -> None:
    found = parse_status("Name:\tjava\nVmPeak:\t 900 kB\nVmHWM:\t     300 kB\nVmRSS:\t     200 kB\nThreads:\t2\n")

    assert (found.now, found.highest) == (200 * 1024, 300 * 1024)


def test_a_row_is_judged_by_the_middle_of_its_turns() -> None:
    row, memory = BY_NAME["equal_vs_quix"], BY_NAME["memory_mb"]

    assert verdict(row, Spread.of([2.6, 9.0, 1.0])) == "reached"
    assert verdict(row, Spread.of([1.4])) == "at least"
    assert verdict(row, Spread.of([1.2])) == "**missed**"
    assert [verdict(memory, Spread.of([size])) for size in (299.0, 499.0, 501.0)] == [
        "reached",
        "at least",
        "**missed**",
    ]


def test_values_are_written_for_people_and_for_scripts() -> None:
    assert [shown(1.234, "x"), shown(23.45, "x"), shown(15_000, "/s"), shown(12.4, "ms")] == [
        "1.23x",
        "23.4x",
        "15,000/s",
        "12 ms",
    ]
    assert [plain(1.2345), plain(0.05), plain(54_321.9)] == ["1.23", "0.05", "54322"]


def test_the_lines_for_scripts_name_each_row_that_was_measured_or_could_not_be() -> None:
    found = Found()
    found.add("equal_vs_faust", [20.0, 40.0, 30.0])
    found.notes["two_workers_vs_one"] = "not measured: it needs 4 cores, and here are 2"

    assert list(report.lines(found)) == ["equal_vs_faust=30", "two_workers_vs_one=unmeasured"]


def test_the_table_has_every_row_and_replaces_the_one_before() -> None:
    found = Found()
    found.add("equal_vs_faust", [20.0, 40.0, 30.0])
    found.figure("plain Faust: whole run, events/s", 3_000.4)
    old = f"# Results\n{report.BEGIN}\nold\n{report.END}\nby hand\n"

    measured = report.table(found, command="make bench", date="2026-01-01", machine="2 cores", versions={"X": "1"})
    written = report.placed(report.placed(old, "other"), measured)

    assert [row.title for row in ROWS if f"| {row.title} " not in written] == []
    assert "| 30.0x | 20.0x to 40.0x, 3 runs | 20.0x | 40.0x | at least |" in written
    assert "| plain Faust: whole run, events/s | 3,000 | one run |" in written
    assert "old" not in written
    assert written.startswith("# Results\n")
    assert written.endswith("by hand\n")


def test_results_have_their_markers() -> None:
    assert report.placed(report.RESULTS.read_text(encoding="utf-8"), "x")
    with pytest.raises(ValueError, match="markers"):
        report.placed("nothing", "x")


def test_every_state_gets_all_its_events_in_time_and_in_any_order() -> None:
    events = list(workload.lives(6, seed=1, cohort=4))
    states = {(event.learner, event.course) for event in events}

    assert [event.number for event in events] == list(range(6 * workload.COURSES * workload.EVENTS_PER_STATE))
    assert len(states) == 6 * workload.COURSES
    for state in states:
        mine = [event.topic for event in events if (event.learner, event.course) == state]
        assert sorted(topic for topic in mine if topic is not None) == list(range(workload.TOPICS))
        assert mine.count(None) == workload.GRADES
    assert {event.learner for event in events[:100]} == {0, 1, 2, 3}


def test_the_rules_award_what_the_equal_work_awards(tmp_path: Path) -> None:
    events = list(workload.lives(20, seed=1, cohort=COHORT))
    known = Known.of(lambda _name: MemoryTable())
    decide_catalogue(known, dump_catalogue(_catalogue(tmp_path, 5)), workload.BEGAN_AT)
    for event in events:
        decide_fact(known, workload.fact(event))

    found = [(award.learner, award.credential, award.met_at) for award in known.decisions.awards]
    assert sorted(found) == sorted(
        (one.learner, one.course.replace("COURSE", "badge-"), workload.BEGAN_AT + one.number * workload.STEP)
        for one in workload.due(events)
    )
    assert 20 < len(found) < 100


def test_an_lms_event_says_the_same_as_the_fact_in_the_backlog() -> None:
    for event in workload.lives(1, seed=1, cohort=1):
        expected = workload.fact(event)
        sent = workload.lms_record(event)
        said = DIALECTS["laurel"](
            Record(
                value=sent.value,
                headers=[],
                tenant=workload.TENANT,
                source="lms.laurel",
                received_at=expected.received_at,
            )
        )
        read = wire.parse_facts([workload.facts_record(event).value])

        assert said == (expected,)
        assert read == [wire.FactsRecord(fact=expected)]


def test_strays_and_firsts_go_on_where_the_others_end() -> None:
    first = list(workload.firsts(learners=3, courses=2))
    then = list(workload.strays(learners=3, events=5, seed=1, start=len(first)))

    assert [event.number for event in [*first, *then]] == list(range(11))
    assert len({(event.learner, event.course) for event in first}) == 6
    assert workload.due(first) == []


def test_a_large_catalogue_has_as_many_credentials_as_it_should(tmp_path: Path) -> None:
    assert len(_catalogue(tmp_path, 300).credentials) == 300


def test_awards_of_all_are_read_alike() -> None:
    equal = b'{"tenant": "bench", "learner": "u-1", "course": "COURSE3", "grade": 7000}'
    ours = b'{"award_id": "x", "learner": "u-1", "credential": "badge-3"}'

    assert award_of(equal) == award_of(ours) == ("u-1", "COURSE3")


def test_kafka_streams_is_as_new_as_the_broker() -> None:
    assert " and " not in kafka_version()
    assert set(peer_versions()) == {"Quix Streams", "plain Faust"}


def test_a_processor_gets_no_setting_of_laurel_from_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAUREL_BATCH_MAX_RECORDS", "1")
    processor = kstreams("127.0.0.1:9092", "1", tmp_path, EXACTLY_ONCE, {"commit.interval.ms": "100"})

    assert not [name for name in environment(processor) if name.startswith("LAUREL_")]
    assert "commit.interval.ms=100" in processor.command
    assert "processing.guarantee=exactly_once_v2" in processor.command


def _catalogue(directory: Path, credentials: int) -> Catalogue:
    path = directory / "catalogue.yaml"
    path.write_text(workload.catalogue(credentials), encoding="utf-8")
    return read_catalogue(path, workload.TENANT)
