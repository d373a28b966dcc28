"""The closing table, for a terminal."""

from rich.console import Console
from rich.table import Table

from demo.evaluation import mean
from demo.result import Findings

MEGABYTE = 1e6


def show(result: Findings, console: Console) -> None:
    """Print accuracies, bytes and the verdict."""
    console.print(accuracy_table(result))
    console.print(size_line(result), soft_wrap=True)
    console.print(f"[bold]{result.verdict()}[/bold]", soft_wrap=True)
    console.print(f"{result.noise()} One seed, one split.", soft_wrap=True)


def accuracy_table(result: Findings) -> Table:
    """A row a task, a column a model."""
    table = Table(title="Test accuracy, %: linear heads fixed, one backbone a column", title_justify="left")
    table.add_column("task")
    table.add_column("classes", justify="right")
    for heading in _headings(result):
        table.add_column(heading, justify="right")
    for name, facts in result.tasks.items():
        table.add_row(name, str(facts.num_classes), *(f"{100 * row[name]:.1f}" for row in result.rows().values()))
    table.add_section()
    table.add_row("mean", "", *(f"{100 * mean(row):.1f}" for row in result.rows().values()), style="bold")
    return table


def _headings(result: Findings) -> list[str]:
    scalings = {"sum of all": result.all_vectors, "sum from basis": result.from_basis}
    return [f"{name}\nλ = {scalings[name].search.scaling:g}" if name in scalings else name for name in result.rows()]


def size_line(result: Findings) -> str:
    """Bytes of the task vectors against bytes of the atoms, with the certificate's errors."""
    found = result.compression
    before, after = found["original_bytes"] / MEGABYTE, found["bytes"] / MEGABYTE
    return (
        f"{len(result.tasks)} task vectors, {before:.0f} MB → {found['num_atoms']} atoms, {after:.0f} MB; "
        f"relative error {found['relative_error']:.3f} (optimum {found['optimal_error']:.3f}), "
        f"of the sum {found['sum_error']:.3f}"
    )
