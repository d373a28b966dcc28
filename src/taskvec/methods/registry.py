"""Every merge method by its name: what expressions, recipes, the command line and the pages offer."""

from __future__ import annotations

from collections.abc import Mapping

from taskvec.errors import CompositionError
from taskvec.methods.arcee_fusion import arcee_fusion
from taskvec.methods.awd import awd
from taskvec.methods.breadcrumbs import breadcrumbs, breadcrumbs_ties
from taskvec.methods.cclip import cclip
from taskvec.methods.coordinate_median import coordinate_median
from taskvec.methods.dare import dare_linear, dare_ties
from taskvec.methods.della import della, della_linear
from taskvec.methods.emr import emr
from taskvec.methods.fedgma import fedgma
from taskvec.methods.fednova import fednova
from taskvec.methods.geometric_median import geometric_median
from taskvec.methods.iso import iso_c, iso_cts
from taskvec.methods.karcher import karcher
from taskvec.methods.linear import linear
from taskvec.methods.method import Method
from taskvec.methods.model_stock import model_stock
from taskvec.methods.multislerp import multislerp
from taskvec.methods.nearswap import nearswap
from taskvec.methods.nuslerp import nuslerp
from taskvec.methods.passthrough import passthrough
from taskvec.methods.sce import sce
from taskvec.methods.settings import hint
from taskvec.methods.slerp import slerp
from taskvec.methods.tall_masks import consensus, tall_mask
from taskvec.methods.task_arithmetic import task_arithmetic
from taskvec.methods.ties import ties
from taskvec.methods.trimmed_mean import trimmed_mean
from taskvec.methods.tsv import tsv

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        linear,
        task_arithmetic,
        slerp,
        nuslerp,
        multislerp,
        karcher,
        model_stock,
        passthrough,
        ties,
        dare_linear,
        dare_ties,
        breadcrumbs,
        breadcrumbs_ties,
        della,
        della_linear,
        sce,
        nearswap,
        arcee_fusion,
        consensus,
        tall_mask,
        emr,
        tsv,
        iso_c,
        iso_cts,
        awd,
        fednova,
        fedgma,
        cclip,
        coordinate_median,
        trimmed_mean,
        geometric_median,
    )
}
"""Name → method."""


def find_method(name: str) -> Method:
    """Return a method by its name.

    Args:
        name: Such as ``ties``.

    Returns:
        The method.

    Raises:
        CompositionError: If there is none of that name.
    """
    if name not in METHODS:
        raise CompositionError(f"unknown method {name!r}{hint(name, METHODS)}: use one of {', '.join(METHODS)}")
    return METHODS[name]
