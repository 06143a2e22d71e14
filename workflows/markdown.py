"""Tables in Markdown, for documents that are made from the code."""

from schemas.tables.contract import Contract


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def columns(contract: Contract) -> str:
    """A contract's columns: name, type, what they hold."""
    rows = [
        [f"`{field.name}`", f"`{field.type}`{' or null' if field.nullable else ''}", prose(contract.descriptions[field.name])]
        for field in contract.arrow
    ]
    return table(["column", "type", "what it holds"], rows)


def prose(text: str) -> str:
    """Text whose `<name>` is not taken for HTML."""
    return text.replace("<", "&lt;")
