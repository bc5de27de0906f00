"""The same log over TLS, behind Sentinel through a failover, and in a cluster."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from random import Random

import pytest

from alvh.adapters.redis import Durability, Keys, RedisAddress, RedisJournal, RedisLease, RedisLink, RedisOutbox
from alvh.errors import FencedError, OutageError
from alvh.shell.backoff import Backoff
from alvh.shell.ports import Commit, OutboundMessage
from servers import RedisServer, Server, bundled_valkey, free_port, program, redis_server, running, temporary_folder

KEYS = Keys("test")
MESSAGE = OutboundMessage(message_id="1-1", topic="alvh/test/signals", body=b"{}", retained=True)


def commit(seq: int) -> Commit:
    return Commit(first_seq=seq, events=[b"%d" % seq], messages=[MESSAGE] if seq == 1 else [], checkpoint=b"state")


async def use(address: RedisAddress) -> None:
    """Lead, commit, read back and acknowledge."""
    link = RedisLink(address)
    journal, outbox = RedisJournal(link, KEYS), RedisOutbox(link, KEYS)
    lease = RedisLease(link, KEYS, delays=Backoff(Random(1), cap_s=0.2))
    async with asyncio.timeout(5):
        epoch = await lease.acquire()
    journal.lead(epoch)
    outbox.lead(epoch)
    await journal.commit(commit(1))
    await journal.commit(commit(1))
    await outbox.acknowledge("1-1", [MESSAGE])
    assert await outbox.retained() == [MESSAGE]
    assert (await journal.recover()).tail_seq == 1
    assert [event async for event in journal.read(0)] == [(1, b"1")]
    await lease.renew()
    await lease.release()
    await link.close()


def cli(port: int, *words: str) -> str:
    command = [program("redis-cli"), "-p", str(port), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_tls_with_password_and_client_certificate() -> None:
    with temporary_folder() as folder:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
        words = ["req", "-x509", *key, "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"]
        names = ["-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([program("openssl"), *words, *names], cwd=folder, check=True, capture_output=True)
        port = free_port()
        tls = ["--tls-port", str(port), "--tls-cert-file", f"{folder}/cert.pem", "--tls-key-file", f"{folder}/key.pem"]
        with redis_server(*tls, "--tls-ca-cert-file", f"{folder}/cert.pem", "--requirepass", "s3cret"):
            url = f"rediss://localhost:{port}/0"
            ca, cert, key_file = f"{folder}/cert.pem", f"{folder}/cert.pem", f"{folder}/key.pem"
            good = RedisAddress(url=url, password="s3cret", ca_file=ca, cert_file=cert, key_file=key_file)
            asyncio.run(use(good))
            strange = RedisLink(RedisAddress(url=url, password="s3cret", cert_file=cert, key_file=key_file))
            with pytest.raises(OutageError, match="certificate"):
                asyncio.run(RedisJournal(strange, KEYS).recover())  # a certificate nobody vouches for


@contextlib.contextmanager
def sentinel(master: RedisServer) -> Iterator[Server]:
    with temporary_folder() as folder:
        port = free_port()
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"sentinel monitor mine 127.0.0.1 {master.port} 1",
            "sentinel down-after-milliseconds mine 300",
            "sentinel failover-timeout mine 2000",
        ]
        (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        command = [program("redis-server", "valkey-server"), str(folder / "sentinel.conf"), "--sentinel"]
        with running(command, folder, port) as server:
            yield server


def test_failover_behind_sentinel_keeps_the_log_and_the_token(caplog: pytest.LogCaptureFixture) -> None:
    async def run(guard: Server, master: RedisServer, replica: RedisServer) -> None:
        link = RedisLink(RedisAddress(url=f"redis+sentinel://127.0.0.1:{guard.port}/mine/0"))
        journal = RedisJournal(link, KEYS)
        lease = RedisLease(link, KEYS, delays=Backoff(Random(1), cap_s=0.2))
        journal.lead(await lease.acquire())
        await journal.check_durability()
        assert "set min-replicas-to-write" in caplog.text
        await journal.commit(commit(1))
        async with asyncio.timeout(15):
            while "slaves=1" not in cli(guard.port, "info", "sentinel"):  # noqa: ASYNC110 - another program knows
                await asyncio.sleep(0.1)
            while cli(replica.port, "get", KEYS.lease) == "\n":  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
            master.kill()
            while True:
                try:
                    await journal.commit(commit(2))
                    break
                except OutageError:
                    await asyncio.sleep(0.1)
        assert (await journal.recover()).tail_seq == 2
        assert cli(replica.port, "role").startswith("master")
        await lease.renew()  # the token came along
        await link.close()

    with redis_server() as master, redis_server("--replicaof", f"127.0.0.1 {master.port}") as replica:
        give_up = time.monotonic() + 10
        while "master_link_status:up" not in cli(replica.port, "info", "replication"):
            assert time.monotonic() < give_up
            time.sleep(0.05)
        with sentinel(master) as guard:
            asyncio.run(run(guard, master, replica))


def test_what_a_failover_lost_is_written_again_or_the_leader_stops() -> None:
    """The replica that takes over lacks confirmed commits; who still has them writes them again, who has not stops."""

    async def run(guard: Server, master: RedisServer, replica: RedisServer) -> None:
        url = f"redis+sentinel://127.0.0.1:{guard.port}/mine/0"
        ours, other = RedisLink(RedisAddress(url=url)), RedisLink(RedisAddress(url=url))
        journal, reader = RedisJournal(ours, KEYS), RedisJournal(other, KEYS)
        journal.lead(await RedisLease(ours, KEYS, delays=Backoff(Random(1), cap_s=0.2)).acquire())
        await journal.commit(commit(1))
        async with asyncio.timeout(30):
            while cli(replica.port, "xlen", KEYS.journal).strip() != "1":  # noqa: ASYNC110 - another program does it
                await asyncio.sleep(0.05)
            while "slaves=1" not in cli(guard.port, "info", "sentinel"):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
        cli(replica.port, "replicaof", "127.0.0.1", str(free_port()))  # from here on it hears nothing
        for seq in (2, 3, 4):
            await journal.commit(commit(seq))
        assert [seq async for seq, _ in reader.read(0)] == [1, 2, 3, 4]
        master.kill()
        async with asyncio.timeout(40):
            while True:
                try:
                    await journal.confirm(4)
                    break
                except OutageError:
                    await asyncio.sleep(0.1)
        assert cli(replica.port, "role").startswith("master")
        assert [event async for event in reader.read(0)] == [(seq, b"%d" % seq) for seq in (1, 2, 3, 4)]
        cli(replica.port, "xtrim", KEYS.journal, "maxlen", "1")
        cli(replica.port, "hset", KEYS.meta, "tail", "4")
        forgetful = RedisJournal(ours, KEYS)  # it has the token, and nothing of what is missing
        forgetful.lead(journal.epoch)
        with pytest.raises(FencedError, match="lost committed events: its log ends at 4"):
            await forgetful.commit(commit(6))
        await ours.close()
        await other.close()

    with contextlib.ExitStack() as stack:
        master = stack.enter_context(redis_server("--repl-diskless-sync-delay", "0"))
        replica = stack.enter_context(redis_server("--replicaof", f"127.0.0.1 {master.port}"))
        guard = stack.enter_context(sentinel(master))
        asyncio.run(run(guard, master, replica))


def test_all_keys_of_an_instance_are_on_one_node_of_a_cluster() -> None:
    # By default the cluster's own port is 10 000 above the other one, which may be above the last port there is.
    options = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", str(free_port()))
    with redis_server(*options, executable=bundled_valkey()) as node:
        cli(node.port, "cluster", "addslotsrange", "0", "16383")
        give_up = time.monotonic() + 10
        while "cluster_state:ok" not in cli(node.port, "cluster", "info"):
            assert time.monotonic() < give_up
            time.sleep(0.05)
        address = RedisAddress(url=f"redis+cluster://127.0.0.1:{node.port}")
        asyncio.run(use(address))
        asyncio.run(_durably(address))


async def _durably(address: RedisAddress) -> None:
    """What has no key of its own, CONFIG and WAITAOF, is asked of the node that holds the log."""
    link = RedisLink(address)
    journal = RedisJournal(link, KEYS, durability=Durability.WAITAOF)
    journal.lead(await RedisLease(link, KEYS, delays=Backoff(Random(1), cap_s=0.2)).acquire())
    await journal.commit(commit(2))
    assert "min-replicas-to-write" in (await journal.check_durability() or "")
    await link.call("CONFIG SET", "appendonly", "no")
    assert "appendonly no" in (await journal.check_durability() or "")
    await link.close()
