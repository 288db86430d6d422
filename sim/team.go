package sim

import (
	"encoding/binary"
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/sim/linear"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// In some worlds a team works with the cluster. Each node has a server, which makes the accounts, says who is there and
// takes the streams of nodes that are gone for ended; teammates log in, and then do and ask what people do and ask, some
// of it not for them to do. A teammate is one process: two of them may be one user, under two logins or one.
//
//	team edge=400ms gone=2s mode=1 users=5 logins=3 edits=2 reactions=2 search=30
//	teammate user=1 every=200ms pipeline=2 read=400 govern=200 account=60 guess=100 locks=200 docs=200 patience=3s timeout=800ms stay=5s
//
// What becomes of a team is judged by a model of it; see teammodel.go.

// TeamPlan says what the team's servers do, and bounds the state on all nodes alike. Zero bounds: production's.
type TeamPlan struct {
	Edge    time.Duration // mean time between two looks of a server after who is there
	Gone    time.Duration // without contact, after which the leader's server takes a node for gone
	Mode    int64         // who may sign up: state.SignUpMode
	Users   int64         // accounts that somebody wants; the first three are those of dev mode
	Idle    time.Duration // after which a login ends that is not renewed
	Secrets time.Duration // for which invitations, codes and tokens are good

	Logins    int64 // of one user
	Edits     int64 // of one message
	Reactions int64 // different ones to one message
	Search    int64 // messages that one search looks at
	Quota     int64 // bytes of one user's files

	Names int64         // of locks that everybody wants, beside those of documents
	TTL   time.Duration // the longest for which somebody takes one
	Wait  time.Duration // and waits for one

	Line      int64 // who waits for one lock
	Content   int64 // bytes of a document
	Revisions int64 // of a document
	Deltas    int64 // differences between a revision and one that is kept whole
	Kept      int64 // bytes of all that one user's documents have been
	Grants    int64 // lines of an access list

	Keep   time.Duration // the longest for which anything is kept; zero: nobody says, and all is kept
	Sweep  time.Duration // between two looks for what is too old
	Rows   int64         // that go with one entry
	Walk   int64         // places that one entry looks at
	Forget int64         // of 1,000 things said or done, how many say for how long things are kept

	Shut   int64 // of 1,000 who are to see a document no more, how many have its lock
	Codes  int64 // of 1,000 things done to accounts, how many are done with codes for another password
	Behind int64 // of 1,000 things done with locks, how many are done by who stands in line behind himself
	Peek   int64 // of 1,000 things said or asked, how many are about files of channels that not everybody reads
}

// TeammatePlan is one process of somebody who works with others.
type TeammatePlan struct {
	User     int64 // whose it is, from 1
	Every    time.Duration
	Pipeline int64
	Read     int64         // rate of questions per 1,000 operations
	Stale    int64         // rate of stale ones per 1,000 questions
	Once     int64         // rate of one-shot commands per 1,000
	Govern   int64         // rate of what is done to channels and their members, per 1,000 commands
	Account  int64         // rate of what is done to accounts and logins
	Locks    int64         // rate of what is done with locks
	Docs     int64         // rate of what is done with documents
	Guess    int64         // rate of what is not the user's to do or to see, of forged logins and of nonsense
	Patience time.Duration // as of a client
	Timeout  time.Duration
	Quit     int64
	Nap      int64
	Close    int64
	Stay     time.Duration // with one node, of its stream; zero: it has none
	Share    bool          // it takes the login of another process of its user, if that has one
	Anywhere bool          // as of a client
}

// client returns the plan of the client that the teammate is.
func (p *TeammatePlan) client() *ClientPlan {
	return &ClientPlan{Every: p.Every, Pipeline: int(p.Pipeline), Read: p.Read, Stale: p.Stale, Patience: p.Patience, Timeout: p.Timeout,
		Quit: p.Quit, Close: p.Close, Nap: p.Nap, Anywhere: p.Anywhere}
}

// edgeTimeout is for how long a server waits for an answer.
const edgeTimeout = time.Second

// edgeEvery is how often a server looks after things of which the plan does not say it.
const edgeEvery = 500 * time.Millisecond

// team is the team of a world.
type team struct {
	model  *teamModel
	passed passed // with the last entry
	words  teamWords
	desk   desk
	jobs   []teamJob              // one-shot commands that may be repeated
	left   map[state.UserID]int64 // when the last of a user's streams ended
	said   []saidNotice           // all notices
}

// mate is what a teammate's process remembers.
type mate struct {
	plan  *TeammatePlan
	login state.LoginID // zero: it has none
	proof state.Proof
}

// teamOp is what an operation of the team is.
type teamOp struct {
	head    state.Head
	command state.Command // nil: a question
	query   state.Query
}

// newTeam makes the team's processes: teammates with their streams, and each node's server.
func (w *World) newTeam() {
	p := w.plan
	if len(p.Teammates) == 0 {
		return
	}
	w.team = &team{model: newTeamModel(w.limits()), desk: newDesk(), left: map[state.UserID]int64{}}
	for i := range p.Teammates {
		c := newClient(w, len(w.clients)+1, p.Teammates[i].client())
		c.mate, c.caller = &mate{plan: &p.Teammates[i]}, nil
		w.clients = append(w.clients, c)
		if stay := p.Teammates[i].Stay; stay > 0 {
			s := newSubscriber(w, len(w.subscribers)+1, &SubscriberPlan{Stay: stay})
			s.mate = c
			w.subscribers = append(w.subscribers, s)
		}
	}
	every := time.Duration(orElse(int64(p.Team.Edge), int64(edgeEvery)))
	for _, s := range w.servers {
		e := &edge{server: s, seen: make([]int64, len(w.servers)+1)}
		for _, asks := range []bool{true, false} {
			c := newClient(w, len(w.clients)+1, &ClientPlan{Every: every, Pipeline: 1, Patience: 2 * time.Second, Timeout: edgeTimeout, Anywhere: asks})
			c.edge, c.asks = e, asks
			c.caller = w.newCaller(c, "", s.id)
			w.clients = append(w.clients, c)
		}
	}
}

// newCaller returns a caller on behalf of a principal that asks a node first.
func (w *World) newCaller(c *client, principal string, first raft.NodeID) *caller.Caller {
	n := len(w.servers)
	targets := make([]string, n)
	for i := range targets {
		targets[i] = clientAddr(raft.NodeID((i+int(first)-1)%n + 1))
	}
	if c.asks {
		targets = targets[:1]
	}
	return caller.New(caller.Config{Targets: targets, Seed: w.chance.draw(purposeCallerSeed, uint64(c.number), 0), Principal: principal,
		AttemptTimeout: c.plan.Timeout, ReadAnywhere: c.plan.Anywhere, RepeatMax: w.plan.Requests.repeatMax()}, c.mono())
}

// limitTeam bounds the state as the team's plan says.
func (p *TeamPlan) limitTeam(l *statemachine.Limits) {
	l.LoginIdleMax = time.Duration(orElse(int64(p.Idle), int64(l.LoginIdleMax)))
	l.SecretAge = time.Duration(orElse(int64(p.Secrets), int64(l.SecretAge)))
	l.InviteAge = time.Duration(orElse(int64(p.Secrets), int64(l.InviteAge)))
	l.LoginsPerUserMax = int(orElse(p.Logins, int64(l.LoginsPerUserMax)))
	l.EditsMax = int(orElse(p.Edits, int64(l.EditsMax)))
	l.ReactionsMax = int(orElse(p.Reactions, int64(l.ReactionsMax)))
	l.SearchRowsMax = int(orElse(p.Search, int64(l.SearchRowsMax)))
	l.QuotaBytes = orElse(p.Quota, l.QuotaBytes)
	l.LockWaitersMax = int(orElse(p.Line, int64(l.LockWaitersMax)))
	l.DocumentBytesMax = int(orElse(p.Content, int64(l.DocumentBytesMax)))
	l.RevisionsMax = uint64(orElse(p.Revisions, int64(l.RevisionsMax)))
	l.DeltasMax = uint64(orElse(p.Deltas, int64(l.DeltasMax)))
	l.DocumentQuotaBytes = uint64(orElse(p.Kept, int64(l.DocumentQuotaBytes)))
	if p.Keep > 0 {
		l.RetentionMin, l.EventsRetentionMin = p.Keep/8, p.Keep/8
	}
	l.SweepEvery = time.Duration(orElse(int64(p.Sweep), int64(l.SweepEvery)))
	l.EventTimesEvery = time.Duration(orElse(int64(p.Sweep), int64(l.EventTimesEvery)))
	l.SweepRowsMax = int(orElse(p.Rows, int64(l.SweepRowsMax)))
	l.SweepPlacesMax = int(orElse(p.Walk, int64(l.SweepPlacesMax)))
	l.GrantsMax = uint64(orElse(p.Grants, int64(l.GrantsMax)))
}

// view is the team as it is now, as somebody has it; nil user: nobody in particular.
func (t *team) view(u *teamUser) *teamView {
	v := &teamView{teamModel: t.model, at: ^raft.Position(0), user: u}
	if u != nil {
		v.me = u.is.when(v.at)
	}
	return v
}

// mateNames are what users are called; those of dev mode come first.
var mateNames = [...]string{"", "alice", "bob", "charlie", "dora", "Emil_5", "fritz", "gerda", "Hugo"}

// person returns the user of a number, or nil if he has no account yet.
func (t *team) person(number int64) *teamUser { return t.view(nil).named(mateNames[number]) }

// ready reports whether a process of the team has something that it could do.
func (c *client) ready(what uint64) bool {
	w := c.w
	switch {
	case c.edge != nil:
		return c.edge.awake(w) && (c.asks || c.edge.busy(w, what))
	case c.mate == nil:
		return true
	}
	u := w.team.person(c.mate.plan.User)
	if u == nil {
		return false
	}
	if c.caller == nil {
		c.caller = w.newCaller(c, "user_"+base36(uint64(u.id)), raft.NodeID(c.number%len(w.servers)+1))
	}
	c.mate.refresh(c, u)
	return true
}

// refresh takes over the login of another process, if this one shares it.
func (m *mate) refresh(c *client, u *teamUser) {
	if !m.plan.Share || m.login != 0 {
		return
	}
	for _, other := range c.w.clients {
		if o := other.mate; o != nil && o != m && o.plan.User == m.plan.User && o.login != 0 {
			m.login, m.proof = o.login, o.proof
			return
		}
	}
}

// makeTeam makes an operation of the team.
func (w *World) makeTeam(c *client, op *operation, x uint64) {
	op.team = &teamOp{}
	if c.edge != nil {
		c.edge.wants(w, op, x, c.asks)
	} else {
		c.wishes(op, x)
	}
	op.wall = w.servers[c.number%len(w.servers)].clock.readWall(w.now)
	if op.write = op.team.command != nil; !op.write {
		op.team.head.Wall = op.wall
		op.body = statemachine.AppendQuery(nil, op.team.head, op.team.query)
	} else {
		op.wall--
		for op.body == nil || w.judges.applied.byBody[string(op.body)] != 0 { // no two commands have the same bytes
			op.wall++
			op.team.head.Wall = op.wall
			op.body = statemachine.AppendCommand(nil, op.team.head, op.team.command)
		}
		w.judges.applied.byBody[string(op.body)] = op.number
	}
	if w.trace.on() {
		w.trace.say("wants operation %d: %s", op.number, describeTeam(op.team))
	}
}

// secretOf draws the hash of a secret that belongs to a number.
func secretOf(x uint64) (secret [32]byte) {
	for i := range 4 {
		binary.LittleEndian.PutUint64(secret[8*i:], raft.Mix(x, uint64(i))|1)
	}
	return secret
}

// judgeTeamAnswer checks the answer to an operation of the team.
func (w *World) judgeTeamAnswer(c *client, op *operation, r *caller.Result) {
	if !op.write {
		w.judgeTeamQuestion(op, r)
		w.judgeReadPlace(c, op, r)
		c.learnsTeam(op, r)
		return
	}
	if op.request.id != "" {
		if !w.judgeTeamOnce(op, r) {
			return
		}
	} else if op.position == 0 || op.position != r.Position {
		w.violate(Durability, "Operation %d is acknowledged at position %d, and took effect at %d.", op.number, r.Position, op.position)
		return
	}
	if a := w.applicationAt(r.Position); a == nil || string(a.reply) != string(r.Reply) {
		w.violate(Linearizability, "The reply to operation %d is not the one that it has at position %d.", op.number, r.Position)
		return
	}
	c.learnsTeam(op, r)
	w.settle(c, op, linear.PlaceOfWrite(r.Position))
}

// judgeTeamOnce checks that what was executed at a position under a one-shot command's id is what it says.
func (w *World) judgeTeamOnce(op *operation, r *caller.Result) bool {
	for _, e := range w.oneShots.taken[op.request] {
		switch {
		case e.position != r.Position:
			continue
		case e.digest != op.digest:
			w.violate(ExactlyOnce, "Operation %d got the answer to operation %d, which said something else under the same request id.", op.number, e.operation)
			return false
		case e.operation != op.number:
			w.cover.Joined++
		}
		return true
	}
	w.violate(Durability, "Operation %d is acknowledged at position %d, where request %q of %q did not take effect.",
		op.number, r.Position, op.request.id, op.request.principal)
	return false
}

// learnsTeam takes down what an answer says about who a process is.
func (c *client) learnsTeam(op *operation, r *caller.Result) {
	if c.edge != nil {
		c.edge.learns(op, r)
		return
	}
	var begun account.LoggedIn
	err := state.DecodeReply(r.Reply, &begun)
	switch command := op.team.command.(type) {
	case *account.LogIn:
		if err == nil {
			c.mate.login, c.mate.proof = begun.Login, state.Proof(command.Secret[:16])
		}
		return
	case *account.LogOut:
		if op.team.head.Login == c.mate.login {
			c.mate.over(op)
		}
	}
	if refusal, ok := err.(*state.Refusal); ok && refusal.Code == state.Unauthenticated && op.team.head.Login == c.mate.login && op.team.head.Proof == c.mate.proof {
		c.mate.over(op)
	}
}

// over has a process forget its login; one of a few goes on with it for a while.
func (m *mate) over(op *operation) {
	if op.number%4 != 0 {
		m.login = 0
	}
}
