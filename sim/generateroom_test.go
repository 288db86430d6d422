package sim

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A cluster that is asked for more than its plan lets through never comes to an end, and that is no bug of a node: the generator must not draw such
// a plan. What is wanted stays as it was; what is too narrow for it is widened, and nothing else.
func TestNoPlanAsksForMoreThanItLetsThrough(t *testing.T) {
	read := func(name string) *Plan {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "plans", "excluded", name))
		require.NoError(t, err)
		p, err := Parse(string(text))
		require.NoError(t, err)
		return p
	}
	const more, patience, grace = "more-is-wanted-than-fits.plan", "commit-outlasts-patience.plan", "grace-ends-before-the-pin.plan"
	const confirmed = 2 * 7 * (100*time.Millisecond + 220*time.Microsecond) // seven trips and writes, with room to spare
	for _, c := range []struct {
		name, plan    string
		narrow, wider func(*Plan)
	}{
		{"entries on their way", more, func(*Plan) {}, func(p *Plan) { p.Node.Append = 10 }}, // 36 of people, 5 of clients and 4 of servers a second, twice as many for a tenth of one
		{"entries on their way, of several at a time", more, func(p *Plan) { p.Node.Append, p.Node.Inflight = 1, 2 }, func(p *Plan) { p.Node.Append = 5 }},
		{"pieces of a file", more, func(p *Plan) {
			p.Node.Append, p.Node.Inflight = 0, 0
			p.Blobs = BlobPlan{Chunk: 1024, Pin: 10 * time.Second, Grace: 2 * time.Second}
			p.Uploaders = []UploaderPlan{{Every: 300 * time.Millisecond, Bytes: 8000, Piece: 100, Read: 300, Patience: 3 * time.Second, Timeout: 600 * time.Millisecond}}
		}, func(p *Plan) { p.Uploaders[0].Piece, p.Uploaders[0].Timeout, p.Blobs.Chunk = 666, confirmed, 1111 }},
		{"a commit and for how long its content is kept", grace, func(*Plan) {}, func(p *Plan) { p.Blobs.Grace = 1400 * time.Millisecond }}, // a disk that takes no time
		{"a commit and who waits for it", patience, func(*Plan) {}, func(p *Plan) { p.Uploaders[0].Timeout, p.Blobs.Chunk = confirmed, 69 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := read(c.plan)
			c.narrow(p)
			r := Run(p, Options{})
			require.NotNil(t, r.Violation)
			require.Equal(t, Liveness, r.Violation.Invariant, r.Violation.Reason)

			(&generator{plan: p}).room()
			want := read(c.plan)
			c.narrow(want)
			c.wider(want)
			require.Equal(t, want.Format(), p.Format())
			require.Nil(t, Run(p, Options{}).Violation)

			(&generator{plan: p}).room()
			require.Equal(t, want.Format(), p.Format(), "where all fits, nothing changes")
		})
	}
}
