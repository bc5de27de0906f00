"""The alerts: when each fires, what it means, what to do. One table, for Prometheus and for Grafana alike."""

from dataclasses import dataclass
from typing import Final, Literal

from monitoring.recorded import HELD, leader

# A dead node's hours stand still, so that it stays on duty; where nothing is known of them, somebody had better look.
ON_DUTY: Final = "unless on (job) (job:alvh_duty:bool == 0)"
IN_SESSION: Final = "and on (job) (job:alvh_in_session:bool == 1)"
NEAR: Final = 0.8  # of the threshold; 2.4 % of 3 %
STALE_S: Final = 60  # twice what a live feed calls stale, so that a slow index at the open wakes nobody
ROOM: Final = 1e-9  # a cost at its cap is no breach; sums of floats differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        name: as shown; the runbook has a heading of this name.
        severity: critical wakes somebody, warning is for the day, info is for the record; none is the watchdog's.
        expr: series it gives are what the alert is about.
        for_s: seconds it must hold.
        summary: one line, with the labels of the series.
        meaning: what is the case.
        action: the first thing to do.
    """

    name: str
    severity: Literal["critical", "warning", "info", "none"]
    expr: str
    for_s: int
    summary: str
    meaning: str
    action: str

    @property
    def anchor(self) -> str:
        """Where the runbook tells more."""
        return self.name.lower()


_MOVE: Final = f"abs({leader('index_move_ratio')})"
_THRESHOLD: Final = f"on (job, portfolio) group_left () {leader('move_threshold_ratio')}"
_MOVED: Final = f"{_MOVE} >= {_THRESHOLD}"
_HARD: Final = f'{leader("timer_limit_sessions")}{{limit="hard"}} - 1'
_TIMER: Final = f"{leader('sessions_since_rebalance')} >= on (job, portfolio) ({_HARD})"
_WAITING: Final = (
    f"({leader('unanswered_adjustments')} > 0) and on (job, portfolio) ({leader('answers_expected')} == 1)"
)
_COST: Final = leader("hedge_cost_ratio")
_LAPSES: Final = leader("answer_deadline_timestamp_seconds")
_LIVE: Final = leader("live_quote_timestamp_seconds")
_TWO: Final = "max_over_time((min_over_time(job:alvh_leader:sum[1m]) > bool 1)[15m:15s])"

HEDGE: Final = (
    Alert(
        name="AlvhMoveNear",
        severity="warning",
        expr=f"({_MOVE} >= on (job, portfolio) group_left () ({NEAR} * {leader('move_threshold_ratio')})) {IN_SESSION}",
        for_s=60,
        summary="{{ $labels.index }} is near the move at which {{ $labels.portfolio }} is rebalanced",
        meaning="The index has gone four fifths of the way to the threshold since the last rebalance.",
        action="Be ready to answer an adjustment; look at the portfolio's page.",
    ),
    Alert(
        name="AlvhRebalanceDue",
        severity="warning",
        expr=(
            f'label_replace(({_MOVED}) {IN_SESSION}, "cause", "move", "", "")'
            f' or label_replace(({_TIMER}) {ON_DUTY}, "cause", "timer", "", "")'
        ),
        for_s=60,
        summary="A rebalance of {{ $labels.portfolio }} is due ({{ $labels.cause }})",
        meaning="An index stands beyond the threshold and no rebalance has followed, or the timer ends at the close.",
        action="Timer: expect an adjustment behind the close. Move: if none comes, see why quotes do not count.",
    ),
    Alert(
        name="AlvhAdjustmentUnanswered",
        severity="warning",
        expr=f"({_WAITING}) {ON_DUTY}",
        for_s=900,
        summary="An adjustment of {{ $labels.portfolio }} waits for an answer",
        meaning="Nobody has answered the newest adjustment for a quarter of an hour; the hedge is not as wanted.",
        action="Answer it on the page, or with: alvh answer MESSAGE_ID accept|amend|reject|executed.",
    ),
    Alert(
        name="AlvhAdjustmentLapsing",
        severity="critical",
        expr=f"(({_WAITING}) and on (job, portfolio) ({_LAPSES} > 0) and on (job, portfolio)"
        f" ({_LAPSES} - 3600 < time())) {ON_DUTY}",
        for_s=60,
        summary="The unanswered adjustment of {{ $labels.portfolio }} lapses within the hour, or has lapsed",
        meaning="Its prices are held to be good until a deadline, and that is near or gone.",
        action="Answer it now. If it has lapsed, check prices and size before trading on it.",
    ),
    Alert(
        name="AlvhAccountDiffers",
        severity="warning",
        expr=f"({leader('account_differences')} > 0) {ON_DUTY}",
        for_s=900,
        summary="The account of {{ $labels.portfolio }} holds something else than was answered",
        meaning="Positions of the account that is read differ from the answers given, or fit no leg of the hedge.",
        action="Compare the newest adjustment's notes with the account; mend the answers or the configuration.",
    ),
    Alert(
        name="AlvhCapBreached",
        severity="critical",
        expr=f"({_COST} > on (job, portfolio) ({leader('hedge_cost_cap_ratio')} + {ROOM})) {ON_DUTY}",
        for_s=60,
        summary="The hedge of {{ $labels.portfolio }} costs more than its cap",
        meaning="By its newest adjustment the hedge costs a larger share of the condors' credit than is allowed.",
        action="Look at the newest adjustment: it says what to cut. Do not add to the hedge before.",
    ),
    Alert(
        name="AlvhPhaseChanged",
        severity="info",
        expr=(
            f"(({leader('phase')} == 1) and on (job, portfolio) ({leader('phase_timestamp_seconds')} > 0)"
            f" and on (job, portfolio) ({leader('phase_timestamp_seconds')} > time() - 7200)) {ON_DUTY}"
        ),
        for_s=0,
        summary="{{ $labels.portfolio }} has entered the phase {{ $labels.phase }}",
        meaning="The signals have moved the hedge into another phase within the last two hours.",
        action="Read the adjustment that came with it; it names the signals.",
    ),
)

FEED: Final = (
    Alert(
        name="AlvhFeedStale",
        severity="critical",
        expr=(
            f'(time() - ({_LIVE}{{instrument="SPX"}} or {_LIVE}{{instrument=~"RUT|IWM"}} > 0) > {STALE_S}) {IN_SESSION}'
        ),
        for_s=60,
        summary="No live {{ $labels.instrument }} quote in session",
        meaning="The exchange is open and no live quote arrives, whatever the connection says; no trigger can fire.",
        action="Look at the gateway: logged in? Market data there, and live? Until then watch the threshold by hand.",
    ),
    Alert(
        name="AlvhFeedLost",
        severity="warning",
        expr=f"({leader('feed_connected')} == 0) {IN_SESSION}",
        for_s=120,
        summary="The feed is not connected",
        meaning="The leader has no connection to the gateway.",
        action="Look whether the gateway runs, and whether it waits for a login or a second factor.",
    ),
    Alert(
        name="AlvhLogStalled",
        severity="critical",
        expr=f"(time() - {leader('commit_timestamp_seconds')} > 120) {IN_SESSION}",
        for_s=60,
        summary="Nothing has been committed for two minutes in session",
        meaning="Quotes do not come in, or cannot be written to the log; no message can leave.",
        action="See AlvhFeedStale and AlvhRedisLost. If neither fires, restart the leader; it recovers from the log.",
    ),
    Alert(
        name="AlvhCalendarEnds",
        severity="warning",
        expr=f"(job:alvh_calendar_end_timestamp_seconds:held - time() < {14 * 86400}) {ON_DUTY}",
        for_s=300,
        summary="The session calendar ends within a fortnight",
        meaning="Decisions go by a calendar that is about to run out.",
        action="Restart the leader, which tells the log of newer sessions; upgrade if that does not help.",
    ),
)

SERVICE: Final = (
    Alert(
        name="AlvhNotReady",
        severity="critical",
        expr=f"(last_over_time(job:alvh_ready:max[{HELD}]) == 0) {ON_DUTY}",
        for_s=300,
        summary="No node is ready",
        meaning="For five minutes no node has been warmed up, connected and fed.",
        action="Ask /readyz or alvh status; each reason stands there by name.",
    ),
    Alert(
        name="AlvhOutboxStuck",
        severity="critical",
        expr=(
            f"(({leader('outbox_pending_messages')} > 0)"
            f" and on (job) (time() - {leader('publish_timestamp_seconds')} > 60)) {ON_DUTY}"
        ),
        for_s=120,
        summary="Messages wait and the broker acknowledges none",
        meaning="Committed messages do not reach subscribers. None is lost: they go out in order once they can.",
        action="Look at the broker: up? Disk full? Does it let our user publish?",
    ),
    Alert(
        name="AlvhNoLeader",
        severity="critical",
        expr=f"(job:alvh_leader:sum < 1 or (job:alvh_duty:bool unless on (job) alvh_leader)) {ON_DUTY}",
        for_s=60,
        summary="No node leads",
        meaning="Nobody watches the market: all nodes are down, or none can take the lease.",
        action="Start a node. If nodes run: they need Redis for the lease; see AlvhRedisLost.",
    ),
    Alert(
        name="AlvhTwoLeaders",
        severity="critical",
        expr=f"({_TWO} > 0) {ON_DUTY}",
        for_s=30,
        summary="More than one node says that it leads",
        meaning="A node was paused or cut off, or two instances share a job. Redis refuses the older one's writes.",
        action="Stop all nodes but the one with the highest leader epoch; then see why the other could not be told.",
    ),
    Alert(
        name="AlvhRedisLost",
        severity="critical",
        expr=f"(last_over_time(job:alvh_redis_connected:min[{HELD}]) == 0) {ON_DUTY}",
        for_s=60,
        summary="A node has lost Redis",
        meaning="Nothing can be committed there, so no message leaves; what is taken waits in memory.",
        action="Bring Redis back with its data. Do not start an empty one in its place.",
    ),
    Alert(
        name="AlvhLogNotDurable",
        severity="warning",
        expr=f"({leader('log_durable')} == 0) {ON_DUTY}",
        for_s=300,
        summary="What Redis confirms may not survive a failure of its host",
        meaning="Redis does not write every command to its disk before it answers, or does not tell whether it does.",
        action="Set appendonly yes, appendfsync always, as in deploy/redis/redis.conf; the daemon's log says more.",
    ),
    Alert(
        name="AlvhArchiveFailed",
        severity="warning",
        expr=f"({leader('archive_fault')} > 0) {ON_DUTY}",
        for_s=600,
        summary="The log cannot be archived ({{ $labels.reason }})",
        meaning="Nothing is lost: what is not archived stays in Redis, which grows until it is.",
        action=(
            "unusable: see to the disk and the rights of the archive's folder."
            " other_log: the archive does not fit the log; move the files that the daemon's log names aside."
        ),
    ),
    Alert(
        name="AlvhBrokerLost",
        severity="critical",
        expr=f"({leader('mqtt_connected')} == 0) {ON_DUTY}",
        for_s=60,
        summary="The leader has lost the MQTT broker",
        meaning="Messages are committed and wait in the outbox; subscribers hear nothing.",
        action="Bring the broker back. The outbox drains by itself, in order.",
    ),
    Alert(
        name="AlvhClockSkew",
        severity="warning",
        expr=f"(last_over_time(job:alvh_clock_skew_seconds:max[{HELD}]) > 1) {ON_DUTY}",
        for_s=300,
        summary="Clocks differ by more than a second",
        meaning="A node's clock differs from Prometheus's or the feed's; quotes may seem stale, and timers be off.",
        action="Look at the time synchronisation (chronyc tracking, timedatectl) of that machine.",
    ),
    Alert(
        name="AlvhDown",
        severity="warning",
        expr=f'(last_over_time(up{{job=~"alvh.*"}}[15m]) == 0) {ON_DUTY}',
        for_s=60,
        summary="{{ $labels.instance }} does not answer",
        meaning="Prometheus cannot scrape this node. If it led, a standby has taken over within seconds.",
        action="Look at the node and its log; start it again.",
    ),
    Alert(
        name="AlvhAbsent",
        severity="critical",
        expr="absent(alvh_heartbeat_timestamp_seconds) unless on () (max(job:alvh_duty:bool) == 0)",
        for_s=300,
        summary="Prometheus knows of no node at all",
        meaning="Nothing is scraped: all nodes are gone, or the scrape configuration does not find them.",
        action="See AlvhNoLeader; then look at the targets in Prometheus.",
    ),
    Alert(
        name="AlvhHeartbeatOld",
        severity="critical",
        expr=f"(time() - last_over_time(job:alvh_heartbeat_timestamp_seconds:max[{HELD}]) > 60) {ON_DUTY}",
        for_s=60,
        summary="No node has gone its round for a minute",
        meaning="Every node is dead, or does not do its work, whether it answers or not.",
        action="Restart a node; it recovers from the log. Keep the log of the one that hung.",
    ),
    Alert(
        name="AlvhWatchdog",
        severity="none",
        expr="vector(1)",
        for_s=0,
        summary="The way from Prometheus to you works",
        meaning="This always fires. Where it goes must raise the alarm when it stops coming: the dead man's switch.",
        action="Nothing, while it comes.",
    ),
)

ALERTS: Final = (*HEDGE, *FEED, *SERVICE)
