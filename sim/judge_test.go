package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// A judge that never speaks proves nothing. Each of these tests tells the judges of a world something
// that must not be, and the right one must say so.
func TestEveryJudgeSpeaksWhenItMust(t *testing.T) {
	role := func(w *World, id raft.NodeID, r raft.Role, term raft.Term) {
		for i := range w.servers { // whoever has not voted yet votes for it
			if hard := &w.judges.logs.mirrors[i+1].hard; r == raft.Leader && (hard.Term < term || hard.Vote.IsZero()) {
				*hard = raft.HardState{Term: term, Vote: raft.Ident{ID: id}}
			}
		}
		w.judgeRole(w.node(id), &raft.Note{Kind: raft.NoteRole, Term: term, A: uint64(r)})
	}
	store := func(w *World, id raft.NodeID, hard raft.HardState, truncate raft.Index, entries ...raft.Entry) raft.Store {
		st := raft.Store{Hard: hard, Truncate: truncate, Entries: entries}
		w.judgeStore(w.node(id), &st)
		return st
	}
	synced := func(w *World, id raft.NodeID, hard raft.HardState, truncate raft.Index, entries ...raft.Entry) {
		w.judgeSynced(w.node(id), []raft.Store{store(w, id, hard, truncate, entries...)})
	}
	commit := func(w *World, id raft.NodeID, term raft.Term, i raft.Index) {
		w.judgeCommit(w.node(id), &raft.Note{Kind: raft.NoteCommit, Term: term, Index: i})
	}
	entry := func(i raft.Index, term raft.Term, payload string) raft.Entry {
		return raft.Entry{Index: i, Term: term, Kind: raft.EntryCommand, Payload: []byte(payload)}
	}
	in := func(term raft.Term) raft.HardState { return raft.HardState{Term: term} }
	apply := func(w *World, id raft.NodeID, at raft.Position, op int) {
		m := &machine{Machine: statemachine.New(), w: w, s: w.node(id), next: len(w.judges.applied.log)}
		m.Apply(node.Applied{Position: at}, w.operations[op-1].body)
	}

	once := func(w *World, op int, id, says string) {
		w.operations[op-1].request = requestKey{id: id}
		w.operations[op-1].digest = node.DigestOf(says)
	}

	for _, c := range []struct {
		name string
		want string
		do   func(w *World)
	}{
		{"two leaders of one term", ElectionSafety, func(w *World) {
			role(w, 1, raft.Leader, 4)
			role(w, 2, raft.Leader, 4)
		}},
		{"a node that leads one term in two processes", ElectionSafety, func(w *World) {
			role(w, 1, raft.Leader, 4)
			w.node(1).epoch++
			role(w, 1, raft.Leader, 4)
		}},
		{"an answer to a round of an earlier term", Rounds, func(w *World) {
			beat := raft.Message{Kind: raft.MsgHeartbeat, Term: 3, Round: 7, To: raft.Ident{ID: 2}}
			answer := raft.Message{Kind: raft.MsgHeartbeatReply, Term: 3, Round: 7, To: raft.Ident{ID: 1}}
			w.judgeWords(w.node(1), &node.Output{Send: []raft.Message{beat}}, nil)
			w.judgeWords(w.node(2), &node.Output{Send: []raft.Message{answer}}, nil)
			require.Nil(t, w.violation)
			beat.Term, beat.Round, answer.Term = 5, 2, 5
			w.judgeWords(w.node(1), &node.Output{Send: []raft.Message{beat}}, nil)
			w.judgeWords(w.node(2), &node.Output{Send: []raft.Message{answer}}, nil)
		}},
		{"an answer to a round that nobody sent", Rounds, func(w *World) {
			w.judgeWords(w.node(2), &node.Output{Send: []raft.Message{{Kind: raft.MsgHeartbeatReply, Term: 3, Round: 1, To: raft.Ident{ID: 1}}}}, nil)
		}},
		{"a leader that truncates", LeaderAppendOnly, func(w *World) {
			role(w, 1, raft.Leader, 4)
			w.judgeTruncate(w.node(1), &raft.Note{Kind: raft.NoteTruncate, Term: 4, Index: 3})
		}},
		{"one index and term, two payloads", LogMatching, func(w *World) {
			store(w, 1, in(1), 0, entry(1, 1, "a"))
			store(w, 2, in(1), 0, entry(1, 1, "b"))
		}},
		{"one index and term behind different entries", LogMatching, func(w *World) {
			store(w, 1, in(3), 0, entry(1, 1, "a"), entry(2, 3, "c"))
			store(w, 2, in(3), 0, entry(1, 2, "b"), entry(2, 3, "c"))
		}},
		{"a leader without a committed entry", LeaderCompleteness, func(w *World) {
			synced(w, 1, in(1), 0, entry(1, 1, "a"))
			synced(w, 2, in(1), 0, entry(1, 1, "a"))
			commit(w, 1, 1, 1)
			role(w, 3, raft.Leader, 2)
		}},
		{"a commit behind the back of a leader of a higher term", LeaderCompleteness, func(w *World) {
			store(w, 1, in(1), 0, entry(1, 1, "a"))
			role(w, 3, raft.Leader, 2)
			commit(w, 1, 1, 1)
		}},
		{"a leader that commits an entry of an earlier term", CommitRule, func(w *World) {
			for id := raft.NodeID(1); id <= 3; id++ {
				synced(w, id, in(1), 0, entry(1, 1, "a"))
			}
			role(w, 1, raft.Leader, 2)
			commit(w, 1, 2, 1)
		}},
		{"a leader that commits what one disk holds", CommitRule, func(w *World) {
			role(w, 1, raft.Leader, 1)
			synced(w, 1, in(1), 0, entry(1, 1, "a"))
			store(w, 2, in(1), 0, entry(1, 1, "a"))
			commit(w, 1, 1, 1)
		}},
		{"two nodes that commit different entries", StateMachineSafety, func(w *World) {
			store(w, 1, in(1), 0, entry(1, 1, "a"))
			store(w, 2, in(2), 0, entry(1, 2, "b"))
			commit(w, 1, 1, 1)
			commit(w, 2, 2, 1)
		}},
		{"two nodes that apply different commands", StateMachineSafety, func(w *World) {
			apply(w, 1, 5, 1)
			m := &machine{Machine: statemachine.New(), w: w, s: w.node(2)}
			m.Apply(node.Applied{Position: 5}, w.operations[1].body)
		}},
		{"a vote ahead of the disk", Promises, func(w *World) {
			w.judgePromise(&raft.Message{Kind: raft.MsgVoteReply, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}, Term: 3, Granted: true})
		}},
		{"an acknowledgement ahead of the disk", Promises, func(w *World) {
			store(w, 1, in(1), 0, entry(1, 1, "a"))
			w.judgePromise(&raft.Message{Kind: raft.MsgAppendReply, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}, Term: 1, Granted: true, Matched: 1})
		}},
		{"an answer that shows a term ahead of the disk", Promises, func(w *World) {
			w.judgePromise(&raft.Message{Kind: raft.MsgRepairReply, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}, Term: 3})
		}},
		{"a snapshot that was ready too late and passes for the newest", Upkeep, func(w *World) {
			w.node(1).noteUpkeep(&raft.Note{Kind: node.NoteSnapshot, Index: 9})
			w.node(1).noteUpkeep(&raft.Note{Kind: node.NoteSnapshot, Index: 7})
		}},
		{"a restart that lost a synced entry", Recovery, func(w *World) {
			synced(w, 1, in(1), 0, entry(1, 1, "a"))
			w.judgeBoot(w.node(1), &node.Boot{Hard: in(1)}, nil)
		}},
		{"a restart that kept half a write", Recovery, func(w *World) {
			st := store(w, 1, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			w.judgeBoot(w.node(1), &node.Boot{Hard: in(1), Entries: st.Entries[:1]}, []raft.Store{st})
		}},
		{"a command that takes effect twice", ExactlyOnce, func(w *World) {
			apply(w, 1, 5, 1)
			apply(w, 1, 6, 1)
		}},
		{"a command that nobody sent", ExactlyOnce, func(w *World) {
			m := &machine{Machine: statemachine.New(), w: w, s: w.node(1)}
			m.Apply(node.Applied{Position: 5}, []byte("from nowhere"))
		}},
		{"a request id under which two commands take effect", ExactlyOnce, func(w *World) {
			once(w, 1, "job", "x")
			once(w, 2, "job", "x")
			apply(w, 1, 5, 1)
			apply(w, 1, 6, 2)
		}},
		{"a one-shot command that gets the answer to another one under its id", ExactlyOnce, func(w *World) {
			once(w, 1, "job", "x")
			once(w, 2, "job", "y")
			apply(w, 1, 5, 1)
			w.ended(w.clients[0], &caller.Result{Ticket: 2, Outcome: node.Done, Position: 5, Reply: w.judges.applied.log[0].reply})
		}},
		{"a one-shot command that is acknowledged where nothing took effect", Durability, func(w *World) {
			once(w, 1, "job", "x")
			w.ended(w.clients[0], &caller.Result{Ticket: 1, Outcome: node.Done, Position: 5})
		}},
		{"a conflict with nothing", ExactlyOnce, func(w *World) {
			once(w, 1, "job", "x")
			w.ended(w.clients[0], &caller.Result{Ticket: 1, Outcome: node.Refused, Code: node.CodeRequestConflict})
		}},
		{"a one-shot command under somebody else's name", ExactlyOnce, func(w *World) {
			once(w, 1, "job", "x")
			w.operations[0].request.principal = "another"
			apply(w, 1, 5, 1)
		}},
		{"a refusal for its level of a command that comes after the level", Liveness, func(w *World) {
			once(w, 1, "job", "x")
			w.healed, w.levelAt = true, 1
			w.operations[0].calledAt = int64(w.plan.Heal)
			w.ended(w.clients[0], &caller.Result{Ticket: 1, Outcome: node.Refused, Code: node.CodeNotYet})
		}},
		{"an acknowledged write that is nowhere", Durability, func(w *World) {
			w.ended(w.clients[0], &caller.Result{Ticket: 1, Outcome: node.Done, Position: 5})
		}},
		{"a refused write that takes effect", ExactlyOnce, func(w *World) {
			w.ended(w.clients[0], &caller.Result{Ticket: 1, Outcome: node.Refused})
			apply(w, 1, 5, 1)
		}},
		{"a write before what was answered when it was called", Linearizability, func(w *World) {
			w.operations[0].floor = linear.PlaceOfRead(9)
			apply(w, 1, 5, 1)
		}},
		{"a client whose second write stands before its first", SessionOrder, func(w *World) {
			w.operations[0].floor, w.operations[0].session = linear.PlaceOfWrite(9), linear.PlaceOfWrite(9)
			apply(w, 1, 5, 1)
		}},
		{"a read that misses a message", Linearizability, func(w *World) {
			apply(w, 1, 5, 1)
			w.operations[2].asks = statemachine.History{Limit: 10}
			empty := statemachine.New().Query(statemachine.AppendHistory(nil, statemachine.History{Channel: statemachine.GeneralChannel}))
			w.ended(w.clients[0], &caller.Result{Ticket: 3, Outcome: node.Done, Position: 7, Reply: empty})
		}},
		{"a history in which a read misses what was acknowledged before it", Linearizability, func(w *World) {
			w.history.kept.Operations = []linear.Operation{
				{Kind: linear.Append, Outcome: linear.Done, Call: 1, Return: 2, Position: 5, ID: 1},
				{Kind: linear.Read, Outcome: linear.Done, Call: 3, Return: 4, Position: 4, Limit: 10},
			}
			w.judgeHistory()
		}},
		{"a commitIndex that falls", Monotonic, func(w *World) {
			store(w, 1, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			commit(w, 1, 1, 2)
			commit(w, 1, 1, 1)
		}},
		{"a term that falls", Monotonic, func(w *World) {
			w.judges.logs.mirrors[1].term = 5
			store(w, 1, in(4), 0)
		}},
		{"an event that a stream skips", Streams, func(w *World) {
			apply(w, 1, 5, 1)
			apply(w, 1, 6, 2)
			w.subscribers[0].judge(&node.Frame{Position: 6, Body: w.judges.applied.frames[1].body})
		}},
		{"an event that a stream repeats", Streams, func(w *World) {
			apply(w, 1, 5, 1)
			frame := &node.Frame{Position: 5, Body: w.judges.applied.frames[0].body}
			w.subscribers[0].judge(frame)
			w.subscribers[0].judge(frame)
		}},
		{"a progress note that claims what was never sent", Streams, func(w *World) {
			apply(w, 1, 5, 1)
			w.subscribers[0].judge(&node.Frame{Position: 5})
		}},
		{"a learner that campaigns", ElectionRule, func(w *World) {
			learner := raft.Configuration{Members: []raft.Member{{Ident: raft.Ident{ID: 1}, Voter: true}, {Ident: raft.Ident{ID: 2}}}}
			synced(w, 2, in(1), 0, raft.Entry{Index: 1, Term: 1, Kind: raft.EntryConfig, Payload: raft.AppendConfiguration(nil, &learner)})
			synced(w, 1, in(1), 0, w.judges.logs.registry[0][0].entry)
			commit(w, 1, 1, 1)
			commit(w, 2, 1, 1)
			role(w, 1, raft.PreCandidate, 1)
			require.Nil(t, w.violation)
			role(w, 2, raft.PreCandidate, 1)
		}},
		{"a leader whom one of three voted for", ElectionRule, func(w *World) {
			vote := raft.HardState{Term: 4, Vote: raft.Ident{ID: 1}}
			synced(w, 1, vote, 0)
			synced(w, 2, vote, 0)
			w.judgeElected(w.node(1), 4)
			require.Nil(t, w.violation)
			synced(w, 2, raft.HardState{Term: 5, Vote: raft.Ident{ID: 2}}, 0)
			w.judgeElected(w.node(2), 5)
		}},
		{"a change of the membership before an entry of the leader's term is committed", Membership, func(w *World) {
			c := raft.Configuration{Members: []raft.Member{{Ident: raft.Ident{ID: 1}, Voter: true}}}
			config := func(i raft.Index) raft.Entry {
				return raft.Entry{Index: i, Term: 2, Kind: raft.EntryConfig, Payload: raft.AppendConfiguration(nil, &c)}
			}
			for id := range raft.NodeID(2) {
				synced(w, id+1, raft.HardState{Term: 2, Vote: raft.Ident{ID: 1}}, 0, entry(1, 1, "a"), entry(2, 2, "b"))
			}
			role(w, 1, raft.Leader, 2)
			commit(w, 1, 2, 2)
			store(w, 1, in(2), 0, config(3))
			w.judgeChange(w.node(1), 3)
			require.Nil(t, w.violation)
			w.judges.logs.mirrors[1].commit = 1
			w.judgeChange(w.node(1), 3)
		}},
		{"a change of the membership before the last one is committed", Membership, func(w *World) {
			for id := range raft.NodeID(2) {
				synced(w, id+1, raft.HardState{Term: 2, Vote: raft.Ident{ID: 1}}, 0, entry(1, 2, "a"), entry(2, 2, "b"), entry(3, 2, "c"))
			}
			role(w, 1, raft.Leader, 2)
			commit(w, 1, 2, 1)
			w.judges.logs.mirrors[1].config = 2
			w.judgeChange(w.node(1), 3)
		}},
		{"a snapshot with a configuration that came later", StateHash, func(w *World) {
			synced(w, 1, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			synced(w, 2, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			commit(w, 1, 1, 2)
			w.judgeSnapshot(w.node(1), &raft.Base{Entry: raft.EntryID{Index: 2, Term: 1}})
			require.Nil(t, w.violation)
			w.judgeSnapshot(w.node(1), &raft.Base{Entry: raft.EntryID{Index: 1, Term: 1}, ConfigIndex: 2})
		}},
		{"a log that is given up for a snapshot that lies in it", Absence, func(w *World) {
			synced(w, 1, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			synced(w, 2, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			commit(w, 1, 1, 1)
			w.judgeStore(w.node(2), &raft.Store{Hard: in(1), Base: raft.EntryID{Index: 1, Term: 1}, Reset: true})
		}},
		{"good times that end with work undone", Liveness, func(w *World) {
			w.now = int64(w.plan.Duration)
			w.plan.Core, w.plan.Rest = []raft.NodeID{1, 2, 3}, nil // formation waits for all of them
			for _, s := range w.servers {
				s.up = false
			}
			w.judgeLiveness()
		}},
		{"a message in which bits turned and that is taken", Corruption, func(w *World) {
			p := &packet{from: 1, to: 2, bytes: raft.AppendFramed(nil, &raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}})}
			require.True(t, w.wear(p, &way{corrupt: 1000}))
			require.Nil(t, w.violation)
			w.net.worn = append(w.net.worn[:0], p.bytes...) // as if its checksum were right
			w.judgeWorn(p)
		}},
		{"a message for another node that is taken", Addresses, func(w *World) {
			s, m := w.node(2), &raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 3}}
			w.meetsStray(s, m)
			w.judgeStrays(s, &node.Output{Notes: []raft.Note{{Kind: node.NoteDropped}}})
			require.Nil(t, w.violation)
			w.meetsStray(s, m)
			w.judgeStrays(s, &node.Output{})
		}},
		{"a message for a directory that is gone and that is taken", Addresses, func(w *World) {
			s := w.node(2)
			s.inc = 7
			w.meetsStray(s, &raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2, Inc: 7}})
			w.judgeStrays(s, &node.Output{})
			require.Nil(t, w.violation)
			w.meetsStray(s, &raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2, Inc: 6}})
			w.judgeStrays(s, &node.Output{})
		}},
		{"a leader that says another term of the entry before its entries", LogMatching, func(w *World) {
			role(w, 1, raft.Leader, 2)
			store(w, 1, in(2), 0, entry(1, 1, "a"), entry(2, 2, "b"))
			said := raft.Message{Kind: raft.MsgAppend, Term: 2, PrevIndex: 1, PrevTerm: 1}
			w.judgeWords(w.node(1), &node.Output{Send: []raft.Message{said}}, nil)
			require.Nil(t, w.violation)
			said.PrevTerm = 2
			w.judgeWords(w.node(1), &node.Output{Send: []raft.Message{said}}, nil)
		}},
		{"a node that is told of its removal by an entry that may yet be cut", Membership, func(w *World) {
			synced(w, 1, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			synced(w, 2, in(1), 0, entry(1, 1, "a"))
			commit(w, 1, 1, 1)
			w.judgeWords(w.node(1), &node.Output{Send: []raft.Message{{Kind: raft.MsgRemoved, Commit: 1}}}, nil)
			require.Nil(t, w.violation)
			w.judgeWords(w.node(1), &node.Output{Send: []raft.Message{{Kind: raft.MsgRemoved, Commit: 2}}}, nil)
		}},
		{"a node that denies what it lost", Absence, func(w *World) {
			s := w.node(1)
			store(w, 1, in(1), 0, entry(1, 1, "a"), entry(2, 1, "b"))
			out := &node.Output{Store: []raft.Store{{Then: []raft.Message{{Kind: raft.MsgRepairReply, PrevIndex: 2, LastTerm: 1, Holding: raft.HoldingNone}}}}}
			w.judgeWords(s, out, w.logBefore(s, out))
			require.Nil(t, w.violation, "entry 3 it never had")
			out.Store[0].Then[0].PrevIndex = 1
			w.judgeWords(s, out, w.logBefore(s, out))
		}},
		{"an entry that is given up on the word of nodes that may yet acknowledge it", Absence, func(w *World) {
			synced(w, 1, in(4), 0, entry(1, 3, "a"))
			w.judges.logs.mirrors[1].debt.since = 4
			synced(w, 2, in(5), 0)
			synced(w, 3, in(5), 0)
			w.judgeFarewell(w.node(1), 1)
			require.Nil(t, w.violation)
			synced(w, 3, in(4), 0)
			w.judgeFarewell(w.node(1), 1)
		}},
		{"a restart that forgets where a lost log ended", Absence, func(w *World) {
			s := w.node(1)
			s.device.struck = []string{"rot"}
			w.judges.logs.mirrors[1].debt.claim = []raft.Term{1, 1}
			w.judgeHoles(s, &node.Boot{Hard: raft.HardState{Term: 1, Floor: raft.EntryID{Index: 2, Term: 1}}})
			require.Nil(t, w.violation)
			w.judgeHoles(s, &node.Boot{Hard: in(1)})
		}},
		{"a log that grows behind a snapshot and is never made another one of", Upkeep, func(w *World) {
			s := w.node(1)
			w.plan.Core, w.plan.Rest, w.plan.Node.Snapshot = []raft.NodeID{1, 2, 3}, nil, 100
			w.now = int64(w.plan.Duration)
			for i := raft.Index(1); i <= 9; i++ {
				store(w, 1, in(1), 0, entry(i, 1, string(make([]byte, 100))))
			}
			w.judges.logs.mirrors[1].applied = 9
			s.upkeep = upkeep{at: 8, size: 50}
			w.judgeUpkeep()
			require.Nil(t, w.violation)
			s.upkeep = upkeep{at: 1, size: 50}
			w.judgeUpkeep()
		}},
		{"a snapshot that is begun and waits for ever", Upkeep, func(w *World) {
			s := w.node(1)
			w.plan.Core, w.plan.Rest, w.plan.Node.Snapshot = []raft.NodeID{1, 2, 3}, nil, 100
			w.now = int64(w.plan.Heal)
			s.noteUpkeep(&raft.Note{Kind: node.NoteSnapshotBegun, Index: 9})
			w.now += int64(begunMax)
			w.judgeUpkeep()
			require.Nil(t, w.violation)
			w.now++
			w.judgeUpkeep()
		}},
		{"an Append of more entries than one may have", Bounds, func(w *World) {
			w.plan.Node.Append = 1
			w.judgeEntries(&raft.Message{Kind: raft.MsgAppend, Entries: []raft.Entry{entry(1, 1, "a")}})
			require.Nil(t, w.violation)
			w.judgeEntries(&raft.Message{Kind: raft.MsgAppend, Entries: []raft.Entry{entry(1, 1, "a"), entry(2, 1, "b")}})
		}},
		{"a Step that applies more than one may", Bounds, func(w *World) {
			w.plan.Node.Deliver = 2
			w.judgeApplying(w.node(1), 2)
			require.Nil(t, w.violation)
			w.judgeApplying(w.node(1), 3)
		}},
		{"a subscriber that takes nothing and gets more and more", Bounds, func(w *World) {
			w.plan.Node.Frames = 2
			s := w.subscribers[0]
			s.stream = s.ticket()
			for at := raft.Position(1); at <= 3; at++ {
				require.Nil(t, w.violation)
				w.judgeHeld(w.node(1), &node.Frame{Ticket: s.stream, Position: at, Body: []byte("event")})
			}
		}},
		{"a leader that takes commands however much is uncommitted", Bounds, func(w *World) {
			w.plan.Node.Uncommitted = 5
			role(w, 1, raft.Leader, 2)
			store(w, 1, in(2), 0, entry(1, 2, "more than five"))
			w.judgeUncommitted(w.node(1))
			require.Nil(t, w.violation, "one is always taken")
			store(w, 1, in(2), 0, entry(2, 2, "a"))
			w.judgeUncommitted(w.node(1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(Generate(7, time.Minute), Options{})
			require.Equal(t, 3, w.plan.Nodes)
			for _, s := range w.servers {
				s.up = true
			}
			for range 2 {
				w.makeWrite(w.clients[0], w.blankOperation(), 0)
			}
			w.blankOperation()
			c.do(w)
			require.NotNil(t, w.violation)
			require.Equal(t, c.want, w.violation.Invariant, w.violation.Reason)
			require.NotEmpty(t, Sentence(c.want))
		})
	}
}

func (w *World) blankOperation() *operation {
	w.operations = append(w.operations, operation{number: len(w.operations) + 1, client: 1})
	op := &w.operations[len(w.operations)-1]
	w.recordCall(op)
	return op
}

// The canary: a world in which one process ignores what it applied must raise an alarm in
// a whole run, or runs without one mean nothing.
func TestAPlantedBugRaisesAnAlarm(t *testing.T) {
	w := newWorld(Generate(7, 20*time.Second), Options{})
	dropped := false
	w.disturb = func() uint64 {
		for _, s := range w.servers {
			if s.up && !dropped && s.node.Applied() > 20 {
				m := s.node.Machine().(*machine)
				m.Machine.Apply(node.Applied{Position: 1 << 40}, statemachine.AppendSend(nil, statemachine.Send{Channel: "general", Text: "smuggled in"}))
				dropped = true
			}
		}
		return 0
	}
	w.run()
	require.True(t, dropped)
	require.NotNil(t, w.violation)
	require.Contains(t, []string{StateHash, Streams, Linearizability}, w.violation.Invariant)
}
