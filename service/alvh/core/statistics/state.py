"""What a statistic's state is when written down: a list of plain JSON values, read back to the same bits."""

from typing import Any, Protocol, TypeAlias

# Any: the values come back from JSON, and each statistic alone knows what it put at which place.
State: TypeAlias = list[Any]


class Statistic(Protocol):
    """What can be written down and restored at any prefix."""

    def state(self) -> State:
        """Return all that future values depend on."""
        ...

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        ...
