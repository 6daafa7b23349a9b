"""What operators watch, for Prometheus: the one home of `prometheus_client`.

    meters.py      counters and histograms, fed by callables that `assemble` hands out
    figures.py     gauges: what the store says of this moment

Ours stand in a registry of their own, which `/abaco/v1/metrics` answers, and which Jupyter's own
`/metrics` shows as well. They are of the process, as Prometheus has it: a second service in the
same process (tests, a restart) counts on. No label names an actor or a user: there may be
thousands.
"""

from abaco_server.metrics.figures import Figures
from abaco_server.metrics.meters import Meters, meters

__all__ = ["Figures", "Meters", "meters"]
