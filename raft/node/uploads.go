package node

import (
	"errors"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
)

// Files of callers. An upload goes to any node, in pieces and in order, under an id that the caller drew
// at random and that nobody else knows:
//
//	caller            node                         store, majority              leader
//	 ── begin ──────────>  ── begin upload ─────────>
//	 <── offset ─────────
//	 ── append … ───────>  ── append ───────────────>
//	 ── commit, sum ────>  ── commit ───────────────>  hashed and durable
//	                       ── confirm ──────────────>  durable on a majority
//	                       ── Pin ──────────────────────────────────────────────>  appends it
//	 <── done, position ─  … applied here
//
// A pin is repeated until it is applied: pinning twice is pinning once, with the later deadline. When the
// confirmation it carries holds no longer, because the membership changed or time went by, the
// blob is confirmed anew. Each request ends in one of the three ways. An append that has no
// answer is repeated, and told where the upload goes on; a commit that has none is repeated to the same
// node, which remembers what it committed for a while; at another node, or after a restart,
// the upload is begun anew.
type uploads struct {
	outdated  bool       // an entry is wanted, whatever it says: Output.Outdated
	run       uint64     // of the process
	drawn     uint64     // ids of pinnings
	calls     []blobCall // at the store
	bytes     int        // of what they carry and ask for
	pinning   []pinning
	committed []committed // oldest first
	proposed  []uint64    // ids of the pins that this leader appended and has not applied
	term      raft.Term   // in which it did
}

// BlobRequest is what a caller wants of an upload or of a blob.
type BlobRequest struct {
	Upload    uint64 // its id, drawn at random by the caller; who knows it may go on with it
	Offset    int64  // EventUploadAppend: where Data begins. EventReadBlob: where to read from
	Data      []byte // EventUploadAppend; never changed from here on
	Bytes     int    // EventReadBlob: how many at most, and never more than Limits.PieceBytesMax
	Sum       blob.Sum
	Principal string // EventUploadCommit: for whom the blob is pinned
}

// blobCall is a caller whose operation the store does.
type blobCall struct {
	ticket Ticket // zero: the caller went away
	kind   blob.OpKind
	bytes  int
	number uint64 // ticket of the operation
}

// pinning is an upload on its way to be pinned.
type pinning struct {
	id        uint64 // in its pin, so that this node knows it when it is applied
	ticket    Ticket
	upload    uint64
	sum       blob.Sum
	principal string
	state     pinState
	confirmed blob.Confirmation // while pinConfirmed
	sent      bool              // a pin of it may be in a log
	askAt     raft.Mono         // the pin goes to the leader again
	until     raft.Mono
}

type pinState uint8

const (
	pinStoring    pinState = iota // the store hashes and syncs it
	pinConfirming                 // a majority is asked
	pinConfirmed                  // a pin is to be applied
)

// committed is an upload that became a blob.
type committed struct {
	upload uint64
	sum    blob.Sum
}

const (
	// committedMax bounds the uploads that a node remembers for who repeats a commit.
	committedMax = 256
	// pinAgain is how often a pin is sent to the leader until it is applied.
	pinAgain = 500 * time.Millisecond
	// pinPatience is how long an upload may take from its commit to its pin: longer than a majority is
	// waited for.
	pinPatience = 3 * time.Minute
)

// blobRequest takes a caller's request to the store, if there is room.
func (n *Node) blobRequest(ev *Event) {
	u, r, limits := &n.uploads, ev.Blob, &n.settings.Limits
	op := blob.Op{Upload: r.Upload, Offset: r.Offset, Sum: r.Sum}
	bytes := len(r.Data)
	switch ev.Kind {
	case EventUploadBegin:
		op.Kind = blob.OpUploadBegin
	case EventUploadAppend:
		op.Kind, op.Data = blob.OpUploadAppend, r.Data
	case EventUploadCommit:
		op.Kind = blob.OpUploadCommit
	case EventReadBlob:
		op.Kind, op.Bytes = blob.OpClientRead, min(max(r.Bytes, 0), limits.PieceBytesMax)
		bytes = op.Bytes
	}
	switch {
	case n.blobs.replicator == nil:
		n.refuse(ev.Ticket, CodeNotFormed)
	case n.level < levelBlobs:
		n.refuse(ev.Ticket, CodeNotYet)
	case len(r.Data) > limits.PieceBytesMax || len(r.Principal) > n.settings.Rules.PrincipalBytesMax:
		n.refuse(ev.Ticket, CodeTooLarge)
	case len(u.calls)+len(u.pinning) >= limits.BlobCallsMax || len(u.calls) > 0 && u.bytes+bytes > limits.BlobCallBytesMax:
		n.refuse(ev.Ticket, CodeBusy)
	default:
		u.drawn++
		op.Ticket = raft.Mix(u.run, u.drawn)
		if op.Kind == blob.OpUploadCommit {
			u.pinning = append(u.pinning, pinning{id: op.Ticket, ticket: ev.Ticket, upload: r.Upload, sum: r.Sum, principal: r.Principal,
				until: n.now.Add(pinPatience)})
		} else {
			u.calls = append(u.calls, blobCall{ev.Ticket, op.Kind, bytes, op.Ticket})
			u.bytes += bytes
		}
		n.out.Blobs = append(n.out.Blobs, op)
	}
}

// done answers who waits for an operation. The replicator was told before.
func (u *uploads) done(n *Node, d *blob.Done) {
	if d.Op.Kind == blob.OpUploadCommit {
		u.stored(n, d)
		return
	}
	at := slices.IndexFunc(u.calls, func(c blobCall) bool { return c.number == d.Op.Ticket && c.kind == d.Op.Kind })
	if at < 0 {
		return // the replicator's own
	}
	c := u.calls[at]
	u.calls = slices.Delete(u.calls, at, at+1)
	u.bytes -= c.bytes
	if c.ticket == 0 {
		return
	}
	a := Answer{Ticket: c.ticket, Outcome: Done, Position: positionOf(n.applied), Offset: d.Offset, Reply: d.Data, Hint: n.leader}
	if code := codeOfFault(d); code != CodeNone {
		a.Outcome, a.Code, a.Reply = Refused, code, nil
	}
	if a.Code == CodeNoBlob {
		a.Holder = n.holder(d.Op.Sum)
	}
	n.answer(a)
}

// holder names another node that has a blob; zero if none is known.
func (n *Node) holder(sum blob.Sum) raft.NodeID {
	for _, who := range n.blobs.replicator.Holders(sum) {
		if who != n.self {
			return who.ID
		}
	}
	return 0
}

// codeOfFault says what a caller does about a fault.
func codeOfFault(d *blob.Done) Code {
	read := d.Op.Kind == blob.OpClientRead
	switch d.Fault {
	case blob.FaultNone:
		return CodeNone
	case blob.FaultMissing, blob.FaultDamaged:
		if read {
			return CodeNoBlob
		}
		return CodeNoUpload
	case blob.FaultSum:
		return CodeOtherContent
	case blob.FaultRefused:
		return codeOfRefused(d.Err)
	}
	return CodeNoRoom
}

// stored: the content of an upload is a blob, or never will be.
func (u *uploads) stored(n *Node, d *blob.Done) {
	if d.Fault == blob.FaultNone {
		if len(u.committed) == committedMax {
			u.committed = slices.Delete(u.committed, 0, 1)
		}
		u.committed = append(u.committed, committed{d.Op.Upload, d.Op.Sum})
	}
	at := u.find(d.Op.Ticket)
	if at < 0 {
		return // the caller went away
	}
	p := &u.pinning[at]
	// The upload may have been committed before, and the answer lost.
	again := d.Fault == blob.FaultMissing && slices.Contains(u.committed, committed{p.upload, p.sum})
	if d.Fault != blob.FaultNone && !again {
		u.end(n, at, Answer{Outcome: Refused, Code: codeOfFault(d)})
		return
	}
	u.confirm(n, p)
}

// confirm has the replicator ask a majority.
func (u *uploads) confirm(n *Node, p *pinning) {
	p.state = pinConfirming
	n.blobInput(blob.Input{Kind: blob.InputConfirm, Ticket: p.id, Want: blob.Want{Sum: p.sum}})
}

// confirmed: a majority has it.
func (u *uploads) confirmed(n *Node, c *blob.Confirmation) {
	if at := u.find(c.Ticket); at >= 0 && u.pinning[at].state == pinConfirming {
		p := &u.pinning[at]
		p.state, p.confirmed, p.askAt = pinConfirmed, *c, n.now
		n.wake(n.now)
	}
}

// failed: it was not confirmed. A pin of an earlier confirmation may be applied all the same.
func (u *uploads) failed(n *Node, f *blob.Failure) {
	at := u.find(f.Ticket)
	if at < 0 || u.pinning[at].state != pinConfirming {
		return
	}
	code := CodeNoMajority
	switch f.Reason {
	case blob.FailedNotHeld:
		code = CodeNoUpload
	case blob.FailedBusy:
		code = CodeBusy
	}
	u.end(n, at, Answer{Outcome: Refused, Code: code})
}

// tickUploads brings pins to the leader and gives up what takes too long.
func (n *Node) tickUploads() {
	u := &n.uploads
	if u.term != n.term || n.role != raft.Leader {
		u.proposed, u.term = nil, n.term
	}
	u.refresh(n)
	for i := len(u.pinning) - 1; i >= 0; i-- {
		p := &u.pinning[i]
		switch c := &p.confirmed; {
		case n.now >= p.until:
			u.end(n, i, Answer{Outcome: Refused, Code: CodeNoMajority})
			continue
		case p.state != pinConfirmed:
		case c.Config != n.blobs.config || n.logTime > c.NotAfter:
			u.confirm(n, p)
		case c.Config > n.raft.Commit():
			// It may yet be cut, and another one take its place at this index.
		case n.now >= p.askAt:
			p.askAt = n.now.Add(pinAgain)
			n.sendPin(p)
			n.wake(p.askAt)
		default:
			n.wake(p.askAt)
		}
		n.wake(p.until)
	}
}

// sendPin proposes a pin, or has the leader do so.
func (n *Node) sendPin(p *pinning) {
	p.sent = n.bringPin(p, &p.confirmed) || p.sent
}

func (n *Node) bringPin(p *pinning, c *blob.Confirmation) bool {
	payload := encodePin(p.id, c, p.principal)
	leader := n.raft.Leader()
	switch {
	case n.role == raft.Leader:
		n.proposePin(p.id, payload)
	case !leader.IsZero():
		n.sendTo(leader, raft.MsgPin, payload)
	default:
		return false
	}
	return true
}

// refresh brings log time up to date when nobody has written for long: with a pin that nobody confirmed, and which is
// refused.
func (u *uploads) refresh(n *Node) {
	for i := range u.pinning {
		if p := &u.pinning[i]; u.outdated && p.state == pinConfirming {
			u.outdated = false
			n.bringPin(p, &blob.Confirmation{Sum: p.sum})
		}
	}
}

// pinMessage appends a pin for another member, or tells the state machine what that wants told.
func (n *Node) pinMessage(m *raft.Message) {
	c, err := decodeEnvelope(m.Payload)
	switch {
	case err == nil && c.kind == envelopeTell:
		n.proposeTell(m.Payload)
	case err != nil || c.kind != envelopePin || len(c.principal) > n.settings.Rules.PrincipalBytesMax:
		n.drop(m, droppedGarbage)
	case n.role == raft.Leader && n.level >= levelBlobs:
		n.proposePin(c.pin.Ticket, m.Payload)
	}
}

// proposePin appends a pin, unless one of this confirmation is on its way already.
func (n *Node) proposePin(id uint64, payload []byte) {
	u := &n.uploads
	if slices.Contains(u.proposed, id) || len(u.proposed) >= n.settings.Limits.BlobCallsMax {
		return
	}
	u.proposed = append(u.proposed, id)
	n.in = append(n.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{
		Ticket: uint64(ownPin), Kind: raft.EntryCommand, Payload: payload}})
}

// refusedPin: a pin did not get into the log. Whoever waits for it sends it again.
func (u *uploads) refusedPin() { u.proposed = nil }

// applied looks whether this node waits for a pin that was just executed.
func (u *uploads) applied(n *Node, i raft.Index, c *envelope, code blob.Code) {
	u.proposed = slices.DeleteFunc(u.proposed, func(id uint64) bool { return id == c.pin.Ticket })
	at := u.find(c.pin.Ticket)
	if at < 0 {
		return
	}
	p := &u.pinning[at]
	switch code {
	case blob.CodeNone:
		u.end(n, at, Answer{Outcome: Done, Position: positionOf(i), Offset: c.pin.Size})
	case blob.CodeStale, blob.CodeChanged:
		if p.state == pinConfirmed && p.confirmed == c.pin {
			u.confirm(n, p)
		}
	case blob.CodeFull:
		p.sent = false // what is refused by one entry is no less by the others
		u.end(n, at, Answer{Outcome: Refused, Code: CodeBlobsFull})
	default:
		p.sent = false
		u.end(n, at, Answer{Outcome: Refused, Code: CodeTooLarge})
	}
}

func (u *uploads) find(id uint64) int {
	return slices.IndexFunc(u.pinning, func(p pinning) bool { return p.id == id })
}

// end answers an upload's caller. What may be in a log is not refused: it is unknown.
func (u *uploads) end(n *Node, at int, a Answer) {
	p := u.pinning[at]
	u.pinning = slices.Delete(u.pinning, at, at+1)
	if a.Outcome == Refused && p.sent {
		a.Outcome = Unknown
	}
	a.Ticket, a.Hint = p.ticket, n.leader
	n.answer(a)
}

// cancel forgets a caller. An upload that was committed is not pinned then, unless its pin is in the log.
func (u *uploads) cancel(t Ticket) bool {
	for i := range u.calls {
		if u.calls[i].ticket == t {
			u.calls[i].ticket = 0
			return true
		}
	}
	had := len(u.pinning)
	u.pinning = slices.DeleteFunc(u.pinning, func(p pinning) bool { return p.ticket == t })
	return len(u.pinning) < had
}

// abandon answers everybody because the node stops. A piece that was handed to the store may be stored.
func (u *uploads) abandon(n *Node) {
	for _, c := range u.calls {
		outcome := Unknown
		if c.kind == blob.OpClientRead {
			outcome = Refused
		}
		if c.ticket != 0 {
			n.answer(Answer{Ticket: c.ticket, Outcome: outcome, Code: CodeStopping})
		}
	}
	u.calls = nil
	for len(u.pinning) > 0 {
		u.end(n, len(u.pinning)-1, Answer{Outcome: Refused, Code: CodeStopping})
	}
}

func (u *uploads) clone() uploads {
	c := *u
	c.calls, c.pinning = slices.Clone(u.calls), slices.Clone(u.pinning)
	c.committed, c.proposed = slices.Clone(u.committed), slices.Clone(u.proposed)
	return c
}

// codeOfRefused tells the refusals of a store apart.
func codeOfRefused(err error) Code {
	var large *blob.TooLargeError
	var offset *blob.OffsetError
	switch {
	case errors.As(err, &large):
		return CodeTooLarge
	case errors.As(err, &offset):
		return CodeOffset
	}
	return CodeBusy
}
