"""The experiments: the papers' headline claims, tested on real models and data that come inside ordinary packages.

`python -m experiments` runs all of them, `python -m experiments vision` one; `make experiments` also installs what they
need. Every experiment is a sub-package with a function `run(setting)` that returns a `taskvec.Result`.
"""

from pkgutil import iter_modules

NAMES = tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))
"""Every experiment that there is."""
