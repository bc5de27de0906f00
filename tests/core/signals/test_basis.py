"""The basis of VX1 is judged against the same half hour of the twenty sessions before."""

import json

import numpy as np
import pytest

from alvh.core.signals.basis import BasisClock


def test_against_the_half_hours_of_twenty_sessions() -> None:
    rng = np.random.default_rng(40)
    clock = BasisClock()
    means: dict[int, list[float]] = {0: [], 6: []}
    for session in range(23):
        for half_hour, level in ((0, 1.0), (6, 2.0)):
            samples = [float(x) for x in rng.normal(level, 0.2, 6)]
            for step, basis in enumerate(samples):
                clock.take(session, half_hour * 30 + step * 5, basis, session)
                signal = clock.signal()
                if session < 20:
                    assert signal.quality == "missing"
                else:
                    window = np.array(means[half_hour][-20:])
                    z = (basis - window.mean()) / window.std(ddof=1)
                    assert dict(signal.parts)["z"] == pytest.approx(z, rel=1e-9)
                    assert clock.is_unusual == (abs(z) >= 2)
                clock_again = BasisClock()
                clock_again.restore(json.loads(json.dumps(clock.state())))
                clock = clock_again
            means[half_hour].append(float(np.mean(samples)))


def test_samples_outside_the_session_are_left_out() -> None:
    clock = BasisClock()
    clock.take(1, -5, 1.0, 1)
    clock.take(1, 390, 1.0, 1)
    assert clock.signal().value is None
