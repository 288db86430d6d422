package document

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// writer is a document to which revisions are put as Apply does, without bytes of commands between.
type writer struct {
	t  *state.Txn
	id string
}

func newWriter(t require.TestingT, content []byte) *writer {
	w := &writer{t: &state.Txn{View: state.View{State: &state.State{Limits: state.DefaultLimits()}}}}
	w.t.User, w.t.Login = state.User{ID: 1}, state.Login{ID: 2}
	w.t.At = node.Applied{Position: 10, Term: 1, Time: 10}
	made, refusal := (&Create{Title: "x", Content: string(content), Mode: state.LockAdvisory}).Apply(w.t)
	require.Nil(t, refusal)
	w.id = made.(*Item).Document.ID.String()
	return w
}

func (w *writer) update(t require.TestingT, u *Update) *Item {
	w.t.At.Position++
	w.t.At.Time++
	reply, refusal := u.Apply(w.t)
	require.Nil(t, refusal)
	return reply.(*Item)
}

// Ten thousand revisions of 100 KB, each with a few words changed, stay below 100 MB: what is kept, and counted.
func TestTenThousandRevisionsOfAHundredKilobytesFitIntoAHundredMegabytes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	content := text(r, 100_000)
	w := newWriter(t, content)
	sums := map[uint64][32]byte{1: sha256.Sum256(content)}
	for version := uint64(1); version < 10_000; version++ {
		next := edit(r, content)
		w.update(t, NewUpdate(w.id, next, version, content))
		content = next
		sums[version+1] = sha256.Sum256(content)
	}
	id, _ := state.ParseDocID(w.id)
	d, _ := w.t.Document(id)
	require.EqualValues(t, 10_000, d.Version)
	require.Less(t, d.Kept, uint64(100_000_000))
	rows := 0
	w.t.Ascend(state.TableRevisions, "", func(key string, row []byte) bool {
		rows += len(key) + len(row)
		return true
	})
	require.Less(t, rows, 100_000_000)
	require.InDelta(t, rows, d.Kept, float64(rows)/10, "what is counted is what is kept")
	t.Logf("%d bytes of rows, %d counted", rows, d.Kept)
	for range 500 {
		version := 1 + r.Uint64N(10_000)
		got, ok := contentOf(w.t.State, id, version)
		require.True(t, ok)
		require.Equal(t, sums[version], sha256.Sum256(got), "revision %d", version)
	}
}

func TestAContentIsNeverFarFromAWholeOne(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	content := text(r, 1<<20-1000)
	w := newWriter(t, content)
	id, _ := state.ParseDocID(w.id)
	for version := uint64(1); version < 60; version++ {
		next := edit(r, content)
		next = next[:min(len(next), 1<<20-1000)]
		w.update(t, NewUpdate(w.id, next, version, content))
		content = next
		row, _ := w.t.DocRevision(id, version+1)
		require.LessOrEqual(t, row.Work, uint64(16<<20))
		require.LessOrEqual(t, row.Depth, uint64(32))
	}
	w.t.Limits.DocumentQuotaBytes = w.t.DocUsage(1).Bytes + 1000
	_, refusal := update(w.id, content[1:]).Apply(w.t)
	require.Equal(t, "QUOTA_EXCEEDED", refusal.Reason)
	w.t.Limits.RevisionsMax = 60
	_, refusal = update(w.id, nil).Apply(w.t)
	require.Equal(t, "REVISIONS_FULL", refusal.Reason)
}

func update(id string, content []byte) *Update { return NewUpdate(id, content, 0, nil) }

// A snapshot may hold rows that no Apply wrote: they have no content, and nothing goes round in circles.
func TestRowsThatNoApplyWroteHaveNoContent(t *testing.T) {
	w := newWriter(t, []byte("one"))
	id, _ := state.ParseDocID(w.id)
	d, _ := w.t.Document(id)
	for base, delta := range map[uint64][]byte{2: copyAll(3), 9: copyAll(3), 1: {0xff}} {
		w.t.Put(state.TableRevisions, state.Key(uint64(id), 2), &state.DocRevision{Base: base, Delta: delta, Size: 1 << 62})
		_, ok := contentOf(w.t.State, id, 2)
		require.False(t, ok)
	}
	require.EqualValues(t, 1, d.Version)
}

func BenchmarkApplyUpdate(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	content := text(r, 100<<10)
	w := newWriter(b, content)
	updates := []*Update{}
	for version := uint64(1); version <= 64; version++ {
		next := edit(r, content)
		updates = append(updates, NewUpdate(w.id, next, version, content))
		content = next
	}
	fresh := w.t.State.Clone()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%64 == 0 {
			w.t.State = fresh.Clone()
			w.t.At.Position = raft.Position(10)
		}
		w.update(b, updates[i%64])
	}
}
