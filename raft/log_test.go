package raft

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// raftLog against a plain slice: terms, truncation across blocks, and the search by term.
func TestLogAnswersAsAPlainSliceWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l raftLog
		model := []Term{0} // by index; below the base nothing is read
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				term := max(1, model[len(model)-1]) + Term(rapid.IntRange(0, 1).Draw(t, "newer"))
				for range rapid.SampledFrom([]int{1, 2, 3, blockEntries}).Draw(t, "count") {
					l.append(Entry{Index: l.last + 1, Term: term})
					model = append(model, term)
				}
			},
			"truncate": func(t *rapid.T) {
				i := rapid.IntRange(int(l.base.Index)+1, len(model)).Draw(t, "from")
				l.truncateFrom(Index(i))
				model = model[:min(i, len(model))]
			},
			"compact": func(t *rapid.T) {
				l.compactTo(Index(rapid.IntRange(int(l.base.Index), int(l.last)).Draw(t, "to")))
			},
			"reset": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
					return
				}
				term := max(1, model[len(model)-1])
				for range rapid.IntRange(1, blockEntries+3).Draw(t, "ahead") {
					model = append(model, term)
				}
				l.resetTo(EntryID{Index(len(model) - 1), term})
			},
			"": func(t *rapid.T) {
				require.Equal(t, Index(len(model)-1), l.last)
				i := rapid.IntRange(0, len(model)+2).Draw(t, "index")
				term, ok := l.term(Index(i))
				require.Equal(t, i < len(model) && Index(i) >= l.base.Index, ok)
				if ok {
					require.Equal(t, model[i], term)
				}
				limit := Term(rapid.IntRange(0, 8).Draw(t, "term"))
				want := min(i, len(model)-1)
				for model[want] > limit {
					want--
				}
				got, gotTerm := l.findByTerm(Index(i), limit)
				if Index(want) >= l.base.Index {
					require.Equal(t, Index(want), got)
					require.Equal(t, model[want], gotTerm)
				} else {
					require.Less(t, got, l.base.Index, "a place that the log can't reach")
				}
				from := rapid.IntRange(int(l.base.Index)+1, len(model)).Draw(t, "slice")
				for k, e := range l.slice(Index(from), l.last) {
					require.Equal(t, Index(from+k), e.Index)
					require.Equal(t, model[from+k], e.Term)
				}
			},
		})
	})
}

// The stored mark against a model of the disk: it never claims an entry that the disk
// does not hold, even if the same index was written, truncated and written again while
// the first write was under way (the ABA of asynchronous appends).
func TestTheStoredMarkNeverClaimsWhatTheDiskDoesNotHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l raftLog
		type job struct {
			seq      WriteSeq
			truncate Index
			entries  []Entry
		}
		var queue []job
		disk := []Entry{{}}
		seq, term := WriteSeq(0), Term(1)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "count") {
					l.append(Entry{Index: l.last + 1, Term: term})
				}
			},
			"truncate": func(t *rapid.T) {
				l.truncateFrom(Index(rapid.IntRange(1, int(l.last)+1).Draw(t, "from")))
				term++
			},
			"store": func(t *rapid.T) {
				seq++
				queue = append(queue, job{seq, l.truncate, l.slice(l.handed+1, l.last)})
				l.writes = append(l.writes, write{seq: seq, last: l.last})
				l.handed, l.truncate = l.last, 0
			},
			"complete": func(t *rapid.T) {
				n := rapid.IntRange(0, len(queue)).Draw(t, "writes")
				for _, j := range queue[:n] {
					if j.truncate != 0 {
						disk = disk[:j.truncate]
					}
					disk = append(disk, j.entries...)
				}
				if n > 0 {
					l.completed(queue[n-1].seq)
				}
				queue = slices.Delete(queue, 0, n)
			},
			"": func(t *rapid.T) {
				require.LessOrEqual(t, int(l.stored), len(disk)-1)
				for i := Index(1); i <= l.stored; i++ {
					require.Equal(t, disk[i], *l.entry(i))
				}
				if len(queue) == 0 {
					require.Equal(t, min(l.handed, Index(len(disk)-1)), l.stored)
				}
			},
		})
	})
}

// quorumValue against counting: the largest v that more than half reach, in both halves.
func TestQuorumValueIsWhatMoreThanHalfOfEachHalfReach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Configuration
		values := map[NodeID]int64{}
		n := rapid.IntRange(1, 9).Draw(t, "members")
		for i := range n {
			c.Members = append(c.Members, Member{
				Ident: ident(i + 1), Voter: i == 0 || rapid.Bool().Draw(t, "voter"), VoterOld: rapid.Bool().Draw(t, "old"),
			})
			values[NodeID(i+1)] = int64(rapid.IntRange(0, 5).Draw(t, "value"))
		}
		reached := func(v int64, votes func(Member) bool) bool {
			all, yes := 0, 0
			for _, m := range c.Members {
				if votes(m) {
					all++
					if values[m.ID] >= v {
						yes++
					}
				}
			}
			return all == 0 || yes*2 > all
		}
		want := int64(0)
		for v := int64(0); v <= 5; v++ {
			if reached(v, func(m Member) bool { return m.Voter }) && reached(v, func(m Member) bool { return m.VoterOld }) {
				want = v
			}
		}
		require.Equal(t, want, quorumValue(&c, func(m *Member) int64 { return values[m.ID] }))
	})
}
