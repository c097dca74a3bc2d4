"""Pictures of the lake, for where people look rather than read.

In:            a connection that can read the lake, the name of a plot, filters.
Out:           a PNG or an HTML page with the numbers behind the picture.
Guarantee:     preparing is pure (rows in, series out), one statement is one snapshot; nothing is written in the lake.
On failure:    no row fits: the caller is told what the lake lacks, and nothing is drawn.
"""

from __future__ import annotations

from vaxel.plots import flow, one, product, use
from vaxel.plots.plot import Plot

PLOTS: tuple[Plot, ...] = (*use.PLOTS, *product.PLOTS, *flow.PLOTS, *one.PLOTS)
