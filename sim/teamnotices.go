package sim

import (
	"bytes"
	"encoding/binary"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/state"
)

// A teammate's process tells the others now and then that its user writes, in a place or on a document: to the node that it has a stream with, which
// tells the streams of all nodes. Such a notice is in no log. It is judged as it leaves a node: somebody has said it, who
// may write there at what the node has applied then, and its reader may read there. It may come twice, or never.

// saidNotice is what some teammate's process has said.
type saidNotice struct {
	head   state.Head
	notice state.Notice
}

// says has a teammate's process say something of what its user does, perhaps under a login that has ended, or of a place
// that is none of his.
func (s *subscriber) says(server *server) {
	w := s.w
	x := raft.Mix(uint64(s.stream), uint64(w.now), uint64(s.from))
	if s.mate == nil || s.login == nil || below(x, 12) > 0 {
		return
	}
	v := w.team.view(nil)
	p := v.places[below(raft.Mix(x, 1), uint64(len(v.places)))]
	is := p.is.when(v.at)
	said := saidNotice{state.Head{Login: s.login.ID, Proof: s.login.Proof()}, state.Notice{Kind: state.EventTyping, Of: is.IDString()}}
	if n := uint64(len(v.docs)); n > 0 && below(raft.Mix(x, 3), 2) == 0 {
		said.notice = state.Notice{Kind: state.EventEditing, Of: v.docs[n-1-below(raft.Mix(x, 4), min(n, 4))].id.String()}
	}
	if below(raft.Mix(x, 2), 12) == 0 {
		said.head.Proof[0]++
	}
	w.team.said = append(w.team.said, said)
	server.tell(&node.Event{Kind: node.EventNotice, Command: node.Command{Body: statemachine.AppendNotice(nil, said.head, &said.notice)}})
}

// judgeNotice looks at a notice as it leaves a node.
func (w *World) judgeNotice(s *server, l *liveStream, f *node.Frame) {
	at := w.appliedBy(s)
	for i := range w.team.said {
		if want := w.noticeFor(l, &w.team.said[i], at); want != nil && bytes.Equal(f.Body, want) {
			w.cover.Heard++
			return
		}
	}
	w.violate(Secrecy, "Node %d, which has applied %d, sends user %d the notice %s, which nobody has said to him.", s.id, at, l.user.id, describeFrameBody(f.Body))
}

// noticeFor returns what a reader is to be sent of a notice by a node that has applied so much; nil if nothing.
func (w *World) noticeFor(l *liveStream, said *saidNotice, at raft.Position) []byte {
	v := &teamView{teamModel: w.team.model, at: at}
	if v.speaks(&said.head) != nil {
		return nil
	}
	e := &state.Event{Kind: said.notice.Kind, User: v.user.id}
	if said.notice.Kind == state.EventEditing {
		a, refusal := v.mayDoc(deedWriteDoc, said.notice.Of)
		if refusal != nil {
			return nil
		}
		e.Audience, e.Doc = state.ForReaders(a.is.ID), a.is.ID
	} else {
		a, begin, refusal := v.targetToPost(said.notice.Of)
		if refusal != nil || begin != nil {
			return nil
		}
		e.Audience, e.Place = state.ForPlace(a.place.id), a.place.id
	}
	if l.only != (state.Audience{}) && l.only != e.Audience || !v.reads(l.user, e.Audience, at) {
		return nil
	}
	shown := w.shownAt(e, v)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(shown))), shown...)
}
