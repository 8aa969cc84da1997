"""Ways to change a notebook around its answers, so that nbval by itself would pass it.

Each takes the notebook of somebody whose answers do nothing. The grade must see no
difference between what they make of it and what it was.
"""

from nbformat.v4 import new_code_cell, new_output


def _check(nb):
    return next(cell for cell in nb.cells if cell.cell_type == "code" and "check(" in cell.source)


def prints_a_saved_pass(nb):
    cell = _check(nb)
    cell.source = "print('6 promises kept')"
    cell.outputs = [new_output("stream", name="stdout", text="6 promises kept\n")]


def expects_the_exception(nb):
    _check(nb).metadata["tags"] = ["raises-exception"]


def skips_the_check(nb):
    _check(nb).metadata["tags"] = ["nbval-skip"]


def deletes_the_check(nb):
    nb.cells.remove(_check(nb))


def stores_no_output(nb):
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def never_awaits_the_check(nb):
    cell = _check(nb)
    cell.source = f"import asyncio\n_ = asyncio.ensure_future(asyncio.to_thread(lambda: {cell.source}))"


def catches_what_the_check_raises(nb):
    cell = _check(nb)
    cell.source = f"try:\n    {cell.source}\nexcept Exception:\n    print('6 promises kept')"


def patches_in_a_cell_of_its_own(nb):
    nb.cells.insert(0, new_code_cell("import classroom\nclassroom.check = print", id="helper"))


CHEATS = (
    prints_a_saved_pass,
    expects_the_exception,
    skips_the_check,
    deletes_the_check,
    stores_no_output,
    never_awaits_the_check,
    catches_what_the_check_raises,
    patches_in_a_cell_of_its_own,
)
