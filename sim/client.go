package sim

import (
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
)

// client is one process that wants things: a raft/caller, which finds the leader,
// repeats what got lost and keeps every command at one execution, and a stream of
// operations. It talks to nodes over connections of its own, which the faults of
// the network between nodes don't cut: a leader alone in its partition still
// has callers, and must not answer them.
type client struct {
	w      *World
	number int
	plan   *ClientPlan
	wants  stream // what it wants, and when
	link   stream // how long its requests and their answers travel

	caller  *caller.Caller
	in      [1]caller.Input
	out     caller.Output
	wakeAt  raft.Mono
	wakeOn  int64
	wakes   uint64
	under   int // operations under way
	waiting []sent
	asleep  int64        // until then nothing reaches it and it does nothing
	floor   linear.Place // place of the last operation answered: session order
	grips   []grip       // locks that it has, or had
	mate    *mate        // of a process of the team
	edge    *edge        // of a node's server
	asks    bool         // it asks its own node what there is to do, and proposes nothing
}

// sent is a request whose answer has not come.
type sent struct {
	id   uint64
	node raft.NodeID
}

// request is a request on its way to a node.
type request struct {
	client int
	sent   caller.Request
	sentAt int64
}

// answer is an answer on its way to a client.
type answer struct {
	id     uint64
	answer node.Answer
}

func newClient(w *World, number int, plan *ClientPlan) *client {
	c := &client{w: w, number: number, plan: plan, wakeOn: never, wakeAt: raft.Never,
		wants: w.chance.stream(purposeOperation, uint64(number)),
		link:  w.chance.stream(purposeClientLink, uint64(number))}
	targets := make([]string, w.plan.servers())
	for i := range targets {
		targets[i] = clientAddr(raft.NodeID((i+number)%len(targets) + 1))
	}
	if plan.At != 0 {
		targets = []string{clientAddr(plan.At)}
	}
	c.caller = caller.New(caller.Config{
		Targets:   targets,
		Seed:      w.chance.draw(purposeCallerSeed, uint64(number), 0),
		Principal: plan.principal(number),

		AttemptTimeout: plan.Timeout,
		ReadAnywhere:   plan.Anywhere,
		RepeatMax:      w.plan.Requests.repeatMax(),
	}, c.mono())
	c.next()
	return c
}

// mono is the client's clock. Its own drift would change nothing: all it times
// is backoff.
func (c *client) mono() raft.Mono { return raft.Mono(c.w.now + 1) }

// next schedules the client's next wish.
func (c *client) next() {
	wait := c.wants.exponential(int64(c.plan.Every))
	if c.edge != nil { // a server has a timer
		wait = c.wants.between(int64(c.plan.Every/2), int64(3*c.plan.Every/2))
	}
	at := c.w.now + 1 + wait
	c.w.agenda.push(event{at: at, priority: priorityNormal, kind: eventOperation, who: int32(c.number)})
}

// operation has a client want something, unless its hands are full.
func (w *World) operation(e *event) {
	c := w.clients[e.who-1]
	if c.edge == nil && w.now >= c.lastOrders() || w.healed && c.plan.At != 0 || c.plan.Until > 0 && w.now >= int64(c.plan.Until) {
		return
	}
	c.next()
	what := c.wants.next() // drawn in any case: what it wants next does not depend on this
	if c.under >= c.plan.Pipeline || w.now < c.asleep || !c.ready(what) {
		return
	}
	w.trace.begin(e)
	c.under++
	op := w.newOperation(c, what)
	c.step(caller.Input{Kind: caller.InputSubmit, Op: caller.Op{
		Ticket: uint64(op.number), Body: op.body, Query: !op.write, Consistency: op.consistency, Deadline: c.deadline(),
		RequestID: op.request.id, Digest: op.digest,
	}})
	if quit := raft.Mix(what, 3); !w.healed && int64(below(quit, 1000)) < c.plan.Quit {
		at := w.now + int64(below(raft.Mix(quit, 1), uint64(c.plan.Patience/4)))
		w.agenda.push(event{at: at, priority: priorityNormal, kind: eventQuit, who: int32(c.number), arg: uint64(op.number)})
	}
	c.closes(what)
	c.naps(what)
	c.uses(what)
}

// naps has a client fall asleep now and then with a request under way, as a laptop does whose lid
// is closed. The answer is lost; when it wakes it repeats a command of a session that may have
// expired meanwhile.
func (c *client) naps(what uint64) {
	w := c.w
	nap := raft.Mix(what, 5)
	if w.healed || int64(below(nap, 1000)) >= c.plan.Nap {
		return
	}
	c.asleep = min(w.now+exponential(raft.Mix(nap, 1), int64(napMean)), int64(w.plan.Heal))
	w.cover.Naps++
	if w.trace.on() {
		w.trace.say("; falls asleep until %s", formatClock(c.asleep))
	}
	c.wakeOn = never
	c.arm()
}

// napMean is how long a client sleeps on average: for about as long as sessions live that expire soon.
const napMean = 2 * time.Second

// closes has a client close its session now and then. In good times it does not: what is
// under way then could stay unknown, which would be a violation.
func (c *client) closes(what uint64) {
	if w := c.w; !w.healed && int64(below(raft.Mix(what, 4), 1000)) < c.plan.Close {
		if w.trace.on() {
			w.trace.say("closes its session")
		}
		c.step(caller.Input{Kind: caller.InputClose})
		c.grips = c.grips[:0] // as a process that ends, and another one that begins
	}
}

// deadline is how long the operation may take: in the liveness phase until the end, where
// whatever is still pending is a violation.
func (c *client) deadline() raft.Mono {
	if c.w.healed && !c.asks { // a node that does not do its work answers its own server nothing
		return raft.Never
	}
	return c.mono().Add(c.plan.Patience)
}

// quit has a caller go away in the middle of an operation.
func (w *World) quit(e *event) {
	op := &w.operations[e.arg-1]
	if op.ended || w.now < w.clients[e.who-1].asleep {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("gives up operation %d", op.number)
	}
	w.clients[e.who-1].step(caller.Input{Kind: caller.InputCancel, Op: caller.Op{Ticket: uint64(op.number)}})
}

// step hands the caller one input and sends what it wants sent.
func (c *client) step(in caller.Input) {
	c.in[0] = in
	c.run(c.in[:])
}

func (c *client) run(in []caller.Input) {
	c.out.Reset()
	c.caller.Step(c.mono(), in, &c.out)
	for i := range c.out.Send {
		c.send(&c.out.Send[i])
	}
	for i := range c.out.Done {
		c.under--
		c.w.ended(c, &c.out.Done[i])
	}
	c.wakeAt = c.out.WakeAt
	c.arm()
}

// arm is the client's timer, lazily moved like a server's.
func (c *client) arm() {
	if c.wakeAt == raft.Never {
		return
	}
	at := max(int64(c.wakeAt)-1, c.w.now+1, c.asleep)
	if c.wakeOn <= at {
		return
	}
	c.wakeOn = at
	c.wakes++
	c.w.agenda.push(event{at: at, priority: priorityNormal, kind: eventCaller, who: int32(c.number), arg: c.wakes})
}

// callerWakes calls the caller if its deadline is really due.
func (w *World) callerWakes(e *event) {
	c := w.clients[e.who-1]
	if e.arg != c.wakes {
		return
	}
	c.wakeOn = never
	if c.mono() < c.wakeAt || w.now < c.asleep {
		c.arm()
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("wakes")
	}
	c.run(nil)
}

// send puts a request on its way. The connection is given up after twice the time
// that the caller itself waits, so that answers come which it no longer wants.
func (c *client) send(r *caller.Request) {
	w := c.w
	id := w.nodeAt(r.Target)
	if w.trace.on() {
		w.trace.add("%s", describeRequest(r))
	}
	c.waiting = append(c.waiting, sent{r.ID, id})
	switch r.Kind {
	case caller.RequestCommand, caller.RequestOnce:
		w.repeated(r)
	case caller.RequestCloseSession:
		w.cover.Closed++
	}
	w.agenda.push(event{at: w.now + 2*int64(c.plan.Timeout), priority: priorityNormal, kind: eventLost, who: int32(c.number), arg: r.ID})
	if id != 0 && w.reachable(id) {
		w.agenda.push(event{at: w.now + c.delay(), priority: priorityNormal, kind: eventRequest, who: int32(id), arg: w.requests.put(request{c.number, *r, w.now})})
	}
}

// reachable reports whether clients reach a node at all.
func (w *World) reachable(id raft.NodeID) bool {
	return !w.healed || w.restOf(id) != RestCut
}

func (c *client) delay() int64 { return c.w.net.clientDelay(c.link.next()) }

// ticketOf names a request to a node: no two requests of a run have one ticket.
func ticketOf(client int, id uint64) node.Ticket { return node.Ticket(client)<<40 | node.Ticket(id) }

// request hands a request to its node; a dead one refuses the connection.
func (w *World) request(e *event) {
	r := w.requests.take(e.arg)
	c := w.clients[r.client-1]
	s := w.node(raft.NodeID(e.who))
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("from c%d: %s", r.client, describeRequest(&r.sent))
	}
	if w.expired(&r) {
		return
	}
	if !s.up {
		w.agenda.push(event{at: w.now + c.delay(), priority: priorityNormal, kind: eventLost, who: int32(r.client), arg: r.sent.ID})
		return
	}
	ev := w.asEvent(&r.sent)
	ev.Ticket, ev.Trace = ticketOf(r.client, r.sent.ID), r.sent.ID
	s.tell(&ev)
}

// asEvent is what a node is told of a request.
func (w *World) asEvent(r *caller.Request) node.Event {
	ev := node.Event{Command: r.Command, Query: r.Query}
	switch r.Kind {
	case caller.RequestOpenSession:
		ev.Kind = node.EventOpenSession
	case caller.RequestCloseSession:
		ev.Kind = node.EventCloseSession
	case caller.RequestCommand:
		ev.Kind = node.EventCommand
	case caller.RequestOnce:
		ev.Kind = node.EventCommand
		ev.Command.Principal = w.operations[w.judges.applied.byBody[string(r.Command.Body)]-1].request.principal
	case caller.RequestQuery:
		ev.Kind = node.EventQuery
	}
	return ev
}

// answer sends a node's answer to whoever asked.
func (w *World) answer(s *server, a *node.Answer) {
	w.trace.put(uint64(a.Ticket))
	w.trace.put(uint64(a.Outcome)<<8 | uint64(a.Code) | uint64(a.Position)<<16)
	if a.Ticket&streamBit != 0 {
		w.streamEnds(s, a)
		w.endStream(a)
		return
	}
	if a.Ticket&uploaderBit != 0 {
		w.answerUploader(s, a)
		return
	}
	if a.Ticket>>40 == 0 {
		w.answerOperator(a)
		return
	}
	if w.trace.on() {
		w.trace.add("answers c%d: %s", a.Ticket>>40, describeAnswer(a))
	}
	c := w.clients[int(a.Ticket>>40)-1]
	if !w.reachable(s.id) {
		return
	}
	w.agenda.push(event{at: w.now + c.delay(), priority: priorityNormal, kind: eventAnswer, who: int32(c.number),
		arg: w.answers.put(answer{uint64(a.Ticket & (1<<40 - 1)), *a})})
}

// deliver hands an answer to the caller, if it still waits for it.
func (w *World) deliver(e *event) {
	c := w.clients[e.who-1]
	a := w.answers.take(e.arg)
	if _, ok := c.take(a.id); !ok {
		w.reach(answerTooLate)
		return
	}
	w.coverAnswer(&a.answer)
	if a.answer.Outcome == node.Done {
		w.acknowledged = max(w.acknowledged, a.answer.Position)
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("gets %s", describeAnswer(&a.answer))
	}
	if w.now < c.asleep {
		return // nobody is there; the caller notices by itself
	}
	hint := ""
	if a.answer.Hint != 0 {
		hint = w.node(a.answer.Hint).addr
	}
	c.step(caller.Input{Kind: caller.InputResponse, ID: a.id, Answer: a.answer, HintAddr: hint})
}

// giveUp tells the caller that no answer will come: the connection broke, or
// the time is over. In the latter case the node learns that nobody waits.
func (w *World) giveUp(e *event) {
	c := w.clients[e.who-1]
	to, ok := c.take(e.arg)
	if !ok {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("no answer to request %d", e.arg)
	}
	if to.node != 0 && w.reachable(to.node) {
		w.agenda.push(event{at: w.now + c.delay(), priority: priorityNormal, kind: eventCancel, who: int32(to.node),
			arg: uint64(ticketOf(c.number, to.id)), epoch: w.node(to.node).epoch})
	}
	if w.now >= c.asleep {
		c.step(caller.Input{Kind: caller.InputLost, ID: e.arg})
	}
}

// cancel tells a node that a caller or subscriber went away.
func (w *World) cancel(e *event) {
	s := w.node(raft.NodeID(e.who))
	if !s.up || s.epoch != e.epoch {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("caller %d is gone", e.arg)
	}
	s.streamCloses(node.Ticket(e.arg))
	s.tell(&node.Event{Kind: node.EventCancel, Ticket: node.Ticket(e.arg)})
}

// take removes a request from those that wait.
func (c *client) take(id uint64) (sent, bool) {
	for i := range c.waiting {
		if c.waiting[i].id == id {
			s := c.waiting[i]
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			return s, true
		}
	}
	return sent{}, false
}

// hungUp breaks the client's connection to a node that died.
func (c *client) hungUp(id raft.NodeID) {
	for i := range c.waiting {
		if c.waiting[i].node == id {
			c.w.agenda.push(event{at: c.w.now + c.delay(), priority: priorityNormal, kind: eventLost, who: int32(c.number), arg: c.waiting[i].id})
		}
	}
}

// lastOrders is when clients stop wanting things: half-way through the liveness phase, so
// that all of it can finish.
func (w *World) lastOrders() int64 {
	return int64(w.plan.Heal + (w.plan.Duration-w.plan.Heal)/2)
}

// lastOrders is when one client stops: early enough for a request to every node that is not going to answer, and for one to a node
// that does.
func (c *client) lastOrders() int64 {
	silent := 0
	for _, r := range c.w.plan.Rest {
		if r.Kind != RestWell {
			silent++
		}
	}
	const answered = time.Second
	return min(c.w.lastOrders(), int64(c.w.plan.Duration-time.Duration(silent)*c.plan.Timeout-answered))
}
