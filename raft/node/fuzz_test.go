package node

import (
	"strings"
	"testing"

	"parley/raft"
	"parley/raft/blob"
)

// FuzzApply: nothing in the log makes a node panic, and the kept hash of the
// sessions stays what the records say.
func FuzzApply(f *testing.F) {
	f.Add(uint8(raft.EntryCommand), encodeOpen(1, "anonymous"))
	f.Add(uint8(raft.EntryCommand), encodeCommand(&Command{Session: 2, Seq: 1, AckedBelow: 1, Body: []byte("a")}))
	f.Add(uint8(raft.EntryCommand), encodeCommand(&Command{Session: 2, Seq: ^uint64(0), AckedBelow: ^uint64(0)}))
	f.Add(uint8(raft.EntryCommand), encodeClose(2, 1))
	f.Add(uint8(raft.EntryCommand), encodeRequest(&Command{RequestID: "id", Principal: "ann", Body: []byte("a")}))
	f.Add(uint8(raft.EntryCommand), encodeRequest(&Command{RequestID: "id", Body: []byte("name " + strings.Repeat("0", 2*len(blob.Sum{})+2))}))
	f.Add(uint8(raft.EntryLevel), AppendLevel(nil, 1<<31))
	f.Add(uint8(raft.EntryConfig), []byte{1, 255, 255, 255, 255})
	f.Add(uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		n := New(Settings{Rules: Rules{WindowMax: 4, SessionsMax: 2}}, Boot{Identity: Identity{
			Self: raft.Ident{ID: 1, Inc: 1}, Cluster: 5,
			Members: raft.Configuration{Members: []raft.Member{{Ident: raft.Ident{ID: 1, Inc: 1}, Voter: true}}},
		}}, &toy{}, 1)
		var out Output
		out.Reset()
		n.out = &out
		entries := []raft.Entry{
			{Kind: raft.EntryConfig},
			{Kind: raft.EntryCommand, Payload: encodeOpen(1, "anonymous")},
			{Kind: raft.EntryLevel, Payload: AppendLevel(nil, LevelMax)},
			{Kind: raft.EntryKind(kind), Payload: payload},
			{Kind: raft.EntryKind(kind), Payload: payload},
			{Kind: raft.EntryClock, Time: 1<<63 - 1},
			{Kind: raft.EntryKind(kind), Payload: payload, Time: 1<<63 - 1},
		}
		for i := range entries {
			entries[i].Index, entries[i].Term = raft.Index(i+1), 1
			if n.apply(&entries[i]); n.stopping != nil {
				break
			}
		}
		if n.sessions.hash != n.sessions.rehash() || n.requests.hash != n.requests.rehash() {
			t.Fatal("the kept hash differs from the records")
		}
		n.Clone().AppendState(nil)
	})
}

// FuzzStep: no message makes a node panic, whether it belongs to a cluster or is
// about to form one.
func FuzzStep(f *testing.F) {
	member := raft.Ident{ID: 2, Inc: 2}
	members := raft.Configuration{Members: []raft.Member{
		{Ident: raft.Ident{ID: 1, Inc: 1}, Voter: true}, {Ident: member, Voter: true}, {Ident: raft.Ident{ID: 3, Inc: 3}, Voter: true}}}
	id := Identity{Self: member, Cluster: 5, Members: members}
	for kind, payload := range map[raft.MessageKind][]byte{
		raft.MsgFormAsk:    {1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 'c'},
		raft.MsgFormRecord: encodeRecord(&id),
		raft.MsgFormAccept: encodeClusterID(5),
		raft.MsgFormRefuse: encodeRefuse(refusedFormedWithout, 5),
	} {
		f.Add(raft.AppendMessage(nil, &raft.Message{Kind: kind, From: raft.Ident{ID: 1, Inc: 1}, To: member, Payload: payload}))
	}
	for kind := raft.MsgPreVote; kind <= raft.MsgHeartbeatReply; kind++ {
		f.Add(raft.AppendMessage(nil, &raft.Message{Kind: kind, Cluster: 5, From: raft.Ident{ID: 1, Inc: 1}, To: member, Term: 1, Seq: 1}))
	}
	for _, kind := range []raft.MessageKind{raft.MsgReadIndex, raft.MsgReadIndexReply} {
		f.Add(raft.AppendMessage(nil, &raft.Message{Kind: kind, Cluster: 5, From: raft.Ident{ID: 1, Inc: 1}, To: member, Term: 1, Seq: 1}))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := raft.DecodeMessage(p)
		if err != nil {
			return
		}
		settings := Settings{Cluster: 9, Seeds: []Seed{{ID: 1}, {ID: 2}, {ID: 3}}}
		for _, identity := range []Identity{{Self: member}, id, {Self: raft.Ident{ID: 1, Inc: 1}}} {
			n := New(settings, Boot{Identity: identity}, &toy{}, 1)
			var out Output
			for now := raft.Mono(1); now < 4e9; now += 1e9 {
				out.Reset()
				n.Step(now, []Event{{Kind: EventMessage, Message: &m}}, &out)
				if out.Identity != nil {
					out.Reset()
					n.Step(now, []Event{{Kind: EventIdentityStored}}, &out)
				}
			}
			n.Status()
			n.Clone().AppendState(nil)
		}
	})
}
