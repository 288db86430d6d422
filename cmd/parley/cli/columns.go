package cli

import (
	"io"
	"strings"

	"parley/cmd/parley/plain"
	"parley/cmd/parley/shell"
)

// gap is what stands between two columns, in cells.
const gap = 2

// table writes rows of cells for a person, with a head.
func (a *app) table(head string, rows [][]string) error {
	return writeTable(a.Out, append([][]string{strings.Split(head, " ")}, rows...))
}

// writeTable writes rows of cells with their columns one below the other, as a terminal shows them: most letters of East Asia and
// emoji are two cells wide, and marks that stand on a letter none. No line ends in blanks.
func writeTable(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i := range row {
			row[i] = plain.Line(row[i])
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], shell.Width(row[i]))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		blanks := 0
		for i, cell := range row {
			if cell != "" {
				b.WriteString(strings.Repeat(" ", blanks))
				b.WriteString(cell)
				blanks = 0
			}
			blanks += widths[i] - shell.Width(cell) + gap
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
