"""Merge methods: each a record that says what it needs, and a function of arrays that is its definition.

``taskvec.methods.ties(deltas, density=0.2)`` merges the deltas of one tensor in float64.
"""

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
from taskvec.methods.method import Method, Needs, Takes
from taskvec.methods.model_stock import model_stock
from taskvec.methods.multislerp import multislerp
from taskvec.methods.nearswap import nearswap
from taskvec.methods.nuslerp import nuslerp
from taskvec.methods.passthrough import passthrough
from taskvec.methods.registry import METHODS, find_method
from taskvec.methods.sce import sce
from taskvec.methods.slerp import slerp
from taskvec.methods.tall_masks import consensus, tall_mask
from taskvec.methods.task_arithmetic import task_arithmetic
from taskvec.methods.ties import ties
from taskvec.methods.trimmed_mean import trimmed_mean
from taskvec.methods.tsv import tsv

__all__ = [
    "METHODS",
    "Method",
    "Needs",
    "Takes",
    "arcee_fusion",
    "awd",
    "breadcrumbs",
    "breadcrumbs_ties",
    "cclip",
    "consensus",
    "coordinate_median",
    "dare_linear",
    "dare_ties",
    "della",
    "della_linear",
    "emr",
    "fedgma",
    "fednova",
    "find_method",
    "geometric_median",
    "iso_c",
    "iso_cts",
    "karcher",
    "linear",
    "model_stock",
    "multislerp",
    "nearswap",
    "nuslerp",
    "passthrough",
    "sce",
    "slerp",
    "tall_mask",
    "task_arithmetic",
    "ties",
    "trimmed_mean",
    "tsv",
]
