"""However many write to one session, there is one order and each message is in it once."""

from tests.reliability.writers import Agent, Written, at_once, read_all
from tests.served import serving

WRITERS = 64
BATCHES = 6
BATCH = 5


def test_64_writers_and_their_doubles_in_two_processes_leave_one_order(
    installation: dict[str, str],
) -> None:
    written = Written()
    with serving(installation, workers=2) as served:

        def writer(number: int) -> None:
            # Every eighth writer sends what its neighbour sends too.
            name = number - 1 if number % 8 == 7 else number
            agent = Agent(served.url, served.key)
            for batch in range(BATCHES):
                events = [
                    {"message": {"id": f"{name}-{batch}-{place}", "role": "user", "content": "Hi"}}
                    for place in range(BATCH)
                ]
                body = {"session_id": "shared", "events": events}
                answer = agent.insist("memory/add_list", body, written.statuses)
                written.note(answer["items"])

        threads = at_once([lambda n=number: writer(n) for number in range(WRITERS)], written)  # type: ignore[misc]
        for thread in threads:
            thread.join()
        items = read_all(Agent(served.url, served.key), "shared")

    assert written.problems == []
    assert {status for status in written.statuses if status >= 500} == set()
    seqs = {item["id"]: item["seq"] for item in items}
    assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
    assert len(seqs) == len(items) == (WRITERS - WRITERS // 8) * BATCHES * BATCH
    assert all(set(places) == {seqs[name]} for name, places in written.places.items())
    for name in range(WRITERS):
        if name % 8 == 7:
            continue
        for batch in range(BATCHES):
            places = [seqs[f"{name}-{batch}-{place}"] for place in range(BATCH)]
            assert places == list(range(places[0], places[0] + BATCH))
        firsts = [seqs[f"{name}-{batch}-0"] for batch in range(BATCHES)]
        assert firsts == sorted(firsts)
