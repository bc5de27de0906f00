"""A live feed that dies without a word is told of, whatever the connection says, and also when its node dies."""

import time

from deploy.stack import of_prometheus, prometheus_of, until
from servers import free_port, mosquitto, program, redis_server, temporary_folder
from system.instance import daemon
from system.live import configured, live_gateway

QUIET = {"AlvhFeedStale", "AlvhFeedLost", "AlvhNoLeader", "AlvhNotReady", "AlvhLogStalled", "AlvhDown"}


def test_a_dead_index_and_a_dead_node_are_told_of() -> None:
    program("prometheus")
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder, live_gateway() as gateway:
        config, page = configured(folder, gateway.port, redis.url, broker.url)
        (folder / "secrets").mkdir()
        (folder / "secrets" / "http_token").write_text("not asked for")
        http = int(page.base.rsplit(":", 1)[1])
        with daemon(config, folder) as made:
            assert until(page.is_ready), (page.reasons(), made.log.read_text())
            with prometheus_of(folder, http, free_port(), for_s="1s") as prometheus:

                def firing() -> set[tuple[str, str]]:
                    alerts = of_prometheus(prometheus.port, "alerts")["alerts"]
                    return {
                        (alert["labels"]["alertname"], alert["labels"].get("instrument", ""))
                        for alert in alerts
                        if alert["state"] == "firing"
                    }

                assert until(lambda: ("AlvhWatchdog", "") in firing())
                assert until(lambda: not {name for name, _ in firing()} & QUIET), firing()
                now = time.time()
                assert page.metric("alvh_in_session") == 1.0
                assert page.metric("alvh_session_open_timestamp_seconds") < now
                assert page.metric("alvh_session_close_timestamp_seconds") > now
                assert page.metric("alvh_duty_start_timestamp_seconds") < now
                assert page.metric('alvh_live_quote_timestamp_seconds{instrument="SPX"}') > now - 30

                gateway.do(lambda: gateway.gateway.set_kind("SPX", 3))  # delayed from here on; the connection is fine
                assert until(lambda: ("AlvhFeedStale", "SPX") in firing()), firing()
                assert page.metric("alvh_feed_connected") == 1.0
                assert ("AlvhFeedStale", "RUT") not in firing()
                gateway.do(lambda: gateway.gateway.set_kind("SPX", 1))
                assert until(lambda: ("AlvhFeedStale", "SPX") not in firing()), firing()

                made.kill()
                wanted = {("AlvhNoLeader", ""), ("AlvhDown", ""), ("AlvhFeedStale", "SPX"), ("AlvhHeartbeatOld", "")}
                assert until(lambda: wanted <= firing()), firing()
