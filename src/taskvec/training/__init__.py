"""Fine-tuning in one short loop; what makes better task vectors comes as a parametrisation of it."""

from taskvec.training.fine_tuning import fine_tune
from taskvec.training.parametrization import Parametrization
from taskvec.training.precision import Precision, computing_in
from taskvec.training.recipe import Recipe

__all__ = ["Parametrization", "Precision", "Recipe", "computing_in", "fine_tune"]
