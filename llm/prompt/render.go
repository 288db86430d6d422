package prompt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// A Prompt is what a model is asked: the instruction and the data, apart.
type Prompt struct {
	Instruction string // no word of it was written by a user
	Fence       string // occurs in no data
	Data        []Data
}

// Data is a piece of what users wrote, and what it is.
type Data struct {
	Label string
	Text  string
}

// The labels of data, which instructions speak of.
const (
	LabelMessages = "messages"
	LabelText     = "text"
)

// Render makes the prompt of a task. The same task has the same prompt everywhere.
func (l *Library) Render(t Task) (Prompt, error) {
	if err := t.Check(); err != nil {
		return Prompt{}, err
	}
	var p Prompt
	if len(t.Messages) > 0 {
		p.Data = append(p.Data, Data{LabelMessages, messageLines(t.Messages)})
	}
	if t.Text != "" {
		p.Data = append(p.Data, Data{LabelText, Break(t.Text)})
	}
	p.Fence = fence(p.Data)
	var err error
	p.Instruction, err = l.instruction(t, p.Fence)
	return p, err
}

// User returns the data as the turn of a user, fences and all. Backends send it behind the instruction.
func (p Prompt) User() string {
	var b strings.Builder
	for _, d := range p.Data {
		fmt.Fprintf(&b, "%s begin %s\n%s\n%s end %s\n", p.Fence, d.Label, d.Text, p.Fence, d.Label)
	}
	if len(p.Data) == 0 {
		fmt.Fprintf(&b, "%s nothing\n", p.Fence)
	}
	return b.String()
}

// Bytes returns the size of the prompt.
func (p Prompt) Bytes() int { return len(p.Instruction) + len(p.User()) }

// Check reports what is wrong with a prompt that came from elsewhere: above all, data in which the fence occurs, which
// could pretend to end.
func (p Prompt) Check() error {
	if p.Instruction == "" {
		return fmt.Errorf("a prompt without an instruction")
	}
	if !isFence(p.Fence) {
		return fmt.Errorf("a prompt without a proper fence")
	}
	for _, d := range p.Data {
		if strings.Contains(d.Text, p.Fence) {
			return fmt.Errorf("the fence occurs in the data")
		}
		if d.Label != LabelMessages && d.Label != LabelText {
			return fmt.Errorf("data without a proper label")
		}
		if Break(d.Text) != d.Text {
			return fmt.Errorf("a mark of turns stands unbroken in the data")
		}
	}
	return nil
}

const fenceWord = "====DATA-"

// fence returns a word that occurs in no data: it is made from the data's own hash, and from the next one if
// somebody should have found a text that contains its hash.
func fence(data []Data) string {
	h := sha256.New()
	for _, d := range data {
		fmt.Fprintf(h, "%d:%s", len(d.Text), d.Text)
	}
	for sum := h.Sum(nil); ; {
		f := fenceWord + hex.EncodeToString(sum[:8])
		if !inAny(data, f) {
			return f
		}
		next := sha256.Sum256(sum)
		sum = next[:]
	}
}

func inAny(data []Data, s string) bool {
	for _, d := range data {
		if strings.Contains(d.Text, s) {
			return true
		}
	}
	return false
}

func isFence(s string) bool {
	rest, ok := strings.CutPrefix(s, fenceWord)
	_, err := hex.DecodeString(rest)
	return ok && len(rest) == 16 && err == nil
}

// messageLines renders messages one a line: {"from":"bob","text":"..."}. JSON has the line breaks and quotes of a text
// escaped, so that what is in a message cannot look like the next one.
func messageLines(messages []Message) string {
	lines := make([]string, len(messages))
	for i, m := range messages {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // Break has dealt with what matters, and models read plain text better
		_ = e.Encode(struct {  // two strings: never fails
			From string `json:"from"`
			Text string `json:"text"`
		}{oneLine(m.Speaker), m.Text})
		// The whole line, since escaping may have joined what a line break kept apart.
		lines[i] = Break(strings.TrimSuffix(b.String(), "\n"))
	}
	return strings.Join(lines, "\n")
}

// oneLine takes the control characters out of a name.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}
