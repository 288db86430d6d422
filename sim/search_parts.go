package sim

import (
	"encoding/binary"

	"parley/raft"
)

// searchParts has one of each part that a state was ever made of. There are far fewer parts than states; so a state is
// a few numbers, and what a node does is worked out once (search_step.go).
type searchParts struct {
	searchSettings
	nodes   []*searchNode
	parcels []*parcel
	pasts   []*searchPast
	steps   int // that were worked out

	nodeOf   map[key]*searchNode
	parcelOf map[key]*parcel
	pastOf   map[string]*searchPast
	rest     [searchRenamings][searchNodes]*searchNode // where a search begins, under every renaming
}

func newSearchParts(how searchSettings) *searchParts {
	return &searchParts{searchSettings: how, nodeOf: map[key]*searchNode{}, parcelOf: map[key]*parcel{}, pastOf: map[string]*searchPast{}}
}

// node returns the one node that is like this one. It came about as origin says, if there is none yet.
func (p *searchParts) node(n *searchNode, from origin) *searchNode {
	n.key = n.encode(&p.searchSettings)
	known := p.nodeOf[n.key]
	if known == nil {
		n.quiet = n.now.Add(searchElectionTimeout - n.r.LeaderQuiet(n.now))
		n.steps, n.origin, n.images, n.lanes = map[packedCause][]step{}, from, [searchRenamings]*searchNode{}, firstLanes{}
		n.number, n.view = uint32(len(p.nodes)), n.face.view(n.at)
		p.nodes = append(p.nodes, n)
		p.nodeOf[n.key] = n
		known = n
	}
	return known
}

// parcel is a message under way.
type parcel struct {
	key      key
	m        *raft.Message
	from, to int8 // places of nodes
	number   uint32
	images   [searchRenamings]*parcel
	lanes    firstLanes
}

// link names the link that the message takes.
func (p *parcel) link() int8 { return p.from*searchNodes + p.to }

// parcel returns the one parcel with this message.
func (p *searchParts) parcel(m *raft.Message) *parcel {
	k := keyOf(raft.AppendMessage(nil, m))
	known := p.parcelOf[k]
	if known == nil {
		c := *m
		known = &parcel{key: k, m: &c, from: int8(m.From.ID) - 1, to: int8(m.To.ID) - 1, number: uint32(len(p.parcels))}
		p.parcels = append(p.parcels, known)
		p.parcelOf[k] = known
	}
	return known
}

// past returns the one past that is like this one.
func (p *searchParts) past(of *searchPast) *searchPast {
	k := string(of.encode(nil))
	known := p.pastOf[k]
	if known == nil {
		known = &searchPast{leaders: of.leaders, committed: of.committed, key: keyOf([]byte(k)), number: uint32(len(p.pasts))}
		p.pasts = append(p.pasts, known)
		p.pastOf[k] = known
	}
	return known
}

// remembered is what judges remember in a state that is still of use to them.
func (p *searchParts) remembered(s *searchState) *searchPast {
	if past := s.past.behind(s.oldestTerm()); past != s.past {
		return p.past(past)
	}
	return s.past
}

// fingerprint tells states apart by hashes. Two states that share one are taken for one (SearchResult.Odds).
type fingerprint struct {
	high uint64
	low  uint32
}

const fingerprintBits = 64 + 32

// lane is one of the two independent hashes that make a fingerprint.
func (k *key) lane(i int) uint64 { return binary.LittleEndian.Uint64(k[8*i:]) }

// firstLanes are the first lanes of a part under every renaming that a search asks for; zero where not yet worked out.
type firstLanes [searchRenamings]uint64

// fingerprint is the state's: every node, the messages under way, what judges remember, and these of the allowances.
// Of the states that differ in the names of nodes alone all have that of one (search_symmetry.go).
func (s *searchState) fingerprint(p *searchParts, left uint64) fingerprint {
	h := *p.lanesOfPast(s.past)
	for _, n := range s.nodes {
		for as, v := range p.lanesOfNode(n) {
			h[as] += v // what a node is tells its place
		}
	}
	for i := 0; i < len(s.flight); {
		var link firstLanes
		for at := s.flight[i].link(); i < len(s.flight) && s.flight[i].link() == at; i++ {
			for as, v := range p.lanesOfParcel(s.flight[i]) {
				link[as] = p.behind(link[as], v)
			}
		}
		for as, v := range link {
			h[as] += v
		}
	}
	least := 0
	for as := range p.names() {
		if h[as] < h[least] {
			least = as
		}
	}
	return fingerprint{raft.Mix(h[least], left), uint32(raft.Mix(s.secondLane(p, least), left))}
}

// behind folds a message into the hash of its link. Where links keep no order, the order makes no difference.
func (p *searchParts) behind(link, message uint64) uint64 {
	if p.ordered {
		return mix2(link, message)
	}
	return link + mix2(0, message)
}

// secondLane is the other hash of a state under a renaming, by the same rules.
func (s *searchState) secondLane(p *searchParts, as int) uint64 {
	h := p.imageOfPast(s.past, as).key.lane(1)
	for _, n := range s.nodes {
		h += p.image(n, as).key.lane(1)
	}
	for i := 0; i < len(s.flight); {
		var link uint64
		for at := s.flight[i].link(); i < len(s.flight) && s.flight[i].link() == at; i++ {
			link = p.behind(link, p.imageOfParcel(s.flight[i], as).key.lane(1))
		}
		h += link
	}
	return h
}

// names is how many renamings a search asks for.
func (p *searchParts) names() int {
	if p.exact {
		return 1
	}
	return searchRenamings
}

func (p *searchParts) lanesOfNode(n *searchNode) *firstLanes {
	if n.lanes[0] == 0 {
		for as := range p.names() {
			n.lanes[as] = p.image(n, as).key.lane(0)
		}
	}
	return &n.lanes
}

func (p *searchParts) lanesOfParcel(m *parcel) *firstLanes {
	if m.lanes[0] == 0 {
		for as := range p.names() {
			m.lanes[as] = p.imageOfParcel(m, as).key.lane(0)
		}
	}
	return &m.lanes
}

func (p *searchParts) lanesOfPast(s *searchPast) *firstLanes {
	if s.lanes[0] == 0 {
		for as := range p.names() {
			s.lanes[as] = p.imageOfPast(s, as).key.lane(0)
		}
	}
	return &s.lanes
}

// mix2 folds a value into a hash: a round of raft.Mix, without its loop.
func mix2(h, v uint64) uint64 {
	h = (h ^ v) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
