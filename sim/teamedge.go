package sim

import (
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// edge is the server of a node, which does for the team what no teammate does: it proposes the first settings and the
// users of dev mode, takes sign-ups, and compares who has a stream with its node with what the state says of it. It lives
// and dies with its node. Two clients work for it: one asks the node itself what there is to do, the other proposes it.
type edge struct {
	server *server
	epoch  uint32               // of the process that it knows
	seen   []int64              // when that had contact to another node last, by id
	led    bool                 // it leads since then
	todo   []*presence.Announce // what is to be announced
}

// liveStream is a stream that a node has on behalf of somebody.
type liveStream struct {
	ticket node.Ticket
	login  *teamLogin // nil: of nobody in particular
	user   *teamUser
	only   state.Audience // zero: all that he may see
	since  int64
}

// edgesStop is when servers stop looking after things, so that all that they want can finish, also if two nodes that they ask
// before the others say nothing.
func (w *World) edgesStop() int64 {
	last := w.lastOrders()
	return min(last+(int64(w.plan.Duration)-last)/2, int64(w.plan.Duration)-7*int64(edgeTimeout)/2)
}

// gone is how long a leader's server waits before it takes a node for gone.
func (w *World) gone() int64 { return orElse(int64(w.plan.Team.Gone), int64(2*time.Second)) }

// awake reports whether the server's process runs. It takes down to whom its node has contact.
func (e *edge) awake(w *World) bool {
	s := e.server
	if !s.up || s.pausedUntil > w.now || !w.reachable(s.id) || w.now >= w.edgesStop() {
		return false
	}
	r := s.node.Raft()
	leads := r != nil && r.Role() == raft.Leader
	fresh := e.epoch != s.epoch || !leads || !e.led
	e.epoch, e.led = s.epoch, leads
	if fresh {
		for id := range e.seen {
			e.seen[id] = w.now
		}
		return true
	}
	for _, m := range s.node.Status().Members {
		if m.Alive {
			e.seen[m.ID] = w.now
		}
	}
	return true
}

// busy reports whether the server has something to propose; now and then it looks whether others need something.
func (e *edge) busy(w *World, what uint64) bool {
	o := w.team.model.settings.when(^raft.Position(0))
	return len(e.todo) > 0 || o.SignUp == 0 || !o.Demo || e.silent(w) != 0 || below(raft.Mix(what, 9), 3) == 0
}

// wants draws what the server does next.
func (e *edge) wants(w *World, op *operation, x uint64, asks bool) {
	if asks {
		e.asks(op, raft.Mix(x, 3))
		return
	}
	v, pick := w.team.view(nil), below(raft.Mix(x, 1), 100)
	o := v.settings.when(v.at)
	switch {
	case o.SignUp == 0 && pick < 60:
		op.team.command = &account.Bootstrap{Key: signingKey(x), SignUp: state.SignUpMode(max(w.plan.Team.Mode, 1)), Offer: secretOf(offerSecret)}
	case !o.Demo && pick < 60:
		op.team.command = &account.DemoUsers{Hashes: [3][]byte{[]byte("a"), []byte("b"), []byte("c")}}
	case len(e.todo) > 0:
		op.team.command, e.todo = e.todo[0], e.todo[1:]
	case e.silent(w) != 0:
		op.team.command = &presence.NodeGone{Node: e.silent(w)}
	case pick < 3:
		op.team.command = &account.Bootstrap{Key: signingKey(x), SignUp: state.SignUpOpen}
	case pick < 6:
		op.team.command = &account.OfferAdmin{Hash: secretOf(offerSecret)}
	case pick < 80 && !w.healed && e.signUp(w, op, raft.Mix(x, 2), pick < 20):
	default: // somebody logs in
		op.team.query = &account.CredentialsOf{Name: mateNames[1+below(raft.Mix(x, 1), uint64(len(mateNames)-1))]}
	}
}

// offerSecret is the number of the token that makes the first admin.
const offerSecret = 77

func signingKey(x uint64) []byte {
	key := secretOf(x)
	return key[:]
}

// signUp has somebody sign up who has no account yet; or in vain, under a name that is taken or none.
func (e *edge) signUp(w *World, op *operation, x uint64, vain bool) bool {
	v, number := w.team.view(nil), int64(4+below(x, uint64(max(w.plan.Team.Users, 4)-3)))
	if number >= int64(len(mateNames)) || number > w.plan.Team.Users && !vain || w.team.person(number) != nil && !vain {
		return false
	}
	if v.settings.when(v.at).SignUp == state.SignUpInvite && len(v.invites) == 0 && below(raft.Mix(x, 4), 8) > 0 {
		return false // nobody was invited
	}
	c := &account.SignUp{Name: mateNames[number], Email: fold(mateNames[number]) + "@example.org", Hash: []byte{byte(number)}}
	if vain {
		switch below(raft.Mix(x, 1), 4) {
		case 0:
			c.Name = "ab"
		case 1:
			c.Name, c.Email = swapCase(c.Name), "other@example.org"
		case 2:
			c.Name, c.Email = "nobody_"+formatUint(below(x, 3)), "ALICE@demo.invalid"
		default:
			c.Display = "Somebody else"
		}
	}
	if invites := v.invites; len(invites) > 0 && below(raft.Mix(x, 2), 8) > 0 {
		c.Invite = invites[len(invites)-1-int(below(raft.Mix(x, 3), uint64(min(len(invites), 3))))].hash
	}
	op.team.command = c
	w.asOnce(op, "", "sign-up-"+formatUint(uint64(op.number)), "sign up", c.Name, c.Email)
	return true
}

// swapCase writes a name another way that is the same when folded.
func swapCase(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' && i%2 == 0 {
			b[i] = c - 32
		}
	}
	return string(b)
}

// silent returns a node of which the leader has not heard for long, and whose streams are to be taken for ended; zero if
// there is none.
func (e *edge) silent(w *World) raft.NodeID {
	v := w.team.view(nil)
	for id := raft.NodeID(1); e.led && int(id) < len(e.seen); id++ {
		if id != e.server.id && w.now-e.seen[id] > w.gone() && len(v.connectedAt(id)) > 0 {
			return id
		}
	}
	return 0
}

// asks draws a question of the server to its own node: mostly what there is to announce.
func (e *edge) asks(op *operation, x uint64) {
	op.consistency = node.Stale
	switch id := e.server.id; below(x, 20) {
	case 0:
		op.team.query = &account.EdgeState{}
	case 1:
		op.team.query = &account.SigningKeys{}
	case 2:
		op.team.query = &presence.Nodes{}
	case 3:
		op.team.query = &presence.Edges{Node: id}
	default:
		q := &presence.Difference{Node: id}
		for _, s := range e.server.streams {
			if s.user != nil {
				q.Wanted = append(q.Wanted, s.user.id)
			}
		}
		op.team.query = q
	}
}

// learns takes down what is to be announced.
func (e *edge) learns(op *operation, r *caller.Result) {
	if _, ok := op.team.query.(*presence.Difference); !ok || op.ended && r.Outcome != node.Done {
		return
	}
	var todo presence.ToAnnounce
	if state.DecodeReply(r.Reply, &todo) != nil {
		return
	}
	e.todo = e.todo[:0]
	for i := range todo.Announces {
		e.todo = append(e.todo, &todo.Announces[i])
	}
}
