package state

import (
	"math/bits"

	"parley/raft/node"
)

// hashes are of rows that were written in the place of others: what was replaced once, a place that counts its messages,
// say, is soon replaced again. The hash of such a row is owed: it is computed when somebody asks for the hash of all
// rows, or when another row needs its place here, and never if the row is replaced before that. Then it is remembered,
// since it has to go when the row goes. A row is known by where its value lies, which nobody changes and which lies
// nowhere else as long as it is kept here.
type hashes struct {
	rows []rowHash              // at slotOf its key
	owed [hashesMax / 64]uint64 // a bit for each row that the hash of all rows lacks
}

type rowHash struct {
	table Table
	key   string
	value []byte    // nil: no row is here
	hash  node.Hash // unless it is owed
}

// hashesMax is how many rows there are, each in the one place that its key gives it: some 16 KiB, and three rows for
// each of the senders of a busy moment.
const hashesMax = 256

// owes says whether the row in a slot does.
func (h *hashes) owes(slot uint32) bool { return h.owed[slot/64]>>(slot%64)&1 == 1 }

// take forgets a row that is gone, and returns what the hash of all rows has of it, if that is known.
func (h *hashes) take(id Table, key string, value []byte) (sum node.Hash, known bool) {
	if len(h.rows) == 0 || len(value) == 0 {
		return sum, false
	}
	slot := slotOf(id, key)
	e := &h.rows[slot]
	if e.table != id || e.key != key || len(e.value) != len(value) || &e.value[0] != &value[0] {
		return sum, false
	}
	if !h.owes(slot) {
		sum = e.hash
	}
	e.value = nil
	h.owed[slot/64] &^= 1 << (slot % 64)
	return sum, true
}

// owe takes a row in, whose hash is owed from here on. It returns the hash of the row that has to make room for it, if
// that was owed.
func (h *hashes) owe(t *Tables, id Table, key string, value []byte) (sum node.Hash) {
	if len(h.rows) == 0 {
		h.rows = make([]rowHash, hashesMax)
	}
	slot := slotOf(id, key)
	e := &h.rows[slot]
	if h.owes(slot) {
		sum = t.rowHash(e.table, e.key, e.value)
	}
	*e = rowHash{table: id, key: key, value: value}
	h.owed[slot/64] |= 1 << (slot % 64)
	return sum
}

// settle returns all that is owed, which is nothing from here on.
func (h *hashes) settle(t *Tables) (sum node.Hash) {
	for i, owed := range h.owed {
		for ; owed != 0; owed &= owed - 1 {
			e := &h.rows[64*i+bits.TrailingZeros64(owed)]
			e.hash = t.rowHash(e.table, e.key, e.value)
			sum = addHash(sum, e.hash)
		}
	}
	h.owed = [len(h.owed)]uint64{}
	return sum
}

// slotOf is FNV-1a.
func slotOf(id Table, key string) uint32 {
	slot := uint32(2166136261) ^ uint32(id)
	for i := range len(key) {
		slot = (slot ^ uint32(key[i])) * 16777619
	}
	return (slot ^ slot>>16) % hashesMax
}
