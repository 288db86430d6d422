package raft

import (
	"testing"
	"time"
)

// Whatever arrives, decoding says yes or no; what it accepts encodes to the same bytes.
func FuzzDecodeMessage(f *testing.F) {
	for _, m := range sampleMessages() {
		f.Add(AppendMessage(nil, &m))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := DecodeMessage(src)
		if err != nil {
			return
		}
		if back := AppendMessage(nil, &m); string(back) != string(src) {
			t.Fatalf("accepted %x, encodes to %x", src, back)
		}
	})
}

// A configuration entry may hold any bytes.
func FuzzDecodeConfiguration(f *testing.F) {
	c := Configuration{Members: []Member{{Ident: Ident{1, 2}, Voter: true, PeerAddr: "a"}}}
	f.Add(AppendConfiguration(nil, &c))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := DecodeConfiguration(src)
		if err == nil && string(AppendConfiguration(nil, &c)) != string(src) {
			t.Fatalf("accepted %x", src)
		}
	})
}

// FuzzStep reads bytes as a conversation with one node of three, in any role: messages with
// any fields, proposals, reads, completions, time. Step never panics and its
// invariants hold. Fields are small numbers, so that they meet each other.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte{9, 9, 2, 2, 1, 1, 1, 9, 4, 2, 2, 1, 1, 1, 9, 10, 11, 12, 5, 2, 1, 1, 1, 1})
	// A follower hears its leader, asks, and is answered.
	f.Add([]byte{6, 2, 2, 1, 1, 1, 0, 0, 2, 1, 0, 1, 0, 12, 11, 17, 4, 2, 2, 2, 0, 1, 0, 0, 2, 1, 0, 0, 0})
	// A leader with leases is elected, commits, hears the word of another, reads, and is asked.
	f.Add([]byte{0x89, 14, 25, 9, 1, 2, 2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12, 3, 2, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12,
		5, 2, 2, 9, 0, 1, 0, 0, 2, 0, 0, 0, 0, 7, 2, 2, 0, 0, 1, 0, 0, 2, 0, 0, 1, 0, 11, 17, 3, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, src []byte) {
		var base Configuration
		for i := range 3 {
			base.Members = append(base.Members, Member{Ident: ident(i + 1), Voter: true})
		}
		var lease time.Duration
		if len(src) > 0 && src[0]&0x81 == 0x81 {
			lease = 100 * time.Millisecond
		}
		log := terms(1, 1)
		hard := HardState{Term: 1}
		if len(src) > 0 && src[0] >= 0xe0 { // a disk that lost something
			log = terms(1, 1, 1, 1, 1, 1)
			for i := range log {
				if src[0]&(1<<i) != 0 {
					log[i] = Entry{Index: log[i].Index, Term: log[i].Term}
				}
			}
			if src[0] == 0xe0 {
				hard.Floor = EntryID{7, 1}
			}
			src = src[1:]
		}
		n := New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 1, Lease: lease}, Restored{Hard: hard, Base: Base{Config: base}, Entries: log}, 0)
		next := func() uint64 {
			if len(src) == 0 {
				return 0
			}
			b := src[0]
			src = src[1:]
			if b >= 0xf0 {
				return ^uint64(0) - uint64(b-0xf0)
			}
			return uint64(b)
		}
		var out Output
		var now Mono
		var stored WriteSeq
		for len(src) > 0 {
			in := Input{Kind: InputMessage}
			switch op := next() % 18; op {
			case 9:
				in.Kind = InputCampaign
			case 10:
				in = Input{Kind: InputPropose, Proposal: Proposal{Ticket: 1, Kind: EntryKind(next()), Payload: []byte{1}}}
			case 11:
				in = Input{Kind: InputRead, Ticket: 2}
			case 12:
				in = Input{Kind: InputStored, Stored: stored}
			case 15:
				in = Input{Kind: InputTransfer, Ticket: 3, Peer: NodeID(next())}
			case 16:
				s := n.Status()
				switch base := (Base{Entry: EntryID{Index(next()), Term(next())}, Config: base}); {
				case base.Entry.Index%2 == 0 && s.Delivered > s.Base.Index:
					in = Input{Kind: InputCompact, Index: s.Base.Index + base.Entry.Index/2%(s.Delivered-s.Base.Index+1)}
				case base.Entry.Index > s.Commit && base.Entry.Term >= s.LastTerm && base.Entry.Term < 1<<61 && base.Entry.Index < 1<<61:
					in = Input{Kind: InputInstall, Base: &base}
				default:
					continue
				}
			case 13:
				in = Input{Kind: InputPeerLost, Peer: NodeID(next())}
			case 14:
				now = now.Add(time.Duration(next()%64) * 10 * time.Millisecond)
				in.Message = &Message{}
			default:
				kind := MessageKind(op%9 + 1)
				if op == 17 {
					kind = MsgRemoved + MessageKind(next()%5)
				}
				m := Message{
					Kind: kind, Cluster: scriptCluster, From: Ident{NodeID(next()), 7}, To: ident(1),
					Term: Term(next()), Seq: next(), Granted: next()%2 == 0, Transfer: next()%2 == 0, LastIndex: Index(next()), LastTerm: Term(next()),
					PrevIndex: Index(next()), PrevTerm: Term(next()), Commit: Index(next()), Round: next(),
				}
				if m.Kind == MsgReadIndexReply {
					m.Seq += n.asks.number - 2 // or its answers would meet no question
				}
				m.Matched, m.HintIndex, m.HintTerm, m.Accepted = m.PrevIndex, m.LastIndex, m.LastTerm, m.PrevIndex
				m.Lost, m.Holding = m.Transfer, Holding(m.LastIndex%4)
				for term := m.PrevTerm; next()%2 == 1; {
					term += Term(next() % 2)
					e := Entry{Index: m.PrevIndex + Index(len(m.Entries)) + 1, Term: term, Kind: EntryKind(next()%6 + 1)}
					e.Sum = EntrySum(scriptCluster, &e)
					m.Entries = append(m.Entries, e)
				}
				wire, err := DecodeMessage(AppendMessage(nil, &m))
				if err != nil {
					continue
				}
				in.Message = &wire
			}
			out.Reset()
			n.Step(now, []Input{in}, &out)
			if len(out.Store) > 0 {
				stored = out.Store[len(out.Store)-1].Seq
			}
		}
	})
}
