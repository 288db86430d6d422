package document_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// plain is a document as one thinks of it: a list of texts, and who holds its lock.
type plain struct {
	texts   []string
	at      []raft.Position
	mode    state.LockMode
	holder  int // of the writers; -1: nobody
	fence   raft.Position
	deleted bool
}

// Whatever is written by two who have the lock or not, from whichever revision their differences come, every accepted
// update is a new revision, and no revision ever changes.
func TestADocumentIsAListOfTextsThatOnlyGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := state.DefaultLimits()
		l.DeltasMax, l.DeltaWorkBytesMax = uint64(rapid.IntRange(0, 4).Draw(t, "deltas")), uint64(rapid.IntRange(0, 5000).Draw(t, "work"))
		w, _ := teamtest.New(t, l)
		who := []teamtest.Actor{w.User("ann"), w.User("bob")}
		id := create(w, who[0], "begun")
		share(w, who[0], id, document.Whom{User: "bob"}, state.Owner)
		p := &plain{texts: []string{"begun"}, mode: state.LockAdvisory, holder: -1, at: []raft.Position{w.At - 1}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "who")
			a := who[i]
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3:
				base := rapid.IntRange(0, len(p.texts)).Draw(t, "base")
				was := ""
				if base > 0 {
					was = p.texts[base-1]
				}
				text := was + strings.Repeat(rapid.SampledFrom([]string{"a", "two words ", "a longer line of text\n"}).Draw(t, "more"), rapid.IntRange(0, 20).Draw(t, "times"))
				u := document.NewUpdate(id, []byte(text), uint64(base), []byte(was))
				u.Fence, u.IfVersion = p.conditions(t)
				p.judge(t, w, i, u.Fence, u.IfVersion, w.Do(a, u, nil), text)
			case 4, 5:
				version := rapid.IntRange(1, len(p.texts)).Draw(t, "version")
				r := &document.Restore{ID: id, Version: uint64(version)}
				r.Fence, r.IfVersion = p.conditions(t)
				p.judge(t, w, i, r.Fence, r.IfVersion, w.Do(a, r, nil), p.texts[version-1])
			case 6:
				var got lock.Answer
				refusal := w.Do(a, &lock.Acquire{Name: id, TTL: w.M.Limits.LockTTLMax}, &got)
				require.Equal(t, p.deleted, refusal != nil)
				if !p.deleted {
					require.Equal(t, p.holder < 0, got.Granted)
					if got.Granted {
						p.holder, p.fence = i, w.At
					}
				}
			case 7:
				if refusal := w.Do(a, &lock.Break{Name: id}, nil); refusal == nil {
					require.GreaterOrEqual(t, p.holder, 0)
					p.holder = -1
				} else {
					require.Negative(t, p.holder)
				}
			case 8:
				p.mode = rapid.SampledFrom([]state.LockMode{state.LockRequired, state.LockAdvisory}).Draw(t, "mode")
				w.Must(a, &document.Configure{ID: id, Mode: &p.mode}, nil)
			case 9:
				if p.deleted = !p.deleted; p.deleted {
					w.Must(a, &document.Delete{ID: id}, nil)
					p.holder = -1
				} else {
					w.Must(a, &document.Undelete{ID: id}, nil)
				}
			}
			p.check(t, w, a, id)
		}
	})
}

// conditions draws what a writer says: a fence that is live, stale or not told, a version that is right, wrong or not told.
func (p *plain) conditions(t *rapid.T) (fence raft.Position, ifVersion uint64) {
	fence = rapid.SampledFrom([]raft.Position{0, 0, p.fence, p.fence, 3}).Draw(t, "fence")
	return fence, rapid.SampledFrom([]uint64{0, uint64(len(p.texts)), uint64(len(p.texts)) - 1}).Draw(t, "if version")
}

// judge says whether a write must have been accepted, and takes it down.
func (p *plain) judge(t *rapid.T, w *teamtest.World, i int, fence raft.Position, ifVersion uint64, refusal *state.Refusal, text string) {
	lets := p.holder == i && (fence == 0 || fence == p.fence) || p.holder < 0 && fence == 0 && p.mode == state.LockAdvisory
	wanted := ifVersion == 0 || ifVersion == uint64(len(p.texts))
	require.Equal(t, !p.deleted && lets && wanted, refusal == nil, "%v", refusal)
	if refusal == nil {
		p.texts, p.at = append(p.texts, text), append(p.at, w.At)
	}
}

func (p *plain) check(t *rapid.T, w *teamtest.World, a teamtest.Actor, id string) {
	require.EqualValues(t, len(p.texts), show(w, a, &document.Show{ID: id}).Revision.Version)
	for i, text := range p.texts {
		got := show(w, a, &document.Show{ID: id, Version: uint64(i) + 1})
		require.Equal(t, []string{text, fmt.Sprint(p.at[i])}, []string{string(got.Content), fmt.Sprint(got.Revision.Position)}, "revision %d", i+1)
		require.Equal(t, text, string(show(w, a, &document.Show{ID: id, At: p.at[i]}).Content))
	}
}
