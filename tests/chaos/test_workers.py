"""Processes that share a port: the end of one is not that of the others."""

import asyncio
import time

from tests.chaos.crowd import Crowd
from tests.chaos.killing import config
from tests.chaos.site import KEY, START_S, site

SIM = {"output_tokens": 5}


def test_a_process_that_dies_while_the_database_is_away_comes_back_with_it(tmp_path, postgres, shared):
    with site(tmp_path / "site", config(**shared), SIM, workers=2) as place:
        crowd = Crowd(place.port, KEY)
        first, second = place.processes()
        postgres.crash()
        second.kill()
        second.wait(START_S)  # until its socket is gone
        until = time.monotonic() + START_S
        while "cannot use the database" not in place.log():  # it is started again
            assert time.monotonic() < until
            asyncio.run(crowd.call("meanwhile"))
            time.sleep(0.2)
        postgres.start()
        place.await_processes(frozenset({second.pid}))
        assert first.is_running()
        asyncio.run(crowd.call("afterwards"))
    assert {seen.status for seen in crowd.seen} == {200}, crowd.seen
