package node

import (
	"encoding/binary"
	"errors"

	"parley/raft"
)

// The payloads of formation messages. All integers are little-endian; all begin
// with a version, so that a later release can say more.
//
//	FormAsk, FormAnswer     FormRecord                FormAccept     FormRefuse
//	0     version (1)       0     version (1)         0     version  0     version
//	1     number of seeds   1..8  cluster id          1..8  cluster  1     reason
//	2..   their ids, 8 each 9..   raft.Configuration                 2..9  cluster of the refuser, or 0
//	..    client address
const formVersion = 1

// The reasons in FormRefuse.
const (
	refusedFormedWithout = 1
	refusedSeedsDiffer   = 2
)

// seedsMax bounds the founding members.
const seedsMax = 64

var errForm = errors.New("not a formation message of version 1")

// hello is what FormAsk and FormAnswer say about their sender.
type hello struct {
	seeds      []raft.NodeID // rising
	clientAddr string
}

func (n *Node) hello() []byte {
	p := []byte{formVersion, byte(len(n.settings.Seeds))}
	for _, s := range n.settings.Seeds {
		p = binary.LittleEndian.AppendUint64(p, uint64(s.ID))
	}
	_, client := n.seedAddrs(n.self.ID)
	return append(p, client...)
}

func decodeHello(p []byte) (hello, error) {
	if len(p) < 2 || p[0] != formVersion || p[1] > seedsMax || len(p) < 2+8*int(p[1]) {
		return hello{}, errForm
	}
	var h hello
	count := int(p[1])
	for i := range count {
		h.seeds = append(h.seeds, raft.NodeID(binary.LittleEndian.Uint64(p[2+8*i:])))
	}
	h.clientAddr = string(p[2+8*count:])
	return h, nil
}

func (h *hello) sameSeeds(seeds []Seed) bool {
	if len(h.seeds) != len(seeds) {
		return false
	}
	for i := range seeds {
		if h.seeds[i] != seeds[i].ID {
			return false
		}
	}
	return true
}

// sameIDs reports whether exactly the seeds are members; both are ordered by id.
func sameIDs(members []raft.Member, seeds []Seed) bool {
	if len(members) != len(seeds) {
		return false
	}
	for i := range seeds {
		if members[i].ID != seeds[i].ID {
			return false
		}
	}
	return true
}

func encodeRecord(id *Identity) []byte {
	return raft.AppendConfiguration(encodeClusterID(id.Cluster), &id.Members)
}

func decodeRecord(p []byte) (raft.ClusterID, raft.Configuration, error) {
	if len(p) < 9 {
		return 0, raft.Configuration{}, errForm
	}
	cluster, err := decodeClusterID(p[:9])
	if err != nil {
		return 0, raft.Configuration{}, err
	}
	c, err := raft.DecodeConfiguration(p[9:])
	if err != nil || cluster == 0 || len(c.Members) == 0 {
		return 0, raft.Configuration{}, errForm
	}
	return cluster, c, nil
}

func encodeClusterID(c raft.ClusterID) []byte {
	return binary.LittleEndian.AppendUint64([]byte{formVersion}, uint64(c))
}

func decodeClusterID(p []byte) (raft.ClusterID, error) {
	if len(p) != 9 || p[0] != formVersion {
		return 0, errForm
	}
	return raft.ClusterID(binary.LittleEndian.Uint64(p[1:])), nil
}

func encodeRefuse(reason uint8, c raft.ClusterID) []byte {
	return binary.LittleEndian.AppendUint64([]byte{formVersion, reason}, uint64(c))
}

func decodeRefuse(p []byte) (uint8, raft.ClusterID, error) {
	if len(p) != 10 || p[0] != formVersion {
		return 0, 0, errForm
	}
	return p[1], raft.ClusterID(binary.LittleEndian.Uint64(p[2:])), nil
}
