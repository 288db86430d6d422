package llm

import (
	"context"
	"unicode/utf8"
)

// Guard returns the provider with the limits that are the same for all: requests are checked before the backend sees
// them, limits are filled in, the time is bounded, and what the backend emits is checked against what it
// promised. The server puts it around whichever backend it has.
func Guard(p Provider) Provider { return guard{p} }

type guard struct{ Provider }

// Generate is the backend's, within bounds.
func (g guard) Generate(ctx context.Context, r Request, emit func(string) error) (Result, error) {
	r.Limits = r.Limits.filled()
	if err := Check(r, g.Describe().InputMax); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, DeadlineMax)
	defer cancel()

	sent := 0
	res, err := g.Provider.Generate(ctx, r, func(piece string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if piece == "" {
			return nil
		}
		if sent += len(piece); sent > r.Limits.Bytes || !utf8.ValidString(piece) {
			return Errorf(Malformed, "the backend %s does not keep to the limits of a text", g.Describe().Backend)
		}
		return emit(piece)
	})
	if err != nil {
		return Result{}, FromContext(ctx, err)
	}
	if res.Finish != Length {
		res.Finish = Stop
	}
	return res, nil
}

// filled returns the limits with defaults for what is 0, and nothing above the bounds.
func (l Limits) filled() Limits {
	fill := func(n, otherwise, most int) int {
		if n <= 0 {
			return otherwise
		}
		return min(n, most)
	}
	return Limits{
		Tokens: fill(l.Tokens, OutputTokensDefault, OutputTokensMax),
		Bytes:  fill(l.Bytes, OutputBytesDefault, OutputBytesMax),
	}
}

// Check reports what is wrong with a request to a backend that takes inputMax bytes; 0 is InputMax.
func Check(r Request, inputMax int) error {
	if inputMax <= 0 {
		inputMax = InputMax
	}
	if err := r.Task.Check(); err != nil {
		return Errorf(Invalid, "the task is not valid: %v", err)
	}
	if err := r.Prompt.Check(); err != nil {
		return Errorf(Invalid, "the prompt is not valid: %v", err)
	}
	if n := max(r.Prompt.Bytes(), r.Task.Bytes()); n > inputMax {
		return Errorf(TooLarge, "the prompt has %d bytes, and at most %d are taken", n, inputMax)
	}
	return nil
}
