package answer

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"
	"unicode/utf8"

	"parley/llm/offline/extract"
	"parley/llm/prompt"
	pb "parley/rpc/proto/parley/v1"
)

// Config says where texts are made.
type Config struct {
	// Addr is where the LLM server listens; empty: there is none, and all is answered without one.
	Addr string
	// Secret is what the LLM server wants to see.
	Secret string
	// TLS is for a server on another machine; nil is none, which loopback alone takes.
	TLS *tls.Config
	// Instructions are what a model is told to do; nil are those that are built in.
	Instructions *prompt.Library
	// Logger is told what a text cost, and no word of it; nil is nobody.
	Logger *slog.Logger
}

// Maker makes texts. It may be used by many goroutines.
type Maker struct {
	model   *model // nil: there is none
	library *prompt.Library
	log     *slog.Logger
	cache   *cache
	turns   chan struct{} // holds a token for each text that a model is asked for
	own     chan struct{} // holds one while this process makes a text itself
}

// New returns a maker. It connects to nobody until it is asked for something.
func New(c Config) (*Maker, error) {
	m := &Maker{library: c.Instructions, log: c.Logger, cache: newCache(time.Now), turns: make(chan struct{}, atOnce), own: make(chan struct{}, 1)}
	if m.library == nil {
		m.library = prompt.Default()
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if c.Addr == "" {
		return m, nil
	}
	var err error
	m.model, err = dial(c.Addr, c.Secret, c.TLS)
	return m, err
}

// Close hangs up. Texts under way are answered without the model.
func (m *Maker) Close() error {
	if m.model == nil {
		return nil
	}
	return m.model.conn.Close()
}

// A Job is a text that somebody wants, who may read all that is in it.
type Job struct {
	Task prompt.Task

	// External is the external backend that may get it; empty: none.
	External string
	// Consult writes down that so many bytes are going to an external backend. What it refuses does not go. It is not called if
	// External is empty.
	Consult func(ctx context.Context, backend string, bytes int) error

	// Read says whether a text has the form that the task asks for: prompt.ErrForm if not.
	Read func(text string) error

	// Emit takes the text as it comes; nil: nobody waits for pieces. Anew says that the pieces so far are no answer.
	Emit func(piece string) error
	Anew func() error
}

// Made is a text, and where it is from.
type Made struct {
	Text   string
	Source string // the backend
	Model  string
	Note   string // why it is not from the model that there is; a sentence
}

// Offline is the source of what no model made.
const Offline = "offline"

// ErrStays is what Consult says of a text that may not leave the machine. Its other errors end the job.
var ErrStays = errors.New("answer: it may not leave the machine")

// An endError ends a job: the caller is gone, or has to ask elsewhere.
type endError struct{ error }

func (e endError) Unwrap() error { return e.error }

// Make has a text made. The error is of the context, of Emit or Anew, or of Consult; that there is no model is none.
func (m *Maker) Make(ctx context.Context, j *Job) (Made, error) {
	began := time.Now()
	made, err := m.byModel(ctx, j)
	if end, ok := errors.AsType[endError](err); ok {
		return Made{}, end.error
	}
	if err != nil {
		note := ""
		if !errors.Is(err, errNone) {
			note = noteOf(err)
			if errors.Is(err, ErrStays) {
				note = noteExternal
			}
		}
		if made, err = m.without(ctx, j, note); err != nil {
			return Made{}, err
		}
	}
	m.log.Debug("text", "task", j.Task.Kind.String(), "source", made.Source, "note", made.Note, "took", time.Since(began).Round(time.Millisecond))
	return made, nil
}

// errNone is why nobody is asked where there is nobody.
var errNone = errors.New("answer: there is no LLM server")

// errFull is why somebody is not let in line.
var errFull = errors.New("answer: too many texts are waited for")

// byModel has the LLM server make it.
func (m *Maker) byModel(ctx context.Context, j *Job) (Made, error) {
	if m.model == nil {
		return Made{}, errNone
	}
	if len(j.Task.Messages) == 0 && j.Task.Text == "" {
		return Made{}, errNone // there is nothing to read
	}
	limited, cancel := context.WithDeadline(ctx, givenUp(ctx))
	defer cancel()
	d, err := m.model.describe(limited)
	if err != nil {
		return Made{}, err
	}
	if d.GetExternal() && (j.External == "" || j.External != d.GetBackend()) {
		return Made{}, ErrStays
	}
	t := fit(j.Task, int(d.GetInputBytesMax()))
	key := keyOf(d.GetBackend(), d.GetModel(), &t)
	if made, ok := m.cache.get(key); ok && j.Read(made.Text) == nil {
		return made, j.emit(made.Text)
	}
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	default:
		return Made{}, errFull
	}
	made, err := m.ask(limited, d, j, &t)
	if err != nil {
		if ctx.Err() != nil {
			return Made{}, endError{ctx.Err()}
		}
		return Made{}, err
	}
	m.cache.put(key, made)
	return made, nil
}

// givenUp is when the model is not waited for any longer.
func givenUp(ctx context.Context) time.Time {
	now := time.Now()
	until := now.Add(textMax)
	if deadline, ok := ctx.Deadline(); ok {
		keep := min(reserve, deadline.Sub(now)/reserveParts)
		if deadline = deadline.Add(-keep); deadline.Before(until) {
			until = deadline
		}
	}
	return until
}

// ask asks, and once more if the answer has not the form.
func (m *Maker) ask(ctx context.Context, d *pb.DescribeResponse, j *Job, t *prompt.Task) (Made, error) {
	p, err := m.library.Render(*t)
	if err != nil {
		return Made{}, err
	}
	tokens, bytes := room(t)
	r := requestOf(t, &p, tokens, bytes)
	if d.GetExternal() {
		r.External = d.GetBackend()
	}
	for again := false; ; again = true {
		if d.GetExternal() {
			switch err := j.Consult(ctx, d.GetBackend(), p.Bytes()); {
			case errors.Is(err, ErrStays):
				return Made{}, err
			case err != nil:
				return Made{}, endError{err}
			}
		}
		emitted := false
		text, final, err := m.model.generate(ctx, r, func(piece string) error {
			emitted = true
			return j.emit(piece)
		})
		if err == nil {
			err = j.Read(text)
		}
		if err == nil {
			return Made{Text: text, Source: final.GetSource(), Model: final.GetModel()}, nil
		}
		if emitted {
			if end := j.anew(); end != nil {
				return Made{}, end
			}
		}
		if again || !errors.Is(err, prompt.ErrForm) && noteOf(err) != noteOf(prompt.ErrForm) {
			return Made{}, err
		}
	}
}

// without makes it without the model: where corrections take a dictionary, by the LLM server if it runs, and else here.
func (m *Maker) without(ctx context.Context, j *Job, note string) (Made, error) {
	if text, ok := m.corrected(ctx, j); ok {
		return Made{Text: text, Source: Offline, Note: note}, unwrap(j.emit(text))
	}
	select {
	case m.own <- struct{}{}:
		defer func() { <-m.own }()
	case <-ctx.Done():
		return Made{}, ctx.Err()
	}
	text := extract.Answer(short(j.Task))
	if j.Read(text) != nil {
		text = "" // it has nothing to say, as to a text that nothing like it was ever said
	}
	made := Made{Text: text, Source: Offline, Note: note}
	if text == "" {
		return made, nil
	}
	return made, unwrap(j.emit(text))
}

// corrected has the LLM server correct a document without a model.
func (m *Maker) corrected(ctx context.Context, j *Job) (string, bool) {
	if m.model == nil || j.Task.Kind != prompt.Grammar && j.Task.Kind != prompt.Enhance {
		return "", false
	}
	ctx, cancel := context.WithDeadline(ctx, givenUp(ctx))
	defer cancel()
	if _, err := m.model.describe(ctx); err != nil {
		return "", false
	}
	p, err := m.library.Render(j.Task)
	if err != nil {
		return "", false
	}
	tokens, bytes := room(&j.Task)
	r := requestOf(&j.Task, &p, tokens, bytes)
	r.Offline = true
	text, _, err := m.model.generate(ctx, r, func(string) error { return nil })
	return text, err == nil && j.Read(text) == nil
}

// emit passes a piece on. That nobody takes it ends the job.
func (j *Job) emit(piece string) error {
	if j.Emit == nil {
		return nil
	}
	if err := j.Emit(piece); err != nil {
		return endError{err}
	}
	return nil
}

// anew says that what was emitted is no answer.
func (j *Job) anew() error {
	if j.Anew == nil {
		return nil
	}
	if err := j.Anew(); err != nil {
		return endError{err}
	}
	return nil
}

func unwrap(err error) error {
	if end, ok := errors.AsType[endError](err); ok {
		return end.error
	}
	return err
}

// room is how long an answer may be: a document as long as it is and some, all else a page.
func room(t *prompt.Task) (tokens, bytes int) {
	switch t.Kind {
	case prompt.Grammar, prompt.Enhance:
		return documentTokensMax, min(2*len(t.Text)+4<<10, documentBytesMax)
	case prompt.Ask:
		return askTokens, pageBytes
	}
	return pageTokens, pageBytes
}

// The bounds of an answer, which are the LLM server's own: see package llm.
const (
	pageTokens        = 512
	askTokens         = 1024
	pageBytes         = 16 << 10
	documentTokensMax = 8192
	documentBytesMax  = 1<<20 + 64<<10
)

// fit leaves the oldest messages out if a backend takes less, and shortens those that are long: a summary
// is of all of them.
func fit(t prompt.Task, bytesMax int) prompt.Task {
	messages := make([]prompt.Message, len(t.Messages))
	for i, m := range t.Messages {
		messages[i] = prompt.Message{Speaker: m.Speaker, Text: prompt.Shorten(m.Text, messageRunesMax)}
	}
	t.Messages = messages
	for bytesMax > 0 && len(t.Messages) > 1 && t.Bytes()+instructionBytes+messageBytes*len(t.Messages) > bytesMax {
		t.Messages = t.Messages[1:]
	}
	return t
}

const (
	// messageRunesMax is a page: what stands on the second one hardly changes what a talk is about.
	messageRunesMax = 2000
	// instructionBytes and messageBytes are about what comes on top of what users wrote.
	instructionBytes = 4 << 10
	messageBytes     = 40
)

// short is as much of a task as this process makes a text of without being noticed.
func short(t prompt.Task) prompt.Task {
	if t.Kind == prompt.DocumentSummary && len(t.Text) > ownBytesMax {
		n := ownBytesMax
		for n > 0 && !utf8.RuneStart(t.Text[n]) {
			n--
		}
		t.Text = t.Text[:n]
	}
	return fit(t, ownBytesMax)
}
