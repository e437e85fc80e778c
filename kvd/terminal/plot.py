"""A line in a terminal, of braille dots: two columns and four rows of dots in each character."""

# The dot of a column and a row within a character, as braille numbers its bits.
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def draw(points: list[tuple[float, float]], start: float, end: float, width: int,
         height: int) -> list[str]:
    """Lines of text, from zero at the bottom to the greatest value at the top.

    Args:
        points: times and values, in order of time.
        start, end: times of the left and the right edge.
        width, height: in characters.
    """
    cells = [[0] * width for _ in range(height)]
    most = max((value for _, value in points), default=0.0) or 1.0
    columns, rows = width * 2, height * 4
    before: int | None = None
    last = -10
    for at, value in points:
        column = int((at - start) / (end - start) * (columns - 1)) if end > start else 0
        if not 0 <= column < columns:
            continue
        row = rows - 1 - int(max(0.0, value) / most * (rows - 1))
        # Joined to the point before it, unless there was a gap.
        low = before if before is not None and column - last <= 4 else row
        for each in range(min(row, low), max(row, low) + 1):
            cells[each // 4][column // 2] |= DOTS[column % 2][each % 4]
        before, last = row, column
    return ["".join(chr(0x2800 + bits) for bits in line) for line in cells]
