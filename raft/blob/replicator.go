package blob

import (
	"slices"

	"parley/raft"
)

// Config is what a replicator is made of.
type Config struct {
	Self    raft.Ident
	Run     uint64 // drawn at random at every start, so that answers to an earlier run are known as such
	Options Options
	Found   Found // by Open
}

// Replicator sees to it that blobs are where they must be: it confirms uploads, fetches
// what is wanted and missing, serves peers, checks what it holds and collects what nothing
// wants. Like raft.Step it is a function of its arguments; what is to be sent and done on the
// disk goes out as data.
type Replicator struct {
	o    Options
	self raft.Ident
	run  uint64
	now  raft.Mono
	out  *Output

	position raft.Position // applied
	logTime  raft.LogTime  // of the entry there
	latest   raft.LogTime  // the highest of an entry that somebody had applied: what is promised counts from it
	reckoned raft.LogTime  // what it must be by now, by this node's clock
	caughtUp bool

	config      raft.Configuration
	configIndex raft.Index
	members     [membersMax]raft.Ident // by bit
	listings    [membersMax]listing
	selfBit     uint64 // zero: not a member
	peers       uint64

	blobs   []*record // sorted by sum
	wanted  int       // of them
	missing queue     // to be fetched, by Mono
	idle    queue     // to be collected, by LogTime

	fetches  []fetch
	asked    int // bytes asked of peers
	writing  int // bytes under way to the disk
	confirms []confirm
	offered  []Sum // blobs with offers
	serving  int   // bytes being read for peers
	removals int   // under way
	uploads  []uploadUse
	scrub    scrub
	nonce    uint64

	asks, holds []Sum // to be told to all peers at the end of this Step
}

// New returns a replicator over what a store holds. It needs InputMembers and InputReset before
// it does anything.
func New(c Config, now raft.Mono) *Replicator {
	r := &Replicator{o: c.Options.withDefaults(), self: c.Self, run: c.Run, now: now}
	r.scrub.at = now.Add(r.o.ScrubEvery)
	for _, h := range c.Found.Held {
		r.blobs = append(r.blobs, &record{sum: h.Sum, size: h.Size, held: true, gen: h.Gen})
	}
	for _, sum := range c.Found.Parts {
		r.record(sum, 0).part = true
	}
	for _, b := range slices.Clone(r.blobs) {
		r.settle(b)
	}
	for _, id := range c.Found.Uploads {
		r.uploads = append(r.uploads, uploadUse{id, now})
	}
	return r
}

// Step takes in what happened and says what is to be done.
func (r *Replicator) Step(now raft.Mono, in []Input, out *Output) {
	r.now, r.out = max(now, r.now), out
	for i := range in {
		r.take(&in[i])
	}
	r.expireOffers()
	r.driveConfirms()
	r.driveFetches()
	r.startFetches()
	r.collect()
	r.driveScrub()
	r.abandonUploads()
	r.askPages()
	r.tellAll(MsgAsk, r.asks)
	r.tellAll(MsgHold, r.holds)
	r.asks, r.holds = r.asks[:0], r.holds[:0]
	out.WakeAt = min(out.WakeAt, r.wakeAt())
	r.check()
	r.out = nil
}

func (r *Replicator) take(in *Input) {
	switch in.Kind {
	case InputMembers:
		r.setMembers(in.Config, in.Index)
	case InputReset:
		r.applied(in.Position, in.Time)
		r.reset(in.Wants, in.Position, in.Time)
	case InputWant:
		r.want(in.Want, in.Position, in.Time)
	case InputUnwant:
		if b := r.find(in.Want.Sum); b != nil && b.wanted {
			r.unwant(b)
		}
	case InputApplied:
		r.applied(in.Position, in.Time)
	case InputClock:
		r.reckoned = in.Time
	case InputCaughtUp:
		r.catchUp()
	case InputConfirm:
		r.confirm(in.Ticket, in.Want.Sum)
	case InputMessage:
		r.receive(in.Message)
	case InputPeerLost:
		r.peerLost(in.Peer)
	case InputDone:
		r.done(in.Done)
	default:
		broken("input %d", in.Kind)
	}
}

func (r *Replicator) applied(at raft.Position, time raft.LogTime) {
	r.position, r.logTime, r.reckoned = max(r.position, at), max(r.logTime, time), time
	r.latest = max(r.latest, r.logTime)
}

// receive takes a message from a member to this very node; others count nowhere.
func (r *Replicator) receive(m *Message) {
	bit := r.bitOf(m.From)
	if bit&r.peers == 0 || m.To != r.self {
		return
	}
	r.latest = max(r.latest, m.Time)
	switch m.Kind {
	case MsgOffer:
		r.onOffer(m, bit)
	case MsgAck:
		r.onAck(m, bit)
	case MsgAsk:
		r.onAsk(m, bit)
	case MsgAnswer, MsgHold:
		r.onHave(m, bit)
	case MsgPull:
		r.onPull(m, bit)
	case MsgChunk:
		r.onChunk(m, bit)
	case MsgNack:
		r.onNack(m, bit)
	case MsgList:
		r.onList(m)
	case MsgPage:
		r.onPage(m, bit)
	}
}

// done takes in what came of an operation on the store. Damage that a client's read met is
// damage like any other.
func (r *Replicator) done(d *Done) {
	switch d.Op.Kind {
	case OpBegin:
		r.onBegun(d)
	case OpWrite:
		r.onWritten(d)
	case OpCommit:
		r.onCommitted(d)
	case OpRead:
		r.onRead(d)
	case OpRemove:
		r.onRemoved(d)
	case OpVerify:
		r.onVerified(d)
	case OpClientRead:
		r.onDamage(d)
	case OpUploadBegin, OpUploadAppend:
		r.useUpload(d.Op.Upload, d.Fault)
	case OpUploadCommit, OpUploadAbandon:
		r.endUpload(d.Op.Upload)
		if d.Op.Kind == OpUploadCommit && d.Fault == FaultNone {
			r.hold(d.Held)
		}
	}
}

// onDamage reports whether a read found the blob damaged or gone, and takes that in.
func (r *Replicator) onDamage(d *Done) bool {
	if d.Fault != FaultDamaged && d.Fault != FaultMissing {
		return false
	}
	if b := r.find(d.Op.Sum); b != nil && b.steady() {
		r.lose(b)
	}
	return true
}

// send sends one message to a member.
func (r *Replicator) send(to raft.Ident, m Message) {
	m.From, m.To, m.Position, m.Time = r.self, to, r.position, r.latest
	r.out.Send = append(r.out.Send, m)
}

// tellAll sends sums to all peers, in as many messages as it takes.
func (r *Replicator) tellAll(kind MessageKind, sums []Sum) {
	if len(sums) == 0 {
		return // as nearly always
	}
	slices.SortFunc(sums, Sum.Compare)
	sums = slices.Compact(sums)
	for len(sums) > 0 && r.peers != 0 {
		n := min(len(sums), sumsMax)
		page := slices.Clone(sums[:n])
		r.eachOf(r.peers, func(_ uint64, who raft.Ident) { r.send(who, Message{Kind: kind, Sums: page}) })
		sums = sums[n:]
	}
}

func (r *Replicator) note(n Note) { r.out.Notes = append(r.out.Notes, n) }

// draw names a request so that no other run's or request's answer is taken for its own.
func (r *Replicator) draw() uint64 {
	r.nonce++
	return raft.Mix(r.run, r.nonce)
}

// wakeAt is the next deadline.
func (r *Replicator) wakeAt() raft.Mono {
	at := raft.Never
	if due, ok := r.missing.after(int64(r.now)); ok {
		at = raft.Mono(due)
	}
	if len(r.missing.items) > 0 && r.missing.items[0].due <= int64(r.now) && len(r.fetches) < r.o.FetchesMax {
		at = r.now // more than one Step takes up
	}
	for i := range r.fetches {
		at = min(at, r.fetches[i].wakeAt(r.o.Patience))
	}
	for i := range r.confirms {
		c := &r.confirms[i]
		at = min(at, c.until)
		if r.outdated() {
			at = min(at, c.freshAt)
		} else {
			at = min(at, c.offerAt)
		}
	}
	for _, sum := range r.offered {
		for _, o := range r.find(sum).offers {
			at = min(at, o.until)
		}
	}
	if r.wanted > 0 {
		r.eachOf(r.peers, func(bit uint64, _ raft.Ident) { at = min(at, r.listings[r.slot(bit)].at) })
	}
	if !r.scrub.busy && r.anyHeld() {
		at = min(at, r.scrub.at)
	}
	for _, u := range r.uploads {
		at = min(at, u.at.Add(uploadIdleMax))
	}
	return at
}
