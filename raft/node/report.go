package node

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"parley/raft"
)

// Nodes that applied the same entries hold the same state, unless an Apply was not a
// function of its entry, or read what had rotted in memory. Nothing in the log shows that. So each node
// notes its state hash at every Settings.HashEvery-th entry, for every snapshot, and where an entry asks for it (EventMark), as a
// mark, and tells all members its newest marks: at once when there is a new one, and every reportEvery, so that a report
// that got lost is made good by the next.
//
//	1 ── Report {level 2; 1024: 7f3a…, 2048: 91c0…} ──> 2, 3
//
// Who is right is decided by majority, for each index apart. A node whose hash differs from
// that of a majority of the voters stops. Where no hash can have a majority any more, all
// that differ stop; where one still might, because voters are silent, they wait for
// disputeMax and stop then. That costs nothing that was not lost already: the nodes that
// agree with one another are too few to commit.
//
// The state at a later index contains that at an earlier one, so that a mark on which a
// majority agrees settles all before it.
//
// The hash is a running sum over what Apply wrote. A bit that flips in a row which nobody reads or replaces
// shows only where the hash is computed anew.
//
// A report also carries the newest level that its sender takes part in; see level.go.
type reporting struct {
	marks      []mark     // the newest, by rising index
	agreed     raft.Index // a majority had this node's state there
	fresh      bool       // a mark came since the last report
	asked      bool       // the entry that is being applied asks for a mark
	dueAt      raft.Mono  // the next report
	disputed   bool       // some voter had another state above agreed, and nobody is outvoted yet
	disputedAt raft.Mono  // since when
	peers      []report   // what members said last, by rising id
	spare      []mark     // memory for what the next one says
}

// mark is the hash of all replicated state after the entry at index.
type mark struct {
	index raft.Index
	hash  Hash
}

// report is what another node said.
type report struct {
	from    raft.Ident
	level   uint32
	heardAt raft.Mono
	marks   []mark
}

// DivergedError is in Output.Stop of a node whose state differs from others' though they
// applied the same entries.
type DivergedError struct {
	Index      raft.Index // after this entry
	Own, Other Hash
	// Majority: Other is what a majority of the voters has. Otherwise no state has a majority,
	// and all nodes that differ stop.
	Majority bool
}

// Error says what happened and what to do about it.
func (e *DivergedError) Error() string {
	if e.Majority {
		return fmt.Sprintf("the state of this node differs from that of a majority: after entry %d its hash is %v, and theirs is %v. "+
			"It answers nothing more. Keep a copy of its directory and of its log output for a report, remove the node (parley cluster remove), "+
			"and add it anew with an empty directory (node start --join, parley cluster add)", e.Index, e.Own, e.Other)
	}
	return fmt.Sprintf("the nodes' states differ and no majority agrees on one: after entry %d the hash of this node is %v, and another's is %v. "+
		"All nodes that differ stop. Keep a copy of every directory and of the log output for a report, then start the nodes again: "+
		"each builds its state anew, from its newest snapshot on", e.Index, e.Own, e.Other)
}

// String prints the hash as 32 hexadecimal digits.
func (h Hash) String() string { return fmt.Sprintf("%016x%016x", h[1], h[0]) }

// markState notes the state hash if its turn has come.
func (n *Node) markState() {
	if n.reporting.asked || n.applied%n.settings.HashEvery == 0 {
		n.mark()
	}
	n.reporting.asked = false
}

// askMark proposes an entry at which every node notes the hash of its state, and tells the others. It changes nothing
// else; the answer has its position.
func (n *Node) askMark(ev *Event) {
	if n.admit(ev.Ticket) {
		n.propose(ev, encodeMark())
	}
}

// StateMark is the hash of a member's replicated state after an entry.
type StateMark struct {
	Who   raft.NodeID
	Index raft.Index
	Hash  Hash
}

// marksOf returns the newest marks of this node, and those that members told lately.
func (n *Node) marksOf() (marks []StateMark) {
	c := n.raft.InForce()
	marks = make([]StateMark, 0, marksMax*len(c.Members))
	for i := range c.Members {
		m := &c.Members[i]
		own := n.reporting.marks
		if m.Ident != n.self {
			p := n.reportOf(m.Ident)
			if p == nil {
				continue
			}
			own = p.marks
		}
		for _, k := range own {
			marks = append(marks, StateMark{m.ID, k.index, k.hash})
		}
	}
	return marks
}

// mark notes the state hash.
func (n *Node) mark() {
	r := &n.reporting
	if len(r.marks) > 0 && r.marks[len(r.marks)-1].index == n.applied {
		return
	}
	if len(r.marks) == marksMax {
		r.marks = slices.Delete(r.marks, 0, 1)
	}
	_, h := n.StateHash()
	r.marks = append(r.marks, mark{n.applied, h})
	r.fresh = true
	n.compare()
}

// tickReport tells the other members what is new, or repeats it.
func (n *Node) tickReport() {
	r := &n.reporting
	if n.applied == 0 {
		return // there is nothing to say yet
	}
	if r.fresh || n.now >= r.dueAt {
		if n.snapshots.frozen.State != nil {
			n.mark() // where all stand by now: the report that told where it was frozen may have got lost
		}
		r.fresh, r.dueAt = false, n.now.Add(reportEvery)
		n.sendReport()
	}
	if r.disputed && n.now >= r.disputedAt.Add(disputeMax) {
		n.compare()
	}
	n.wake(r.dueAt)
}

func (n *Node) sendReport() {
	c := n.raft.InForce()
	if !c.Has(n.self) {
		return
	}
	payload := n.encodeReport()
	for _, m := range c.Members {
		if m.ID != n.self.ID {
			n.out.Send = append(n.out.Send, raft.Message{Kind: raft.MsgReport, Cluster: n.identity.Cluster,
				From: n.self, To: m.Ident, Term: n.term, Payload: payload})
		}
	}
}

// reported takes down what a member says, in the place of what it said before.
func (n *Node) reported(m *raft.Message) {
	c := n.raft.InForce()
	r := &n.reporting
	said, ok := decodeReport(r.spare[:0], m.Payload)
	if !ok {
		n.drop(m, droppedGarbage)
		return
	}
	if !c.Has(m.From) {
		return // this node's configuration may lag: it will say so again
	}
	said.from, said.heardAt = m.From, n.now
	r.peers = slices.DeleteFunc(r.peers, func(p report) bool { return !c.Has(p.from) })
	i, known := slices.BinarySearchFunc(r.peers, m.From.ID, func(p report, id raft.NodeID) int { return cmp.Compare(p.from.ID, id) })
	if !known {
		r.peers = slices.Insert(r.peers, i, report{})
	}
	r.peers[i], r.spare = said, r.peers[i].marks
	if k := len(said.marks); k > 0 && said.marks[k-1].index == n.applied {
		n.mark() // whoever waits for a majority where nobody writes has one
	}
	n.compare()
}

// compare looks whether a majority has this node's state, from the newest mark back to
// the last one that is settled.
func (n *Node) compare() {
	r := &n.reporting
	c := n.raft.InForce()
	disputed := false
	for i := len(r.marks) - 1; i >= 0 && r.marks[i].index > r.agreed && n.stopping == nil; i-- {
		own := &r.marks[i]
		if c.Quorum(func(m *raft.Member) bool { h, ok := n.hashOf(m, own.index); return ok && h == own.hash }) {
			r.agreed = own.index
			n.note(raft.Note{Kind: NoteAgreed, Index: own.index})
			break
		}
		disputed = n.judge(c, own) || disputed
	}
	if disputed && !r.disputed {
		r.disputedAt = n.now
	}
	r.disputed = disputed
	if disputed {
		n.wake(r.disputedAt.Add(disputeMax))
	}
}

// judge decides about one of this node's marks, on which no majority agrees so far. It
// reports whether some voter had another state there and it is still open who is right.
func (n *Node) judge(c *raft.Configuration, own *mark) (disputed bool) {
	undecided := false // some hash may get a majority yet
	var other Hash
	for i := range c.Members {
		h, ok := n.hashOf(&c.Members[i], own.index)
		if !ok {
			h = own.hash // silent: it may agree with anybody
		} else if h != own.hash && !disputed && c.IsVoter(c.Members[i].Ident) {
			disputed, other = true, h
		}
		if ok && h != own.hash && c.Quorum(func(m *raft.Member) bool { g, ok := n.hashOf(m, own.index); return ok && g == h }) {
			n.diverged(&DivergedError{Index: own.index, Own: own.hash, Other: h, Majority: true})
			return false
		}
		undecided = undecided || c.Quorum(func(m *raft.Member) bool { g, ok := n.hashOf(m, own.index); return !ok || g == h })
	}
	late := n.reporting.disputed && n.now >= n.reporting.disputedAt.Add(disputeMax)
	if disputed && (!undecided || late) {
		n.diverged(&DivergedError{Index: own.index, Own: own.hash, Other: other})
		return false
	}
	return disputed
}

// diverged stops the node. Its last word is its report: who differs from it must learn of it, too.
func (n *Node) diverged(err *DivergedError) {
	n.sendReport()
	n.stop(err)
}

// hashOf returns a member's state hash after an entry, as far as it said so lately. Who fell
// silent has no say: it may have stopped for its state, and have another when it returns.
func (n *Node) hashOf(m *raft.Member, i raft.Index) (Hash, bool) {
	marks := n.reporting.marks
	if m.Ident != n.self {
		p := n.reportOf(m.Ident)
		if p == nil {
			return Hash{}, false
		}
		marks = p.marks
	}
	for j := range marks {
		if marks[j].index == i {
			return marks[j].hash, true
		}
	}
	return Hash{}, false
}

// reportOf returns what another member said lately; nil if it was silent.
func (n *Node) reportOf(who raft.Ident) *report {
	for i := range n.reporting.peers {
		if p := &n.reporting.peers[i]; p.from == who && n.now.Sub(p.heardAt) < reportValid {
			return p
		}
	}
	return nil
}

func (r *reporting) clone() reporting {
	c := *r
	c.marks, c.spare = slices.Clone(r.marks), nil
	c.peers = slices.Clone(r.peers)
	for i := range c.peers {
		c.peers[i].marks = slices.Clone(c.peers[i].marks)
	}
	return c
}

// The bounds of reports.
const (
	// marksMax is how many marks a node keeps and tells: nodes whose lags differ by fewer
	// than 8 x HashEvery entries have one in common.
	marksMax = 8
	// reportEvery is how often a node repeats itself: 250 bytes a second to each member.
	reportEvery = time.Second
	// reportValid is for how long a report counts: three may get lost.
	reportValid = 4 * reportEvery
	// disputeMax is how long nodes that differ wait for those that could say who is
	// right: a restart, or an election, and not long, for one of them answers from a wrong state.
	disputeMax = 5 * time.Second
)

// The payload of a Report. Integers are little-endian.
//
//	0      version (1)
//	1..4   newest level the sender takes part in
//	5      number of marks
//	6..    marks by rising index: index 8, state hash 16
//
// What stands behind the marks is of a later release and is skipped, so that releases
// understand one another while a cluster goes from one to the next.
const (
	reportVersion = 1
	reportHead    = 6
	markLen       = 24
)

func (n *Node) encodeReport() []byte {
	marks := n.reporting.marks
	p := make([]byte, 0, reportHead+markLen*len(marks))
	p = append(p, reportVersion)
	p = binary.LittleEndian.AppendUint32(p, n.settings.MaxLevel)
	p = append(p, byte(len(marks)))
	for i := range marks {
		p = binary.LittleEndian.AppendUint64(p, uint64(marks[i].index))
		p = binary.LittleEndian.AppendUint64(p, marks[i].hash[0])
		p = binary.LittleEndian.AppendUint64(p, marks[i].hash[1])
	}
	return p
}

// decodeReport appends the marks to those of the caller's.
func decodeReport(marks []mark, p []byte) (r report, ok bool) {
	if len(p) < reportHead || p[0] != reportVersion || p[5] > marksMax || len(p) < reportHead+markLen*int(p[5]) {
		return report{}, false
	}
	le := binary.LittleEndian
	r.level = le.Uint32(p[1:])
	r.marks = slices.Grow(marks, int(p[5]))
	for i := range int(p[5]) {
		at := p[reportHead+markLen*i:]
		m := mark{raft.Index(le.Uint64(at)), Hash{le.Uint64(at[8:]), le.Uint64(at[16:])}}
		if i > 0 && m.index <= r.marks[i-1].index {
			return report{}, false
		}
		r.marks = append(r.marks, m)
	}
	return r, true
}
