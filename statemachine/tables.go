package statemachine

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/tidwall/btree"

	"parley/raft/node"
)

// table names a table. The numbers are hashed and snapshotted; they never change.
type table uint8

const (
	tableMarks         table = 0 // mark name -> position, or what the mark says
	tableChannels      table = 1 // channel name -> channel row
	tableMessages      table = 2 // channel number, position -> message row
	tableEvents        table = 3 // position -> event row
	tableLocks         table = 4 // name -> lock row
	tableLockDeadlines table = 5 // deadline, name -> nothing
	tableLockHolders   table = 6 // holder, name -> nothing
	tableCount               = 7
)

// tables hold all replicated state as rows of bytes, ordered by key. A row's
// value is never changed once it is written, so clones share it.
//
// The hash is the sum, modulo 2^128, of SHA-256(table, key, value) cut to 128
// bits, over all rows. A sum has no order, so that keeping it costs two row
// hashes a write, and two nodes that hold the same rows have the same hash
// however they came by them.
type tables struct {
	rows    [tableCount]btree.Map[string, []byte]
	hash    node.Hash
	scratch []byte // of write; not state
}

// write is the only way to change a row: value nil removes it. value belongs to
// the table from here on.
func (t *tables) write(id table, key string, value []byte) {
	var was []byte
	var had bool
	if value == nil {
		was, had = t.rows[id].Delete(key)
	} else {
		was, had = t.rows[id].Set(key, value)
	}
	if had {
		t.hash = subHash(t.hash, t.rowHash(id, key, was))
	}
	if value != nil {
		t.hash = addHash(t.hash, t.rowHash(id, key, value))
	}
}

func (t *tables) get(id table, key string) ([]byte, bool) { return t.rows[id].Get(key) }

func (t *tables) rowHash(id table, key string, value []byte) node.Hash {
	t.scratch = appendRow(t.scratch[:0], id, key, value)
	return hashOf(t.scratch)
}

// clone copies on write: both sides go on independently and share what neither
// has changed.
func (t *tables) clone() tables {
	c := tables{hash: t.hash}
	for i := range t.rows {
		c.rows[i] = *t.rows[i].Copy()
	}
	return c
}

// recompute adds up the hash from the rows alone. It must equal the hash that
// write kept; tests and whoever loads rows from outside compare the two.
func (t *tables) recompute() node.Hash {
	var sum node.Hash
	var row []byte
	for i := range t.rows {
		t.rows[i].Scan(func(key string, value []byte) bool {
			row = appendRow(row[:0], table(i), key, value)
			sum = addHash(sum, hashOf(row))
			return true
		})
	}
	return sum
}

// appendState appends all rows in the order of tables and keys.
func (t *tables) appendState(dst []byte) []byte {
	for i := range t.rows {
		dst = appendU64(dst, uint64(t.rows[i].Len()))
		t.rows[i].Scan(func(key string, value []byte) bool {
			dst = appendString(dst, key)
			dst = appendString(dst, string(value))
			return true
		})
	}
	return dst
}

// appendRow appends what is hashed of a row. The key's length keeps (key,
// value) pairs apart that would read the same when joined.
//
//	u8 table | u32 key length | key | value
func appendRow(dst []byte, id table, key string, value []byte) []byte {
	dst = append(dst, byte(id))
	dst = appendString(dst, key)
	return append(dst, value...)
}

func hashOf(row []byte) node.Hash {
	sum := sha256.Sum256(row)
	return node.Hash{binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:])}
}

// addHash adds modulo 2^128; element 0 is the low half.
func addHash(a, b node.Hash) node.Hash {
	lo, carry := bits.Add64(a[0], b[0], 0)
	hi, _ := bits.Add64(a[1], b[1], carry)
	return node.Hash{lo, hi}
}

func subHash(a, b node.Hash) node.Hash {
	lo, borrow := bits.Sub64(a[0], b[0], 0)
	hi, _ := bits.Sub64(a[1], b[1], borrow)
	return node.Hash{lo, hi}
}

// keyU64 appends a number to a key so that keys sort as numbers do.
func keyU64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }
