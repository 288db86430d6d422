package sim

import (
	"fmt"

	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// When a cluster begins with the state of an older one, a team goes on with it. By docs/operations.md, backup and restore:
//
//   - nobody is logged in and no lock is held, and what was held under an old fence is held no more
//   - accounts, passwords, messages and documents are as they were, and who has an account logs in with his password
//   - another key signs tokens
//   - what the new cluster gives out, the old one never did: logins, fences, messages, revisions are above all of its positions
//   - a stream from a position of the old one is told that it has missed something

// newcomers are a team in a new cluster.
type newcomers struct {
	*successor
	v     *teamView // of the old cluster
	asked int
}

// settle has a team go on in a new cluster, if there was one already.
func (s *successor) settle(w *World) {
	n := &newcomers{successor: s, v: &teamView{teamModel: w.team.model, at: s.at}}
	if n.v.settings.when(s.at).SignUp == 0 {
		return // there was nobody yet
	}
	n.oldOnesEnd()
	if n.logIn() {
		n.look()
		n.take()
		w.cover.WentOn++
	}
}

// do has somebody's command executed. It returns nothing if no more request ids are remembered, or something is wrong already.
func (n *newcomers) do(h state.Head, principal string, c state.Command) (reply []byte, ok bool) {
	n.asked++
	id := fmt.Sprint("new-", n.asked)
	a, ok := n.askIf(node.Event{Kind: node.EventCommand, Command: node.Command{Principal: principal, RequestID: id, Digest: node.DigestOf(id),
		Body: statemachine.AppendCommand(nil, h, c)}})
	n.finds(ok && a.Outcome != node.Done && a.Code != node.CodeRequestsFull, "a command, %T, ends with: %v", c, a.Code)
	return a.Reply, ok && a.Outcome == node.Done
}

// mustDo is do for what must be done.
func (n *newcomers) mustDo(h state.Head, principal string, c state.Command, answer state.Coded) bool {
	reply, ok := n.do(h, principal, c)
	if !ok {
		return false
	}
	err := state.DecodeReply(reply, answer)
	n.finds(err != nil, "%T is refused: %v", c, err)
	return err == nil
}

// asks has a question answered.
func (n *newcomers) asks(h state.Head, q state.Query) (reply []byte, ok bool) {
	a, ok := n.askIf(node.Event{Kind: node.EventQuery, Query: node.Query{Body: statemachine.AppendQuery(nil, h, q)}})
	n.finds(ok && a.Outcome != node.Done, "a question, %T, ends with: %v", q, a.Code)
	return a.Reply, ok && a.Outcome == node.Done
}

func headOf(l *teamLogin) state.Head {
	return state.Head{Login: l.ID, Proof: state.Proof(l.Secret[:16])}
}

// oldOnesEnd looks whether logins, keys and streams of the old cluster are good for nothing.
func (n *newcomers) oldOnesEnd() {
	const some = 3
	looked := 0
	for _, l := range n.v.logins {
		if !l.is.when(n.v.at).lives || looked == some {
			continue
		}
		looked++
		if reply, ok := n.asks(headOf(l), &account.WhoAmI{}); ok {
			n.finds(refusalIn(reply) == nil, "login %d of the old cluster is still one", l.ID)
		}
		if reply, ok := n.do(headOf(l), "user_"+base36(uint64(l.User)), &account.RenewLogin{}); ok {
			n.finds(refusalIn(reply) == nil, "login %d of the old cluster can be renewed", l.ID)
		}
	}
	var keys account.KeyList
	if reply, ok := n.asks(state.Head{}, &account.SigningKeys{}); ok && state.DecodeReply(reply, &keys) == nil {
		n.finds(len(keys.Keys) != 1, "%d keys sign tokens", len(keys.Keys))
		for _, old := range n.v.keys {
			n.finds(string(keys.Keys[0].Secret) == old.secret, "key %d of the old cluster signs tokens", old.id)
		}
	}
}

// logIn has somebody log in who could at the position; false if nobody could.
func (n *newcomers) logIn() bool {
	for _, u := range n.v.users {
		is := u.is.when(n.v.at)
		if !n.v.exists(u) || is.Disabled {
			continue
		}
		var begun account.LoggedIn
		secret := secretOf(uint64(u.id))
		if !n.mustDo(state.Head{}, "", &account.LogIn{User: u.id, Version: u.password.when(n.v.at).version, Secret: secret, Client: "after", Loopback: true}, &begun) {
			return false
		}
		n.above("login", uint64(begun.Login))
		n.finds(begun.User != is, "the account of %s is %+v, and was %+v", u.name, begun.User, is)
		n.v.user, n.v.me = u, is
		n.v.login = &teamLogin{Login: state.Login{ID: begun.Login, User: u.id, Secret: secret}}
		return true
	}
	return false
}

// look compares what the newcomer is shown with what he was to be shown at the position.
func (n *newcomers) look() {
	h := headOf(n.v.login)
	for _, p := range n.v.places {
		is := p.is.when(n.v.at)
		if is.Kind == 0 || !n.v.standing(p).may[deedRead] || n.v.kept.is.when(n.v.at).Messages != 0 {
			continue // time goes on in the new cluster, and what is too old goes
		}
		q := &chat.History{Place: placeID(&is), Limit: uint64(n.v.limits.HistoryMax)}
		if reply, ok := n.asks(h, q); ok {
			want, refusal := n.v.history(q)
			difference := differs(reply, want, refusal)
			n.finds(difference != "", "of what was said in %s: %s", placeID(&is), difference)
		}
	}
	for _, doc := range n.v.docs {
		q := &document.Show{ID: docID(doc.id)}
		if a, refusal := n.v.mayDoc(deedReadDoc, q.ID); refusal == nil {
			var got document.Content
			want := doc.texts[a.is.Version-1]
			if reply, ok := n.asks(h, q); ok {
				err := state.DecodeReply(reply, &got)
				n.finds(err != nil || got.Revision.Version != a.is.Version || string(got.Content) != want.content,
					"document %d is not what it was in version %d: %v", doc.id, a.is.Version, err)
			}
		}
	}
}

// take has the newcomer say something and take a lock that somebody may have held, and whoever held it go on with its fence.
func (n *newcomers) take() {
	h, me, name := headOf(n.v.login), "user_"+base36(uint64(n.v.user.id)), "desk/0"
	var old teamGrip
	for _, g := range n.v.grips {
		if g.fence <= n.v.at && g.lock.doc == 0 {
			old, name = g, g.lock.name
		}
	}
	var got lock.Answer
	if n.mustDo(h, me, &lock.Acquire{Name: name, TTL: n.v.limits.LockTTLMax}, &got) {
		n.finds(!got.Granted, "lock %q is held", name)
		n.above("fence", uint64(got.Lock.Fence))
	}
	if reply, ok := n.do(h, me, &lock.Release{Name: name, Fence: old.fence}); ok && old.fence != 0 {
		n.finds(refusalIn(reply) == nil, "lock %q is released under fence %d of the old cluster", name, old.fence)
	}
	for _, p := range n.v.places {
		is := p.is.when(n.v.at)
		if is.Kind == state.Channel && !is.Archived && n.v.standing(p).may[deedPost] {
			var sent chat.Sent
			if n.mustDo(h, me, &chat.Send{Place: placeID(&is), Text: "again"}, &sent) {
				n.above("message", uint64(sent.ID.Position))
			}
			break
		}
	}
	a, ok := n.askIf(node.Event{Kind: node.EventSubscribe, From: n.v.at, Reader: statemachine.Reader(n.v.user.id, h)})
	n.finds(ok && (a.Code != node.CodeCompacted || uint64(a.Position) < uint64(n.base)), "a stream from position %d of the old cluster ends with: %v, at %d", n.v.at, a.Code, a.Position)
}
