package state

import "parley/raft/node"

// hashes remembers the hashes of rows that were written in the place of others: what was replaced once, a place that counts
// its messages, say, is soon replaced again, and its hash, which has to go then, need not be computed a second
// time. A row is known by where its value lies, which nobody changes and which lies nowhere else as long as it is kept here.
type hashes []rowHash

type rowHash struct {
	table Table
	key   string
	value []byte
	hash  node.Hash
}

// hashesMax is how many are remembered, each in the one place that its key gives it: some 16 KiB, and three rows for
// each of the senders of a busy moment.
const hashesMax = 256

// of returns the hash of a row, if it is remembered.
func (h hashes) of(id Table, key string, value []byte) (sum node.Hash, known bool) {
	if len(h) == 0 || len(value) == 0 {
		return sum, false
	}
	e := &h[slotOf(id, key)]
	if e.table != id || e.key != key || len(e.value) != len(value) || &e.value[0] != &value[0] {
		return sum, false
	}
	return e.hash, true
}

// keep remembers a row's hash.
func (h *hashes) keep(id Table, key string, value []byte, sum node.Hash) {
	if len(*h) == 0 {
		*h = make(hashes, hashesMax)
	}
	(*h)[slotOf(id, key)] = rowHash{id, key, value, sum}
}

// slotOf is FNV-1a.
func slotOf(id Table, key string) uint32 {
	slot := uint32(2166136261) ^ uint32(id)
	for i := range len(key) {
		slot = (slot ^ uint32(key[i])) * 16777619
	}
	return (slot ^ slot>>16) % hashesMax
}
