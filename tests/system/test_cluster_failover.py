"""A daemon on a Redis Cluster whose master dies with commits that its replica never had: nothing is lost or doubled."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from alvh.adapters.redis import Keys
from servers import RedisServer, bundled_valkey, free_port, mosquitto, program, redis_server, temporary_folder
from system.instance import Subscriber, daemon, walk_tape
from system.test_tape_to_wire import configured, replay, until

KEYS = Keys("main")
MASTERS = 3
SLOTS = 16384
START_LIMIT_S = 60.0
SESSIONS = 40
SECONDS = 9.0  # of the run: the failover takes some of them
LOST_EVENTS = 30  # at least, which the dying master alone has
# A loaded machine stalls a node for a second now and then, and that is no failover.
NODE_OPTIONS = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000")


def cli(server: RedisServer, *words: str) -> str:
    """Ask one node."""
    command = [program("redis-cli"), "-p", str(server.port), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def waited(condition: Callable[[], bool]) -> None:
    """Wait until the cluster says so."""
    give_up = time.monotonic() + START_LIMIT_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Masters, the one of them that has the log, and its replica."""

    masters: list[RedisServer]
    owner: RedisServer
    replica: RedisServer

    @property
    def url(self) -> str:
        """Where it is."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{master.port}" for master in self.masters)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Three masters, and a replica of the one that has the log."""
    with ExitStack() as stack:
        # By default the cluster's own port is 10 000 above the other one, which may be above the last port there is.
        buses = [free_port() for _ in range(MASTERS + 1)]
        valkey = bundled_valkey()  # Redis knows these commands and options from 7.0 on, which not every system has
        nodes = [
            stack.enter_context(redis_server(*NODE_OPTIONS, "--cluster-port", str(bus), executable=valkey))
            for bus in buses
        ]
        *masters, replica = nodes
        bounds = [SLOTS * number // MASTERS for number in range(MASTERS + 1)]
        for number, master in enumerate(masters):
            cli(master, "cluster", "addslotsrange", str(bounds[number]), str(bounds[number + 1] - 1))
            cli(master, "cluster", "set-config-epoch", str(number + 1))
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            cli(masters[0], "cluster", "meet", "127.0.0.1", str(node.port), str(bus))
        waited(lambda: all("cluster_known_nodes:4" in cli(node, "cluster", "info") for node in nodes))
        waited(lambda: all("cluster_state:ok" in cli(node, "cluster", "info") for node in nodes))
        slot = int(cli(masters[0], "cluster", "keyslot", KEYS.meta))
        owner = masters[next(number for number in range(MASTERS) if slot < bounds[number + 1])]
        cli(replica, "cluster", "replicate", cli(owner, "cluster", "myid"))
        waited(lambda: "master_link_status:up" in cli(replica, "info", "replication"))
        yield Cluster(masters=masters, owner=owner, replica=replica)


def stop_replication(found: Cluster) -> None:
    """Let the replica fall behind: its master does not know the user it says it is."""
    for name, value in (("masteruser", "nobody"), ("masterauth", "nothing"), ("cluster-replica-validity-factor", "0")):
        cli(found.replica, "config", "set", name, value)
    cli(found.replica, "client", "kill", "type", "master")


def tail(server: RedisServer) -> int:
    """The last event that a node has; a replica tells what it has."""
    command = f"READONLY\nHGET {KEYS.meta} tail\n"
    done = subprocess.run(
        [program("redis-cli"), "-p", str(server.port)], input=command, capture_output=True, text=True, check=True
    )
    return int(done.stdout.splitlines()[-1] or 0)


def test_what_a_failover_of_the_cluster_lost_is_written_again_by_the_leader() -> None:
    with ExitStack() as stack:
        found = stack.enter_context(cluster())
        broker, folder = stack.enter_context(mosquitto()), stack.enter_context(temporary_folder())
        tape = walk_tape(folder / "tape", 77, sessions=SESSIONS, quotes=12)
        speed = f"{SESSIONS * 7 / 5 * 86_400 / SECONDS:.0f}"
        config = configured(folder, tape, found.url, broker.url, speed=speed)
        lines = config.read_text(encoding="utf-8").splitlines(keepends=True)  # without sizing, which takes long
        config.write_text("".join(line for line in lines if "hedged" not in line), encoding="utf-8")
        expected = replay(folder, tape, config)
        subscriber = stack.enter_context(Subscriber(broker.url))
        made = stack.enter_context(daemon(config, folder))
        until(lambda: bool(subscriber.newest()) and tail(found.replica) > 0, made)
        stop_replication(found)
        heard = len(subscriber.arrived)
        # What only the master has was confirmed, and some of it has been said.
        until(lambda: tail(found.owner) > tail(found.replica) + LOST_EVENTS and len(subscriber.arrived) > heard, made)
        found.owner.kill()
        until(lambda: cli(found.replica, "role").startswith("master"), made)
        found.owner.start()  # it comes back as a replica, with what nobody has any more
        until(lambda: subscriber.unique() == expected, made)
        until(lambda: cli(found.owner, "role").startswith("slave"), made)
        assert all(len(bodies) == 1 for bodies in subscriber.contents_by_id().values())
        log = made.log.read_text(encoding="utf-8")
        assert "redis has lost what it had confirmed: events" in log
        assert "a replica that takes over may lack the last commits: set min-replicas-to-write" in log
        assert log.count("leading under epoch") == 1
        made.stop()
