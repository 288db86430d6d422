package node

import (
	"parley/raft"
)

// A notice is what is worth knowing now and nothing later: that somebody writes. It never enters the log:
//
//	server ── EventNotice ──> node ── Notice ──> every other member
//	                           │                   │
//	                           └──> its streams    └──> its streams
//
// Every node asks its own state what there is to see of it and for whom, so that it shows nothing that an event
// would not. It goes to the streams that have got everything else, with the position where they stand, and to no
// other: whoever is behind has older things to read. Nothing is kept, repeated or acknowledged; it may get lost with a
// connection, and come twice.

// Herald is a StateMachine that understands notices.
type Herald interface {
	Discreet
	// Notice returns what a stream is to show of a notice, as things are, and whom it concerns; ok is false if it makes no
	// sense, or is not for its sender to say. The body is a list as that of an event.
	Notice(notice []byte) (body []byte, audience string, ok bool)
}

// spread tells a notice to the streams here and to the other members, if it is one that its sender may say.
func (n *Node) spread(said []byte) {
	h, ok := n.sm.(Herald)
	if !ok || n.raft == nil || n.level < LevelTeam || len(said) > noticeBytesMax {
		return
	}
	if _, _, ok := h.Notice(said); !ok {
		return
	}
	n.hear(said)
	for _, m := range n.raft.Config().Members {
		if m.Ident != n.self {
			n.sendTo(m.Ident, raft.MsgNotice, said)
		}
	}
}

// noticed takes a notice from another member.
func (n *Node) noticed(m *raft.Message) {
	if len(m.Payload) > noticeBytesMax {
		n.drop(m, droppedGarbage)
		return
	}
	n.hear(m.Payload)
}

// hear keeps a notice until the end of the Step, unless it is one too many or nobody is there to hear it.
func (n *Node) hear(said []byte) {
	if len(n.hub.subs) > 0 && len(n.notices) < noticesPerStepMax {
		n.notices = append(n.notices, said)
	}
}

// tellNotices pushes what was heard in this Step to the streams that have everything else. What there is to see of it is
// asked of the state that this Step ends with.
func (n *Node) tellNotices() {
	if len(n.notices) == 0 {
		return
	}
	h, ok := n.sm.(Herald)
	if !ok {
		return
	}
	for _, said := range n.notices {
		if body, audience, ok := h.Notice(said); ok {
			n.pushNotice(h, body, audience)
		}
	}
	clear(n.notices)
	n.notices = n.notices[:0]
	n.wake(n.hub.lookNext)
}

// pushNotice pushes a notice to those whom it concerns and who are level with this node; the others have older things to
// read.
func (n *Node) pushNotice(h Herald, body []byte, audience string) {
	if n.hub.level != positionOf(n.applied) {
		return
	}
	for _, s := range n.hub.index[audience] {
		n.tellNotice(h, s, body, audience)
	}
	for _, s := range n.hub.whole {
		n.tellNotice(h, s, body, audience)
	}
}

func (n *Node) tellNotice(h Herald, s *subscriber, body []byte, audience string) {
	if !s.level || s.finished || len(s.untaken) >= noticesUntakenMax || !h.MayRead(s.reader, audience) {
		return
	}
	if len(s.untaken) == 0 {
		s.movedAt = n.now
	}
	s.owe(len(body))
	n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: n.hub.level, Body: body, Notice: true})
	n.hub.look(s.movedAt.Add(subscriberStallMax))
}
