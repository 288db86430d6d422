package cli

import (
	"strings"
	"time"

	"google.golang.org/grpc/status"
)

// trouble tells of a stream that is interrupted: of the first time at once, and while it goes on only that it does, now
// and then. A stream asks a few nodes a second, and whoever watches it has understood after the first.
type trouble struct {
	note func(format string, args ...any)
	now  func() time.Time

	since time.Time // of the interruption; zero: the stream is well
	told  time.Time
}

// troubleEvery is how often somebody is told that it goes on.
const troubleEvery = 15 * time.Second

// interrupted takes down that a node did not stream, or no longer.
func (t *trouble) interrupted(err error) {
	now := t.now()
	switch {
	case t.since.IsZero():
		t.since = now
		t.note("%s; trying the other nodes", clause(clean(reason(err))))
	case now.Sub(t.told) < troubleEvery:
		return
	default:
		t.note("no node streams since %v; still trying (%s)", now.Sub(t.since).Round(time.Second), clause(clean(reason(err))))
	}
	t.told = now
}

// goesOn takes down that something came.
func (t *trouble) goesOn() {
	if !t.since.IsZero() && t.told.Sub(t.since) >= troubleEvery {
		t.note("it goes on")
	}
	t.since = time.Time{}
}

// reason returns what a broken stream says, without gRPC's own framing.
func reason(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

// clause is a sentence that goes on.
func clause(text string) string { return strings.TrimSuffix(text, ".") }
