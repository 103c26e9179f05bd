"""A broker that tests may kill, freeze and starve: it has a second address, through a proxy that can lose answers."""

from __future__ import annotations

from typing import Any

from tests.chaos.proxy import Proxy
from tests.servers.kafka import Broker
from tests.servers.ports import free_ports

OTHER = "PROXIED"


class Hit(Broker):
    """One node. Whoever comes by `proxied` goes through the proxy for ever: that is the address the broker tells them."""

    def __init__(self, **settings: Any) -> None:
        self._behind, self._proxied = free_ports(2)
        super().__init__(**settings)
        self.proxy = Proxy(self._proxied, self._behind)

    def _own(self, number: int) -> dict[str, str]:
        own = super()._own(number)
        return {
            "listeners": f"{own['listeners']},{OTHER}://127.0.0.1:{self._behind}",
            "advertised.listeners": f"{own['advertised.listeners']},{OTHER}://127.0.0.1:{self._proxied}",
        }

    def _common(self) -> dict[str, str]:
        common = super()._common()
        names = f"{common['listener.security.protocol.map']},{OTHER}:PLAINTEXT"
        return {**common, "listener.security.protocol.map": names}

    @property
    def proxied(self) -> str:
        """The address through the proxy."""
        return f"127.0.0.1:{self._proxied}"

    def well(self) -> None:
        """Whatever a test did to it: up, awake, and no answer lost."""
        self.proxy.heal()
        self.nodes[1].forget()
        if self.nodes[1].frozen:
            self.thaw()
        self.start()

    def close(self) -> None:
        """End both."""
        super().close()
        if hasattr(self, "proxy"):
            self.proxy.close()
