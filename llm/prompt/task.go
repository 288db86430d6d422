package prompt

import "fmt"

// Kind is what is asked for.
type Kind uint8

// The kinds, with the form of the answer. A backend without a model answers in the same form.
const (
	_               Kind = iota
	Reply                // Count lines of at most Words words
	Summarize            // a line of at most Runes characters, then up to Count lines that begin with "- "
	Complete             // up to Count lines that begin with "> ", then up to Topics lines that begin with "# "
	Ask                  // an answer to the question Text
	Grammar              // the document Text with its mistakes corrected
	Enhance              // the document Text, better written
	DocumentSummary      // Count lines that begin with "- "
)

var kindNames = [...]string{Reply: "reply", Summarize: "summarize", Complete: "complete", Ask: "ask", Grammar: "grammar", Enhance: "enhance", DocumentSummary: "document-summary"}

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Reply, Summarize, Complete, Ask, Grammar, Enhance, DocumentSummary}
}

// Valid reports whether there is such a kind.
func (k Kind) Valid() bool { return k >= Reply && k <= DocumentSummary }

// String returns the name of the kind, which is that of its instruction's file too.
func (k Kind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// A Message is what somebody said in a place.
type Message struct {
	Speaker string
	Text    string
}

// A Task is what is asked, in parts. All text in it was written by users.
type Task struct {
	Kind     Kind
	Messages []Message // oldest first
	Text     string    // the beginning, question or document that the task is about

	Count  int // how many suggestions, key points or completions
	Topics int // how many topics
	Words  int // words of a suggestion
	Runes  int // characters of a summary
}

// New returns a task with the numbers that Parley promises for its kind.
func New(k Kind) Task {
	t := Task{Kind: k}
	switch k {
	case Reply:
		t.Count, t.Words = 3, 10
	case Summarize:
		t.Count, t.Runes = 3, 200
	case Complete:
		t.Count, t.Topics = 5, 3
	case DocumentSummary:
		t.Count = 3
	}
	return t
}

// Bounds of a task's numbers: what is above is no suggestion any more.
const (
	// MessagesMax bounds the messages of a task: a summary takes 100 at most.
	MessagesMax = 200
	// CountMax bounds suggestions, points and topics.
	CountMax = 20
	// WordsMax bounds the words of a suggestion.
	WordsMax = 100
	// RunesMax bounds the characters of a summary.
	RunesMax = 4000
)

// Check reports what is wrong with the task's numbers.
func (t Task) Check() error {
	switch {
	case !t.Kind.Valid():
		return fmt.Errorf("there is no task of kind %d", t.Kind)
	case len(t.Messages) > MessagesMax:
		return fmt.Errorf("%d messages, and at most %d are taken", len(t.Messages), MessagesMax)
	case t.Count < 0 || t.Topics < 0 || t.Words < 0 || t.Runes < 0:
		return fmt.Errorf("a negative number")
	case t.Count > CountMax || t.Topics > CountMax:
		return fmt.Errorf("at most %d suggestions, points or topics", CountMax)
	case t.Words > WordsMax:
		return fmt.Errorf("at most %d words", WordsMax)
	case t.Runes > RunesMax:
		return fmt.Errorf("at most %d characters", RunesMax)
	}
	return nil
}

// Bytes returns the size of all that users wrote.
func (t Task) Bytes() int {
	n := len(t.Text)
	for _, m := range t.Messages {
		n += len(m.Speaker) + len(m.Text)
	}
	return n
}
