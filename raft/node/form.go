package node

import (
	"errors"
	"fmt"
	"slices"

	"parley/raft"
)

// Formation makes one cluster out of empty directories, or none. The founding
// member with the lowest id is the former; nobody else makes a record.
//
//	former                                  member
//	  ── FormAsk ───────────────────────────>  who are you?
//	  <─────────────────────── FormAnswer ──   id, incarnation, client address
//	  (all met) record: cluster id, members
//	  record to the own disk
//	  ── FormRecord ────────────────────────>
//	                                           record to the disk, at most one ever
//	  <─────────────────────── FormAccept ──
//	  (all accepted) campaign; the first leader's first entry is entry 1
//
// Whatever is not answered is repeated on a timer. Every step can be repeated after a
// crash, because each durable state says what comes next: no record, ask again;
// a record and an empty log, collect the accepts again; an entry, the cluster is
// formed. The former writes its record before anybody sees it and makes no
// second one, so that two records never meet. A member whose directory is lost before
// entry 1 leaves a record that nobody can complete: then all directories are
// deleted and it starts again.
//
// Members without a record ask too. That is how an emptied directory of a
// formed cluster hears that there is no way back in for it: answering as the
// lost directory would break what that one promised.
type forming struct {
	retryAt  raft.Mono
	met      []raft.Member // former without a record: who answered, by rising id
	storing  *Identity     // handed to the driver and not yet reported as stored
	open     bool          // former with a record and an empty log
	accepted []raft.Ident  // members that accepted the record
}

// The reasons why a founding member cannot be one.
var (
	// ErrFormedWithout: the cluster exists and this directory is not in it.
	ErrFormedWithout = errors.New("formed without this directory: remove and add it (parley cluster remove, node start --join, parley cluster add; the other nodes go on while a majority of them runs)")
	// ErrSeedsDiffer: two nodes were told different founding members.
	ErrSeedsDiffer = errors.New("the nodes were given different founding members: start them with the same list")
)

// formerOf returns the member with the lowest id.
func formerOf(c *raft.Configuration) raft.Ident { return c.Members[0].Ident }

// isFormer reports whether this node makes the record.
func (n *Node) isFormer() bool {
	return len(n.settings.Seeds) > 0 && n.settings.Seeds[0].ID == n.self.ID
}

// tickForm repeats what was not answered, until there is an entry in the log.
func (n *Node) tickForm() {
	f := &n.form
	if n.stopping != nil || f.storing != nil || n.raft != nil && !f.open || n.raft == nil && len(n.settings.Seeds) == 0 {
		return
	}
	if n.raft == nil && n.isFormer() && len(f.met) == len(n.settings.Seeds)-1 {
		n.makeRecord()
		return
	}
	if n.now >= f.retryAt {
		f.retryAt = n.now.Add(formRetry)
		if n.raft == nil {
			n.askAll()
		} else {
			n.sendRecords()
		}
	}
	n.wake(f.retryAt)
}

func (n *Node) askAll() {
	for _, s := range n.settings.Seeds {
		if s.ID != n.self.ID {
			n.sendForm(raft.MsgFormAsk, raft.Ident{ID: s.ID}, n.hello())
		}
	}
}

// makeRecord fixes the founding members: those that were met, under a fresh
// cluster id.
func (n *Node) makeRecord() {
	own := raft.Member{Ident: n.self, Voter: true}
	own.PeerAddr, own.ClientAddr = n.seedAddrs(n.self.ID)
	members := append([]raft.Member{own}, n.form.met...)
	slices.SortFunc(members, func(a, b raft.Member) int { return a.Ident.Compare(b.Ident) })
	n.storeIdentity(Identity{Self: n.self, Cluster: n.settings.Cluster, Members: raft.Configuration{Members: members}})
}

// storeIdentity hands the record to the disk. Until it is stored nothing else
// happens in formation.
func (n *Node) storeIdentity(id Identity) {
	n.form.storing = &id
	n.out.Identity = n.form.storing
}

// identityStored: the record is durable. Now a member may say so, and the
// former may show it.
func (n *Node) identityStored() {
	f := &n.form
	if f.storing == nil {
		broken("an identity is stored that nobody asked for")
	}
	n.identity, f.storing, f.met = *f.storing, nil, nil
	n.note(raft.Note{Kind: raft.NoteFormed, A: uint64(n.identity.Cluster)})
	n.join(Boot{Identity: n.identity})
	former := formerOf(&n.identity.Members)
	if !n.identity.Members.Has(n.self) {
		n.sendForm(raft.MsgJoinAccept, n.joining.host, encodeClusterID(n.identity.Cluster))
		return
	}
	if former != n.self {
		n.sendForm(raft.MsgFormAccept, former, encodeClusterID(n.identity.Cluster))
		return
	}
	f.retryAt = n.now
	n.accept(n.self)
}

// sendRecords shows the record to every member that has not accepted it.
func (n *Node) sendRecords() {
	record := encodeRecord(&n.identity)
	for _, m := range n.identity.Members.Members {
		if !slices.Contains(n.form.accepted, m.Ident) && m.Ident != n.self {
			n.sendForm(raft.MsgFormRecord, m.Ident, record)
		}
	}
	n.accept(n.self) // restarted: the own accept is on disk
}

// accept counts one accept; with all of them the former campaigns, and raft
// repeats the campaign by itself until somebody leads.
func (n *Node) accept(who raft.Ident) {
	f := &n.form
	if slices.Contains(f.accepted, who) || !n.identity.Members.Has(who) {
		return
	}
	f.accepted = append(f.accepted, who)
	if len(f.accepted) == len(n.identity.Members.Members) {
		f.open = false
		n.in = append(n.in, raft.Input{Kind: raft.InputCampaign})
	}
}

// formMessage handles what nodes without a common cluster say. It is addressed
// to an id, since who asks does not know the incarnation yet.
func (n *Node) formMessage(m *raft.Message) {
	switch {
	case m.Cluster != 0:
		n.drop(m, droppedCluster)
		return
	case m.To.ID != n.self.ID || m.To.Inc != 0 && m.To.Inc != n.self.Inc:
		n.drop(m, droppedReceiver)
		return
	}
	ok := false
	switch m.Kind {
	case raft.MsgFormAsk, raft.MsgFormAnswer:
		ok = n.formHello(m)
	case raft.MsgFormRecord:
		ok = n.formRecord(m)
	case raft.MsgFormAccept:
		ok = n.formAccept(m)
	case raft.MsgFormRefuse:
		ok = n.formRefuse(m)
	case raft.MsgJoinAsk, raft.MsgJoinAnswer, raft.MsgJoinRecord, raft.MsgJoinAccept:
		ok = n.joinMessage(m)
	}
	if !ok {
		n.drop(m, droppedGarbage)
	}
}

// formHello: somebody tells who it is, and perhaps asks the same.
func (n *Node) formHello(m *raft.Message) bool {
	h, err := decodeHello(m.Payload)
	if err != nil {
		return false
	}
	if n.identity.Cluster != 0 {
		if m.Kind == raft.MsgFormAsk && !n.knows(m.From) {
			n.refuseForm(m.From, refusedFormedWithout)
		}
		return true // a member gets the record from the former
	}
	if len(n.settings.Seeds) == 0 {
		return true // waits to be added
	}
	if !h.sameSeeds(n.settings.Seeds) {
		n.refuseForm(m.From, refusedSeedsDiffer)
		return true
	}
	if m.Kind == raft.MsgFormAsk {
		n.sendForm(raft.MsgFormAnswer, m.From, n.hello())
	}
	if n.isFormer() && n.form.storing == nil {
		n.meet(m.From, h)
	}
	return true
}

// knows reports whether who is in the formation record or in the configuration in
// force. It decides nothing but the answer to a node that believes that there
// is no cluster yet.
func (n *Node) knows(who raft.Ident) bool {
	if n.identity.Members.Has(who) {
		return true
	}
	if n.raft == nil {
		return false
	}
	c := n.raft.Config()
	return c.Has(who)
}

// meet remembers who answered. A directory that was made anew in the meantime
// takes the place of the lost one: nothing was promised yet.
func (n *Node) meet(who raft.Ident, h hello) {
	m := raft.Member{Ident: who, Voter: true, ClientAddr: h.clientAddr}
	m.PeerAddr, _ = n.seedAddrs(who.ID)
	i, found := slices.BinarySearchFunc(n.form.met, who.ID, func(m raft.Member, id raft.NodeID) int {
		return raft.Ident{ID: m.ID}.Compare(raft.Ident{ID: id})
	})
	if found {
		n.form.met[i] = m
		return
	}
	if slices.ContainsFunc(n.settings.Seeds, func(s Seed) bool { return s.ID == who.ID }) {
		n.form.met = slices.Insert(n.form.met, i, m)
	}
}

// formRecord: the former shows its record. A node accepts one in its life.
func (n *Node) formRecord(m *raft.Message) bool {
	cluster, members, err := decodeRecord(m.Payload)
	if err != nil || formerOf(&members) != m.From {
		return false
	}
	switch {
	case n.form.storing != nil:
		return true // the former repeats itself
	case n.identity.Cluster != 0:
		if n.identity.Cluster == cluster && slices.Equal(n.identity.Members.Members, members.Members) {
			n.sendForm(raft.MsgFormAccept, m.From, encodeClusterID(cluster))
		} else {
			n.refuseForm(m.From, refusedFormedWithout)
		}
		return true
	case !members.Has(n.self):
		return true // of a directory that this one replaced; its own question will be answered
	case !sameIDs(members.Members, n.settings.Seeds):
		n.refuseForm(m.From, refusedSeedsDiffer)
		return true
	}
	n.storeIdentity(Identity{Self: n.self, Cluster: cluster, Members: members})
	return true
}

func (n *Node) formAccept(m *raft.Message) bool {
	cluster, err := decodeClusterID(m.Payload)
	if err != nil {
		return false
	}
	if n.form.open && cluster == n.identity.Cluster {
		n.accept(m.From)
	}
	return true
}

// formRefuse: another node says why this one cannot found a cluster. It matters
// only to a node that has not founded one; it names this very directory, so
// that an old refusal of a lost directory does not count.
func (n *Node) formRefuse(m *raft.Message) bool {
	reason, cluster, err := decodeRefuse(m.Payload)
	if err != nil {
		return false
	}
	if m.To != n.self || n.form.storing != nil || n.identity.Cluster != 0 && !n.form.open {
		return true
	}
	switch reason {
	case refusedFormedWithout:
		n.stop(fmt.Errorf("node %d belongs to cluster %v, %w"+
			" (if that cluster never took a write, delete the directories of all its members and start again)",
			m.From.ID, cluster, ErrFormedWithout))
	case refusedSeedsDiffer:
		n.stop(fmt.Errorf("node %d refuses to form a cluster: %w", m.From.ID, ErrSeedsDiffer))
	}
	return true
}

func (n *Node) refuseForm(to raft.Ident, reason uint8) {
	n.sendForm(raft.MsgFormRefuse, to, encodeRefuse(reason, n.identity.Cluster))
}

func (n *Node) sendForm(kind raft.MessageKind, to raft.Ident, payload []byte) {
	n.out.Send = append(n.out.Send, raft.Message{Kind: kind, From: n.self, To: to, Payload: payload})
}

func (n *Node) seedAddrs(id raft.NodeID) (peer, client string) {
	for _, s := range n.settings.Seeds {
		if s.ID == id {
			return s.PeerAddr, s.ClientAddr
		}
	}
	return "", ""
}

// Waiting returns the founding members that formation waits for.
func (n *Node) waiting() []raft.NodeID {
	var ids []raft.NodeID
	switch {
	case n.raft == nil:
		for _, s := range n.settings.Seeds {
			met := slices.ContainsFunc(n.form.met, func(m raft.Member) bool { return m.ID == s.ID })
			if s.ID != n.self.ID && !met {
				ids = append(ids, s.ID)
			}
		}
	case n.form.open:
		for _, m := range n.identity.Members.Members {
			if !slices.Contains(n.form.accepted, m.Ident) {
				ids = append(ids, m.ID)
			}
		}
	}
	return ids
}
