"""Counts rows and sums a column: what a function behind a report would do."""


def handler(event, _context):
    rows = event.get("rows", [])
    return {"rows": len(rows), "total": sum(row.get("airports", 0) for row in rows)}
