package llm

import (
	"context"
	"time"

	"parley/llm/prompt"
)

// A Request asks for a text.
type Request struct {
	Task   prompt.Task   // in parts
	Prompt prompt.Prompt // the same, as a model is asked
	Limits Limits
}

// Limits end a text that grows too long. Guard fills in what is 0.
type Limits struct {
	Tokens int
	Bytes  int
}

// Finish is why a text ended.
type Finish uint8

// The reasons.
const (
	_      Finish = iota
	Stop          // it was complete
	Length        // it met a limit
)

// Usage is what a text cost.
type Usage struct {
	InputTokens  int
	OutputTokens int
	Estimated    bool // made from lengths, because the backend did not say
}

// A Result is what is known at the end of a text.
type Result struct {
	Model  string // that answered, as the backend calls it
	Finish Finish
	Usage  Usage
}

// A Description is what a backend is.
type Description struct {
	Backend  string
	Model    string
	External bool   // what is sent to it leaves this machine
	Ready    bool   // it can answer at once
	Detail   string // what a person has to know when it is not ready
	InputMax int    // bytes of a prompt
}

// A Provider is a backend. It may be used by many goroutines.
type Provider interface {
	// Describe tells about the backend. It answers at once.
	Describe() Description

	// Generate makes a text and gives it to emit piece by piece, in order, from this goroutine. Pieces are
	// whole characters of valid UTF-8 and not empty.
	//
	// It returns nil only if the text ended properly: complete, or at a limit of the request, which it never passes. Every
	// other end is an error. Of the context it is the context's own; Generate returns soon after the context ends, whatever the
	// backend does. An error of emit is returned as it is, and nothing is emitted after it. Everything else is an *Error.
	// What was emitted before an error is no answer.
	Generate(ctx context.Context, r Request, emit func(piece string) error) (Result, error)

	// Close frees what the backend holds. Texts that are being generated end with an error; later ones too.
	Close() error
}

// Bounds of every request. A backend may have smaller ones.
const (
	// InputMax bounds the bytes of a prompt: a document has 1 MiB at most, and JSON escapes and
	// an instruction come on top.
	InputMax = 2 << 20
	// OutputBytesDefault bounds a text when its request does not: replies and summaries stay far below.
	OutputBytesDefault = 16 << 10
	// OutputBytesMax is a whole document, corrected.
	OutputBytesMax = 1<<20 + 64<<10
	// OutputTokensDefault is what the default bytes are in English, roughly a fourth, cut to what small models take.
	OutputTokensDefault = 1024
	// OutputTokensMax is what the larger models answer at most.
	OutputTokensMax = 8192
	// DeadlineMax bounds the time of one text: what parley waits for an answer.
	DeadlineMax = 90 * time.Second
)

// EstimateTokens guesses the tokens of a text of so many bytes: four bytes each, as English has.
func EstimateTokens(bytes int) int { return (bytes + 3) / 4 }
