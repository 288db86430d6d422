package node

import (
	"encoding/binary"
	"slices"

	"parley/raft"
)

// Joining brings a new node, with an empty directory and no seeds, into a cluster that runs.
//
//	operator     leader                                   new node
//	 ── add ──────>
//	                ── JoinAsk ─────────────────────────────>  who are you, in which cluster?
//	                <─────────────────────────── JoinAnswer ──  incarnation, cluster or none
//	                configuration entry: (id, incarnation), learner, promote=auto
//	 <── done ──────(committed)
//	                ── JoinRecord ──────────────────────────>
//	                                                            record to the disk, at most one ever
//	                <─────────────────────────── JoinAccept ──
//	                ── Append … ────────────────────────────>  catches up, is promoted
//
// The new node durably accepts cluster and identity before it takes part in anything, and only
// from whoever knows its incarnation, that is, from somebody who asked this very
// directory. If the leader changes, the next one finds the configuration entry and goes on
// with the record. A directory that is lost on the way is a learner that never
// answers: the operator removes it.
//
// The record also carries where its sender listens. A leader shows it to every member that
// does not answer, because a member that was away, or has still to catch up, has an old
// configuration in force and may not know where to send its answers.
type joining struct {
	// Leader.
	ticket Ticket      // who asked for the addition under way; zero: none
	change raft.Change // what was asked
	askAt  raft.Mono   // when to ask the new node again
	until  raft.Mono   // when to give up
	showAt raft.Mono   // when to show the record again

	// Anybody.
	host raft.Ident    // who showed the record that is being stored
	met  []raft.Member // who introduced itself, by rising id
}

// change begins a change of the membership. An addition first asks the new node who it is.
func (n *Node) change(ev *Event) {
	j := &n.joining
	switch ch := &ev.Change; {
	case n.raft == nil:
		n.refuse(ev.Ticket, CodeNotFormed)
	case n.role != raft.Leader:
		n.refuse(ev.Ticket, CodeNotLeader)
	case ch.Kind == raft.ChangePromote && n.stranger(ch.ID):
		n.refuse(ev.Ticket, CodeNoAnswer)
	case ch.Kind != raft.ChangeAdd && ch.Kind != raft.ChangeReplace:
		n.proposeChange(ev.Ticket, *ch)
	case j.ticket != 0:
		n.refuse(ev.Ticket, CodeChangePending)
	case n.elsewhere(&ch.Member):
		n.refuse(ev.Ticket, CodeIsMember)
	default:
		j.ticket, j.change = ev.Ticket, *ch
		j.change.Member.Inc = 0
		j.askAt, j.until = n.now, n.now.Add(joinPatience)
		n.note(raft.Note{Kind: NoteContact, Peer: ch.Member.ID})
	}
}

// elsewhere reports whether the id of a new member is that of a member at another address, or
// of this node.
func (n *Node) elsewhere(m *raft.Member) bool {
	c := n.raft.Config()
	was, ok := c.Find(m.ID)
	return m.ID == n.self.ID || ok && was.PeerAddr != m.PeerAddr
}

// stranger reports whether a member has never stored anything, as far as this leader knows: it may not
// even have the record. As a voter it could not vote, and only a leader shows it the record.
func (n *Node) stranger(id raft.NodeID) bool {
	s := n.raft.Status()
	return slices.ContainsFunc(s.Peers, func(p raft.PeerStatus) bool { return p.Ident.ID == id && p.Match == 0 })
}

func (n *Node) proposeChange(t Ticket, ch raft.Change) {
	n.changing = append(n.changing, t)
	n.in = append(n.in, raft.Input{Kind: raft.InputChange, Ticket: uint64(t), Change: ch})
}

// changed answers whose change is committed.
func (n *Node) changed(done []raft.Changed) {
	for _, ch := range done {
		n.stopChanging(Ticket(ch.Ticket))
		n.answer(Answer{Ticket: Ticket(ch.Ticket), Outcome: Done, Position: positionOf(ch.Index), Hint: n.leader})
	}
}

func (n *Node) stopChanging(t Ticket) bool {
	had := len(n.changing)
	n.changing = slices.DeleteFunc(n.changing, func(c Ticket) bool { return c == t })
	return len(n.changing) < had
}

// tickJoin repeats the question to a new node, and shows the record to whoever does not
// answer.
func (n *Node) tickJoin() {
	j := &n.joining
	if n.raft == nil {
		return
	}
	if n.role != raft.Leader {
		n.endJoin(CodeNotLeader)
		return
	}
	if j.ticket != 0 && n.now >= j.until {
		n.endJoin(CodeNoAnswer)
	}
	if j.ticket != 0 {
		if n.now >= j.askAt {
			j.askAt = n.now.Add(formRetry)
			n.sendForm(raft.MsgJoinAsk, raft.Ident{ID: j.change.Member.ID}, n.introduction())
		}
		n.wake(min(j.askAt, j.until))
	}
	if n.now >= j.showAt {
		j.showAt = n.now.Add(showEvery)
		n.showRecord()
	}
	n.wake(j.showAt)
}

// endJoin refuses the addition under way: nothing of it is in the log.
func (n *Node) endJoin(why Code) {
	if j := &n.joining; j.ticket != 0 {
		n.refuse(j.ticket, why)
		n.forgetJoin()
	}
}

func (n *Node) forgetJoin() {
	n.joining.ticket, n.joining.change = 0, raft.Change{}
	n.note(raft.Note{Kind: NoteContact})
}

// cancel gives the addition up if its caller went away.
func (j *joining) cancel(n *Node, t Ticket) bool {
	if t == 0 || j.ticket != t {
		return false
	}
	n.forgetJoin()
	return true
}

// showRecord shows the record to the members that have not answered lately.
func (n *Node) showRecord() {
	s := n.raft.Status()
	var record []byte
	for _, p := range s.Peers {
		if p.Match == 0 || n.now.Sub(p.Heard) >= showEvery {
			if record == nil {
				record = append(n.introduction(), encodeRecord(&n.identity)...)
			}
			n.sendForm(raft.MsgJoinRecord, p.Ident, record)
		}
	}
}

// joinMessage handles what leaders and new nodes say to one another. It reports whether the
// payload makes sense.
func (n *Node) joinMessage(m *raft.Message) bool {
	switch m.Kind {
	case raft.MsgJoinAsk:
		who, rest, ok := decodeIntroduction(m)
		if !ok || len(rest) != 0 {
			return false
		}
		n.meetHost(who)
		n.sendForm(raft.MsgJoinAnswer, m.From, encodeJoinAnswer(n.identity.Cluster, len(n.settings.Seeds) > 0 && n.identity.Cluster == 0))
	case raft.MsgJoinAnswer:
		cluster, founds, ok := decodeJoinAnswer(m.Payload)
		if !ok {
			return false
		}
		n.joinAnswer(m.From, cluster, founds)
	case raft.MsgJoinRecord:
		return n.joinRecord(m)
	case raft.MsgJoinAccept:
		_, err := decodeClusterID(m.Payload)
		return err == nil // the Appends that are answered now say the same
	}
	return true
}

// joinAnswer: the new node says who it is. What stands in the way of its addition is the
// protocol's to judge.
func (n *Node) joinAnswer(who raft.Ident, cluster raft.ClusterID, founds bool) {
	j := &n.joining
	if j.ticket == 0 || j.change.Member.ID != who.ID || n.role != raft.Leader {
		return // of a question that was given up
	}
	if founds || cluster != 0 && cluster != n.identity.Cluster {
		n.endJoin(CodeOtherCluster)
		return
	}
	ch := j.change
	ch.Member.Inc = who.Inc
	n.proposeChange(j.ticket, ch)
	n.forgetJoin()
}

// joinRecord: a leader shows the cluster. A node that is to found one takes none, and nobody
// takes a second one.
func (n *Node) joinRecord(m *raft.Message) bool {
	who, rest, ok := decodeIntroduction(m)
	if !ok {
		return false
	}
	cluster, members, err := decodeRecord(rest)
	if err != nil {
		return false
	}
	switch {
	case m.To != n.self || n.form.storing != nil:
	case n.identity.Cluster == cluster:
		n.meetHost(who)
		n.sendForm(raft.MsgJoinAccept, m.From, encodeClusterID(cluster))
	case n.identity.Cluster != 0 || len(n.settings.Seeds) > 0 || members.Has(n.self):
		n.drop(m, droppedCluster)
	default:
		n.meetHost(who)
		n.joining.host = m.From
		n.storeIdentity(Identity{Self: n.self, Cluster: cluster, Members: members})
	}
	return true
}

// meetHost remembers where a leader listens.
func (n *Node) meetHost(who raft.Member) {
	j := &n.joining
	if slices.Contains(j.met, who) {
		return
	}
	j.met = slices.DeleteFunc(j.met, func(m raft.Member) bool { return m.ID == who.ID })
	if len(j.met) >= metMax {
		j.met = slices.Delete(j.met, 0, 1)
	}
	i := slices.IndexFunc(j.met, func(m raft.Member) bool { return m.ID > who.ID })
	if i < 0 {
		i = len(j.met)
	}
	j.met = slices.Insert(j.met, i, who)
	n.note(raft.Note{Kind: NoteContact, Peer: who.ID})
}

// contacts returns those outside the configuration in force whom this node has to reach: the
// node that is to be added, and who introduced itself; and apart from them the former
// members, to tell them that they are, if they ask.
func (n *Node) contacts() (contacts, former []raft.Member) {
	var members raft.Configuration
	if n.raft != nil {
		members, former = n.raft.Config(), n.raft.Former()
		former = slices.DeleteFunc(former, func(m raft.Member) bool { return m.ID == n.self.ID })
		former = former[:min(len(former), formerMax)]
	}
	add := func(m raft.Member) {
		other := func(o raft.Member) bool { return o.ID == m.ID }
		_, member := members.Find(m.ID)
		if m.ID == n.self.ID || member || slices.ContainsFunc(contacts, other) {
			return
		}
		// Under the id of a former member another directory may come back.
		if i := slices.IndexFunc(former, other); i >= 0 {
			if former[i].Ident == m.Ident {
				return
			}
			former = slices.Delete(former, i, i+1)
		}
		contacts = append(contacts, m)
	}
	if n.joining.ticket != 0 {
		add(n.joining.change.Member)
	}
	for _, m := range n.joining.met {
		add(m)
	}
	return contacts, former
}

// The payloads of the joining messages, in the manner of formcodec.go:
//
//	JoinAsk                          JoinAnswer              JoinAccept
//	0     version (1)                0     version           0     version
//	1..2  length of the peer address 1..8  its cluster or 0  1..8  cluster id
//	3..   sender's peer address      9     1: it founds one
//	..    length 2, client address
//
// A JoinRecord is a JoinAsk with the payload of a FormRecord behind it.
func (n *Node) introduction() []byte {
	peer, client := n.ownAddrs()
	p := []byte{formVersion}
	for _, addr := range []string{peer, client} {
		p = binary.LittleEndian.AppendUint16(p, uint16(len(addr)))
		p = append(p, addr...)
	}
	return p
}

// ownAddrs returns where this node listens, as the cluster knows it or the operator said.
func (n *Node) ownAddrs() (peer, client string) {
	if n.raft != nil {
		c := n.raft.Config()
		if m, ok := c.Find(n.self.ID); ok && m.Ident == n.self {
			return m.PeerAddr, m.ClientAddr
		}
	}
	if len(n.settings.Seeds) > 0 {
		return n.seedAddrs(n.self.ID)
	}
	return n.settings.PeerAddr, n.settings.ClientAddr
}

func decodeIntroduction(m *raft.Message) (who raft.Member, rest []byte, ok bool) {
	p := m.Payload
	if len(p) < 1 || p[0] != formVersion {
		return who, nil, false
	}
	p = p[1:]
	var addrs [2]string
	for i := range addrs {
		if len(p) < 2 {
			return who, nil, false
		}
		size := int(binary.LittleEndian.Uint16(p))
		if len(p) < 2+size {
			return who, nil, false
		}
		addrs[i], p = string(p[2:2+size]), p[2+size:]
	}
	return raft.Member{Ident: m.From, PeerAddr: addrs[0], ClientAddr: addrs[1]}, p, true
}

func encodeJoinAnswer(c raft.ClusterID, founds bool) []byte {
	p := encodeClusterID(c)
	if founds {
		return append(p, 1)
	}
	return append(p, 0)
}

func decodeJoinAnswer(p []byte) (c raft.ClusterID, founds, ok bool) {
	if len(p) != 10 || p[9] > 1 {
		return 0, false, false
	}
	c, err := decodeClusterID(p[:9])
	return c, p[9] == 1, err == nil
}
