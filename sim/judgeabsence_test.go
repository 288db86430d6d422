package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// judged is a small world whose node 1 has acknowledged three entries of term 2.
type judged struct {
	*World
	entries []raft.Entry
	hard    raft.HardState
}

func newJudged(t *testing.T) *judged {
	w := &judged{World: newWorld(Generate(7, time.Minute), Options{}), hard: raft.HardState{Term: 2}}
	require.Equal(t, 3, w.plan.Nodes)
	for i := range raft.Index(3) {
		w.entries = append(w.entries, raft.Entry{Index: i + 1, Term: 2, Kind: raft.EntryCommand, Payload: []byte{byte(i)}})
	}
	for id := raft.NodeID(1); id <= 3; id++ {
		w.node(id).up = true
	}
	w.keep(1, w.entries...)
	return w
}

// keep has a node store entries, and the disk sync them.
func (w *judged) keep(id raft.NodeID, entries ...raft.Entry) {
	st := raft.Store{Hard: w.hard, Entries: entries}
	w.judgeStore(w.node(id), &st)
	w.judgeSynced(w.node(id), []raft.Store{st})
}

// restarts boots node 1 from what its disk is said to hold; holes are damaged.
func (w *judged) restarts(floor raft.EntryID, entries int, holes ...raft.Index) {
	boot := node.Boot{Hard: w.hard, Entries: append([]raft.Entry(nil), w.entries[:entries]...)}
	boot.Hard.Floor = floor
	for _, i := range holes {
		boot.Entries[i-1] = raft.Entry{Index: i, Term: 2}
	}
	w.judgeBoot(w.node(1), &boot, nil)
}

// damaged is a disk that something happened to.
func (w *judged) damaged() *judged {
	w.node(1).device.struck = []string{"rot"}
	return w
}

// repaired is a disk that lost an entry and has it again.
func (w *judged) repaired() *judged {
	w.damaged().restarts(raft.EntryID{}, 3, 2)
	st := raft.Store{Hard: w.hard, Fill: w.entries[1:2]}
	w.judgeStore(w.node(1), &st)
	w.judgeSynced(w.node(1), []raft.Store{st})
	return w
}

// votes has node 1 grant node 2, whose log ends there, its vote.
func (w *judged) votes(last raft.EntryID, asks, grants raft.MessageKind) {
	ask := raft.Message{Kind: asks, From: raft.Ident{ID: 2}, To: raft.Ident{ID: 1}, Term: 3, Seq: 9, LastIndex: last.Index, LastTerm: last.Term}
	w.judgeVotes(w.node(2), &node.Output{Send: []raft.Message{ask}}, w.claimed(2))
	grant := raft.Message{Kind: grants, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}, Term: 3, Seq: 9, Granted: true}
	w.judgeVotes(w.node(1), &node.Output{Store: []raft.Store{{Then: []raft.Message{grant}}}}, w.claimed(1))
}

// says has a message of node 1 leave.
func (w *judged) says(m raft.Message) {
	m.From, m.To, m.Term = raft.Ident{ID: 1}, raft.Ident{ID: 2}, 2
	w.judgePromise(&m)
}

// What is at stake: a node that lost an entry and behaves as if it had never had it makes
// others lose it too. Each way to do so must raise an alarm, and none of the right
// ways may.
func TestDamageThatBecomesAbsenceIsSeen(t *testing.T) {
	end := raft.EntryID{Index: 3, Term: 2}
	for _, c := range []struct {
		name string
		want string // empty: as it should be
		do   func(w *judged)
	}{
		{"a vote for a log that is shorter than the voter's", Absence, func(w *judged) {
			w.votes(raft.EntryID{Index: 2, Term: 2}, raft.MsgVote, raft.MsgVoteReply)
		}},
		{"a pre-vote for a log of a lower term", Absence, func(w *judged) {
			w.votes(raft.EntryID{Index: 9, Term: 1}, raft.MsgPreVote, raft.MsgPreVoteReply)
		}},
		{"a vote for a log that is as good", "", func(w *judged) { w.votes(end, raft.MsgVote, raft.MsgVoteReply) }},
		{"a restart that lost an entry and says nothing", Recovery, func(w *judged) { w.damaged().restarts(raft.EntryID{}, 2) }},
		{"a restart with too low a floor", Recovery, func(w *judged) { w.damaged().restarts(raft.EntryID{Index: 2, Term: 2}, 1) }},
		{"a restart with a floor", "", func(w *judged) { w.damaged().restarts(end, 1) }},
		{"a restart with a hole", "", func(w *judged) { w.damaged().restarts(raft.EntryID{}, 3, 2) }},
		{"a hole in a disk to which nothing happened", Recovery, func(w *judged) { w.restarts(raft.EntryID{}, 3, 2) }},
		{"a vote below the floor", Absence, func(w *judged) {
			w.damaged().restarts(end, 1)
			w.votes(raft.EntryID{Index: 2, Term: 2}, raft.MsgVote, raft.MsgVoteReply)
		}},
		{"a vote at the floor", "", func(w *judged) {
			w.damaged().restarts(end, 1)
			w.votes(end, raft.MsgVote, raft.MsgVoteReply)
		}},
		{"a vote below the floor once a leader's log took another way", "", func(w *judged) {
			w.damaged().restarts(end, 1)
			w.hard.Term = 3
			w.keep(1, raft.Entry{Index: 2, Term: 3, Kind: raft.EntryNoop})
			w.votes(raft.EntryID{Index: 2, Term: 3}, raft.MsgVote, raft.MsgVoteReply)
		}},
		{"a campaign below the floor", Absence, func(w *judged) {
			w.damaged().restarts(end, 1)
			w.judges.logs.mirrors[1].hard = raft.HardState{Term: 2, Vote: raft.Ident{ID: 1}}
			w.says(raft.Message{Kind: raft.MsgVote})
		}},
		{"a campaign with a hole", Absence, func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			w.judges.logs.mirrors[1].hard = raft.HardState{Term: 2, Vote: raft.Ident{ID: 1}}
			w.says(raft.Message{Kind: raft.MsgVote})
		}},
		{"an acknowledgement beyond a hole", Absence, func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			w.says(raft.Message{Kind: raft.MsgAppendReply, Granted: true, Matched: 3})
		}},
		{"an acknowledgement up to a hole", "", func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			w.says(raft.Message{Kind: raft.MsgAppendReply, Granted: true, Matched: 1})
		}},
		{"an acknowledgement before the repair is on disk", Absence, func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			w.judgeStore(w.node(1), &raft.Store{Hard: w.hard, Fill: w.entries[1:2]})
			w.says(raft.Message{Kind: raft.MsgAppendReply, Granted: true, Matched: 3})
		}},
		{"an acknowledgement after the repair", "", func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			st := raft.Store{Hard: w.hard, Fill: w.entries[1:2]}
			w.judgeStore(w.node(1), &st)
			w.judgeSynced(w.node(1), []raft.Store{st})
			w.says(raft.Message{Kind: raft.MsgAppendReply, Granted: true, Matched: 3})
		}},
		{"a repair that did not last", Recovery, func(w *judged) {
			w.repaired().restarts(raft.EntryID{}, 3, 2)
		}},
		{"a repair that did not last because something was destroyed since", "", func(w *judged) {
			w.repaired()
			w.node(1).device.struck = append(w.node(1).device.struck, "rot")
			w.restarts(raft.EntryID{}, 3, 2)
		}},
		{"a repair with another entry", LogMatching, func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			w.judgeStore(w.node(1), &raft.Store{Hard: w.hard, Fill: []raft.Entry{{Index: 2, Term: 2, Kind: raft.EntryCommand, Payload: []byte("x")}}})
		}},
		{"an entry applied behind a hole", Absence, func(w *judged) {
			w.damaged().restarts(raft.EntryID{}, 3, 2)
			w.judges.logs.mirrors[1].commit, w.judges.logs.mirrors[1].applied = 3, 1
			w.judgeApplied(w.node(1), &raft.Note{Kind: raft.NoteApply, Index: 2})
		}},
		{"a committed entry given up", Absence, func(w *judged) {
			w.judgeCommit(w.node(1), &raft.Note{Kind: raft.NoteCommit, Term: 2, Index: 2})
			w.judges.logs.mirrors[1].commit = 0 // after a restart the node does not know it
			w.judgeStore(w.node(1), &raft.Store{Hard: w.hard, Truncate: 2})
		}},
		{"an emptied directory that takes part", Absence, func(w *judged) {
			w.node(1).device.wiped = true
			w.judgeFormed(w.node(1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newJudged(t)
			c.do(w)
			if c.want == "" {
				require.Nil(t, w.violation)
				return
			}
			require.NotNil(t, w.violation)
			require.Equal(t, c.want, w.violation.Invariant, w.violation.Reason)
			require.NotEmpty(t, Sentence(c.want))
		})
	}
}
