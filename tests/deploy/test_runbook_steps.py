"""The runbook's backup and restore of Redis, done as it says: the service goes on from the copy, in a higher epoch."""

import shutil
from typing import Any

import redis as client

from deploy.stack import until
from servers import RedisServer, mosquitto, redis_server, temporary_folder
from system.instance import daemon

CONFIGURATION = """
feed: {{kind: simulated, session_s: 1}}
redis: {{url: "{redis}"}}
mqtt: {{url: "{mqtt}"}}
http: {{port: 0}}
portfolios: [{{id: core, hedge: none}}]
"""


def _log(server: RedisServer) -> dict[str, str]:
    with client.Redis.from_url(server.url, decode_responses=True) as log:
        found: Any = log.hgetall("{alvh:main}:meta")
        return dict(found)


def _reached(server: RedisServer, tail: int) -> bool:
    return int(_log(server).get("tail", 0)) >= tail


def test_redis_is_backed_up_while_it_works_and_restored() -> None:
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        config = folder / "alvh.yaml"
        config.write_text(CONFIGURATION.format(redis=redis.url, mqtt=broker.url), encoding="utf-8")
        with daemon(config, folder) as made:
            assert until(lambda: _reached(redis, 100)), made.log.read_text()
            with client.Redis.from_url(redis.url) as log:
                log.config_set("auto-aof-rewrite-percentage", 0)
                shutil.copytree(redis.folder / "appendonlydir", folder / "backup")
                log.config_set("auto-aof-rewrite-percentage", 100)
            copied = _log(redis)
            assert until(lambda: _reached(redis, int(copied["tail"]) + 100))
            made.stop()
            lost = _log(redis)

            redis.stop()
            shutil.rmtree(redis.folder / "appendonlydir")
            shutil.copytree(folder / "backup", redis.folder / "appendonlydir")
            redis.start()
            restored = _log(redis)
            assert 100 <= int(restored["tail"]) <= int(copied["tail"]) < int(lost["tail"])

            made.start()
            assert until(lambda: _reached(redis, int(lost["tail"]))), made.log.read_text()
            assert int(_log(redis)["epoch"]) > int(lost["epoch"])
            made.stop()
