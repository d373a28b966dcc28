"""Task Vector Bases: T task vectors kept as M < T atoms, with the error of every one of them known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec.lazy import lazy_names

if TYPE_CHECKING:
    from taskvec.bases.basis import Basis, list_bases
    from taskvec.bases.basis_group import BasisGroup
    from taskvec.bases.collection import add_tasks, refit, refit_advice, remove_task
    from taskvec.bases.compress import ErrorCurve, error_curve
    from taskvec.bases.official.importing import import_official
    from taskvec.bases.sharing import export_basis, import_basis
    from taskvec.linalg.certificate import Certificate

__all__ = [
    "Basis",
    "BasisGroup",
    "Certificate",
    "ErrorCurve",
    "add_tasks",
    "error_curve",
    "export_basis",
    "import_basis",
    "import_official",
    "list_bases",
    "refit",
    "refit_advice",
    "remove_task",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Basis": "taskvec.bases.basis",
        "BasisGroup": "taskvec.bases.basis_group",
        "Certificate": "taskvec.linalg.certificate",
        "ErrorCurve": "taskvec.bases.compress",
        "add_tasks": "taskvec.bases.collection",
        "error_curve": "taskvec.bases.compress",
        "export_basis": "taskvec.bases.sharing",
        "import_basis": "taskvec.bases.sharing",
        "import_official": "taskvec.bases.official.importing",
        "list_bases": "taskvec.bases.basis",
        "refit": "taskvec.bases.collection",
        "refit_advice": "taskvec.bases.collection",
        "remove_task": "taskvec.bases.collection",
    },
)
