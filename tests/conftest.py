"""What holds for all tests: properties are judged by what they assert, never by how fast this machine happens to be."""

from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
