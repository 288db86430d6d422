package prompt

import "strings"

// A Mender reads an answer that comes in pieces and is shown at once: what Text takes out of a whole one, marks
// that Break broke and lines of the fence, it takes out on the way. The zero value is ready.
type Mender struct {
	held string // of the line that is not whole yet: what can't be shown before more is known
	open bool   // the beginning of that line was shown: it is no fence
}

// Write takes the next piece and returns what can be shown.
func (m *Mender) Write(piece string) string {
	var out strings.Builder
	m.held += piece
	for {
		line, rest, whole := strings.Cut(m.held, "\n")
		if !whole {
			break
		}
		if m.open || !isFenceLine(line) {
			out.WriteString(Mend(line) + "\n")
		}
		m.held, m.open = rest, false
	}
	if trimmed := strings.TrimSpace(m.held); m.open || trimmed != "" && !strings.HasPrefix(fenceWord, trimmed) && !isFenceLine(m.held) {
		n := len(m.held)
		if strings.HasSuffix(m.held, "<") || strings.HasSuffix(m.held, "[") { // a joiner may follow
			n--
		}
		if n > 0 {
			out.WriteString(Mend(m.held[:n]))
			m.held, m.open = m.held[n:], true
		}
	}
	return out.String()
}

// Flush returns what is left, at the end of the answer.
func (m *Mender) Flush() string {
	rest, open := m.held, m.open
	*m = Mender{}
	if !open && isFenceLine(rest) {
		return ""
	}
	return Mend(rest)
}

func isFenceLine(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), fenceWord) }
