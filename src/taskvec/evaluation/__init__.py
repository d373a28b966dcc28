"""Numbers about edited models: tasks, models edited in place, coefficients by validation, experiments as functions."""

from taskvec.editing.validation import score_of, validate_by
from taskvec.evaluation.addition import Addition, addition, addition_table, analogy, scaling_curves
from taskvec.evaluation.in_place import Direction, InPlace, read_direction
from taskvec.evaluation.negation import Negation, NegationPoint, negation, negation_curves
from taskvec.evaluation.scaling import Golden, Grid, choose_scaling
from taskvec.evaluation.tasks import EvalTask, Measure, Metrics, SimpleTask, Validation
from taskvec.linalg.search import ScalingChoice, golden_section, grid_search

__all__ = [
    "Addition",
    "Direction",
    "EvalTask",
    "Golden",
    "Grid",
    "InPlace",
    "Measure",
    "Metrics",
    "Negation",
    "NegationPoint",
    "ScalingChoice",
    "SimpleTask",
    "Validation",
    "addition",
    "addition_table",
    "analogy",
    "choose_scaling",
    "golden_section",
    "grid_search",
    "negation",
    "negation_curves",
    "read_direction",
    "scaling_curves",
    "score_of",
    "validate_by",
]
