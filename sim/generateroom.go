package sim

import "time"

// What a plan asks of its cluster must fit into what the plan lets through. Else the good times find a queue that grows: whoever waits for longer
// than his timeout repeats what he wants, each repetition takes its place in the log, and in the end nothing that is done is waited for any more.
// No node can help that, and no judge may call it a bug of one.
//
//	clients, people, servers, files ──asked──▶ Append entries, Inflight at a time, Uncommitted bytes ──▶ one trip
//	                                           Frames to whoever follows ────────────────────────────▶ one trip
//
// What bounds a Step alone (Deliver, Push, Loop) lets the next Step follow at once, and what faults narrow is wide again when they end.

// room widens what is too narrow for what is asked. It comes last, when the plan is drawn, and leaves one alone in which all fits.
func (g *generator) room() {
	g.roomForFiles()
	g.roomForUploads()
	g.roomForConfirmations()
	g.roomForEntries()
	g.roomForEvents()
}

// roomToSpare is how many times as much as is asked a plan lets through: what piled up in bad times has to go as well, and somebody who was away
// has to catch up.
const roomToSpare = 2

// asked is how many commands all callers together want within a time, in thousandths, with room to spare. Reads take no entry.
func (p *Plan) asked(within time.Duration) int64 {
	sum := int64(0)
	each := func(every time.Duration, writes int64) { sum += roomToSpare * int64(within) * writes / int64(every) }
	for i := range p.Clients {
		c := &p.Clients[i]
		each(c.Every, c.Lock+(1000-c.Lock)*(1000-c.Read)/1000)
	}
	for i := range p.Teammates {
		each(p.Teammates[i].Every, 1000-p.Teammates[i].Read)
	}
	if p.Team.Edge > 0 {
		each(p.Team.Edge, 1000*int64(p.servers()))
	}
	for i := range p.Uploaders {
		each(p.Uploaders[i].Every, 1000)
	}
	return sum
}

// trip is how long it takes on average, in good times, that something reaches another node and the word of it comes back.
func (p *Plan) trip() time.Duration { return 2*(p.Link.Delay+p.Link.Spread) + p.Node.Loop }

// write is how long a disk takes on average for what waits for it: one write and one sync.
func (p *Plan) write() time.Duration {
	d := &p.Disk
	return (d.WriteMin+d.WriteMax+d.SyncMin+d.SyncMax)/2 + time.Duration(d.Slow)*d.SlowMax/2000
}

// roomForEntries sees to it that a leader may have as many entries on their way to a node as are wanted while one Append travels there, is stored,
// and the answer travels back, and that it may hold them uncommitted.
func (g *generator) roomForEntries() {
	p, n := g.plan, &g.plan.Node
	asked := (p.asked(p.trip()+p.write()) + 999) / 1000
	if n.Append > 0 && n.Inflight > 0 {
		n.Append = max(n.Append, (asked+n.Inflight-1)/n.Inflight)
	}
	if n.Uncommitted > 0 {
		n.Uncommitted = max(n.Uncommitted, (asked-1)*entryBytes) // one is always taken
	}
}

// entryBytes is what most entries of a run have at most.
const entryBytes = 300

// roomForEvents sees to it that whoever follows the events can hold as many of them as all callers together cause while one travels
// there and the word that it was taken travels back: else he would be further behind with each.
func (g *generator) roomForEvents() {
	if n := &g.plan.Node; n.Frames > 0 {
		n.Frames = max(n.Frames, (g.plan.asked(g.plan.trip())+999)/1000)
	}
}

// roomForUploads sees to it that a file reaches a node in a quarter of the good times: pieces travel one after the other, and who is asked for
// last may have to be left for another node. The pieces are as large as that takes.
func (g *generator) roomForUploads() {
	p := g.plan
	trips := int64((p.Duration-p.Heal)/4) / int64(max(p.trip()+p.write(), 1))
	for i := range p.Uploaders {
		u := &p.Uploaders[i]
		u.Piece = max(u.Piece, u.Bytes/max(trips, 1))
	}
}

// roomForConfirmations sees to it that an answer to a commit finds somebody who still waits for it: one that comes after he
// has asked again is an answer to nothing. And nodes promise to keep what was brought for long enough that it can be confirmed meanwhile: what is
// gone before its pin is applied has to be brought again.
func (g *generator) roomForConfirmations() {
	p := g.plan
	for i := range p.Uploaders {
		u := &p.Uploaders[i]
		takes := roomToSpare * p.confirmation(u.Bytes)
		u.Timeout = max(u.Timeout, takes)
		if p.Blobs.Grace > 0 {
			p.Blobs.Grace = max(p.Blobs.Grace, takes)
		}
	}
}

// confirmation is how long it takes in good times that a file of a size is confirmed: it is asked for and answered; the content is offered
// to the others, and goes there in pieces; and the pin goes to the leader, to the other nodes, and its commitment to where it was asked for.
func (p *Plan) confirmation(bytes int64) time.Duration {
	const trips = 5
	pieces := int64(1)
	if p.Blobs.Chunk > 0 {
		pieces += bytes / (p.Blobs.Chunk * piecesUnderWay)
	}
	bulk := max(p.trip(), 2*(p.Bulk.Delay+p.Bulk.Spread))
	return trips*(p.trip()+p.write()) + time.Duration(pieces)*(bulk+p.write())
}

// roomForFiles sees to it that ten files cross from node to node in a fifth of the good times: a new node needs what others have
// gathered for long. The pieces that travel are as large as that takes.
func (g *generator) roomForFiles() {
	p := g.plan
	if p.Blobs.Chunk == 0 {
		return
	}
	bytes := int64(0)
	for i := range p.Uploaders {
		bytes += 5 * p.Uploaders[i].Bytes
	}
	there := max(p.Bulk.Delay+p.Bulk.Spread, p.Link.Delay+p.Link.Spread) + p.Disk.WriteMax // a plan without bulk lanes has links alone
	trips := int64((p.Duration-p.Heal)/5) / int64(2*there)
	p.Blobs.Chunk = max(p.Blobs.Chunk, bytes/(piecesUnderWay*max(trips, 1)))
}
