package state

import (
	"encoding/binary"

	"parley/raft"
)

// Presence is whether somebody is there. The rows of TableEdges say at which nodes; this one counts them.
type Presence struct {
	Nodes uint64    // at which he has a stream; zero: he is offline
	Seen  raft.Wall // when he came online, or went
}

// Code passes the fields.
func (p *Presence) Code(c *Coder) {
	Number(c, &p.Nodes)
	Number(c, &p.Seen)
}

// Online says whether he is there.
func (p *Presence) Online() bool { return p.Nodes > 0 }

// markOnline counts the users who are online.
//
//	u64
const markOnline = "online"

// Presence returns whether a user is there; zero for who never was.
func (s *State) Presence(user UserID) Presence {
	var p Presence
	s.Read(TablePresence, Key(uint64(user)), &p)
	return p
}

// Online returns how many users are online.
func (s *State) Online() uint64 {
	row, ok := s.Get(TableMarks, markOnline)
	if !ok || len(row) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(row)
}

// Connected says whether a user has a stream at a node.
func (s *State) Connected(user UserID, node raft.NodeID) bool {
	return s.Has(TableEdges, Key(uint64(node), uint64(user)))
}

// ConnectedAt returns the users from one on who have a stream at a node, at most max, in the order of their ids.
func (s *State) ConnectedAt(node raft.NodeID, from UserID, max int) []UserID {
	var users []UserID
	s.Ascend(TableEdges, Key(uint64(node), uint64(from)), func(key string, _ []byte) bool {
		if KeyPart(key, 0) != uint64(node) || len(users) >= max {
			return false
		}
		users = append(users, UserID(KeyPart(key, 1)))
		return true
	})
	return users
}

// NodesConnected returns the nodes at which somebody has a stream. It costs a look a node.
func (s *State) NodesConnected() []raft.NodeID {
	var nodes []raft.NodeID
	for from := raft.NodeID(0); ; {
		found := false
		s.Ascend(TableEdges, Key(uint64(from)), func(key string, _ []byte) bool {
			nodes, found = append(nodes, raft.NodeID(KeyPart(key, 0))), true
			return false
		})
		if !found || nodes[len(nodes)-1] == ^raft.NodeID(0) {
			return nodes
		}
		from = nodes[len(nodes)-1] + 1
	}
}

// SetConnected writes down that a user has a stream at a node now, or none any more, which must be a change. It says
// whether he came online with it, or went.
func (s *State) SetConnected(user UserID, node raft.NodeID, online bool, wall raft.Wall) (turned bool) {
	p := s.Presence(user)
	key := Key(uint64(node), uint64(user))
	if online {
		s.Mark(TableEdges, key)
		turned = p.Nodes == 0
		p.Nodes++
	} else {
		s.Remove(TableEdges, key)
		turned = p.Nodes == 1
		p.Nodes--
	}
	if turned {
		p.Seen = wall
		count := s.Online() - 1
		if online {
			count += 2
		}
		s.Write(TableMarks, markOnline, binary.LittleEndian.AppendUint64(nil, count))
	}
	s.Put(TablePresence, Key(uint64(user)), &p)
	return turned
}
