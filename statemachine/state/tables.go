package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/tidwall/btree"

	"parley/raft/node"
)

// Table names a table. The numbers are hashed and snapshotted; they never change.
type Table uint8

// The tables, with key -> value. Numbers in keys are as Key makes them.
const (
	TableMarks         Table = 0 // mark name -> position, or what the mark says
	TableChannels      Table = 1 // channel name -> number: what anonymous messages go by
	TableMessages      Table = 2 // channel number, position -> anonymous message
	TableEvents        Table = 3 // position -> events
	TableLocks         Table = 4 // name -> lock
	TableLockDeadlines Table = 5 // deadline, name -> nothing
	TableLockHolders   Table = 6 // holder, name -> nothing

	TableUsers          Table = 7  // user -> User
	TableUserNames      Table = 8  // folded name -> user
	TableEmails         Table = 9  // folded email -> user
	TableCredentials    Table = 10 // user -> Credential
	TableLogins         Table = 11 // login -> Login
	TableUserLogins     Table = 12 // user, login -> nothing
	TableLoginDeadlines Table = 13 // deadline, login -> nothing
	TableKeys           Table = 14 // key id -> SigningKey
	TableInvites        Table = 15 // hash of the code -> Invite
	TablePlaces         Table = 16 // place -> Place
	TablePlaceNames     Table = 17 // folded channel name -> place
	TablePairs          Table = 18 // lower user, higher user -> place of their conversation
	TableMembers        Table = 19 // place, user -> Member
	TableUserPlaces     Table = 20 // user, place -> nothing
	TablePosts          Table = 21 // place, position -> Post
	TableEdits          Table = 22 // place, position of the post, position of the edit -> Edit
	TableThreads        Table = 23 // place, position of the root, position of the reply -> nothing
	TableReactions      Table = 24 // place, position of the post -> Reactions; and, user -> which of them are his
	TableMentions       Table = 25 // user, position of the post -> place; user -> how many rows he has
	TableFiles          Table = 26 // file -> File
	TablePlaceFiles     Table = 27 // place, file -> nothing
	TableUsage          Table = 28 // user -> Usage
	TableEdges          Table = 29 // node, user -> nothing: who is connected where
	TablePresence       Table = 30 // user -> Presence
	TableAudit          Table = 31 // position, number -> AuditRecord
	TableDeadlines      Table = 32 // deadline, what, key -> nothing: invitations, secrets and keys that end
	TableBarred         Table = 33 // place, user -> nothing: he was removed and can't join by himself

	TableHolds         Table = 40 // name -> Hold
	TableHoldDeadlines Table = 41 // deadline, name -> nothing
	TableLoginHolds    Table = 42 // login, name -> nothing
	TableWaits         Table = 43 // name, zero byte, ticket -> Wait
	TableWaitDeadlines Table = 44 // deadline, ticket, name -> nothing
	TableLoginWaits    Table = 45 // login, ticket, name -> nothing
	TableDocuments     Table = 46 // document -> Document
	TableGrants        Table = 47 // document, kind of grantee, grantee -> Role
	TableRevisions     Table = 48 // document, version -> DocRevision
	TableDocUsage      Table = 49 // user -> Usage: of what he made
	TableExternal      Table = 56 // what was said of external backends; see external.go
	TableEventTimes    Table = 60 // log time -> position: how old events are, while they are to go with time
	tableCount               = 61
)

// Tables hold all replicated state as rows of bytes, ordered by key. A row's value is never changed once it is
// written, so clones share it.
//
// The hash is the sum, modulo 2^128, of SHA-256(table, key, value) cut to 128 bits, over all rows. A sum has no
// order, so that keeping it costs at most two row hashes a write, and two nodes that hold the same rows have the same
// hash however they came by them.
type Tables struct {
	rows    [tableCount]btree.Map[string, []byte]
	hash    node.Hash // of all rows but those that are owed
	hashes  hashes    // of rows that were replaced lately; what they owe the hash is state
	scratch []byte    // of Write; not state
	coder   Coder     // of writer; not state
	input   Coder     // of DecodeCommand; not state
}

// Write is the only way to change a row: value nil removes it. value belongs to the table from here on.
func (t *Tables) Write(id Table, key string, value []byte) {
	var was []byte
	var had bool
	if value == nil {
		was, had = t.rows[id].Delete(key)
	} else {
		was, had = t.rows[id].Set(key, value)
	}
	if had {
		t.forget(id, key, was)
	}
	switch {
	case value == nil:
	case had && len(value) > 0:
		t.hash = addHash(t.hash, t.hashes.owe(t, id, key, value))
	default:
		t.hash = addHash(t.hash, t.rowHash(id, key, value))
	}
}

// forget takes a row that is gone out of the hash.
func (t *Tables) forget(id Table, key string, was []byte) {
	sum, known := t.hashes.take(id, key, was)
	if !known {
		sum = t.rowHash(id, key, was)
	}
	t.hash = subHash(t.hash, sum)
}

// appendRow is Write for a table whose rows come by rising key: a new row, behind all others, is found a place for
// without a search.
func (t *Tables) appendRow(id Table, key string, value []byte) {
	was, had := t.rows[id].Load(key, value)
	if had {
		t.forget(id, key, was)
	}
	t.hash = addHash(t.hash, t.rowHash(id, key, value))
}

// removeFirst removes the row of the lowest key, and returns that key.
func (t *Tables) removeFirst(id Table) string {
	key, was, had := t.rows[id].PopMin()
	if had {
		t.forget(id, key, was)
	}
	return key
}

// Mark writes a row without a value: its key says all.
func (t *Tables) Mark(id Table, key string) { t.Write(id, key, []byte{}) }

// Remove removes a row.
func (t *Tables) Remove(id Table, key string) { t.Write(id, key, nil) }

// Put writes a value as a row.
func (t *Tables) Put(id Table, key string, v Coded) {
	c := t.writer()
	v.Code(c)
	t.keep(id, key, c)
}

// writer returns a coder to write one value with, in memory that is used again: what was written is to be kept, or
// copied, before the next one is asked for. Only commands may: queries read one state side by side.
func (t *Tables) writer() *Coder {
	t.coder = Coder{encode: true, bytes: t.coder.bytes[:0]}
	return &t.coder
}

// DecodeCommand reads a head and what follows it from all of src, for whoever applies it. It keeps nothing of src.
func (t *Tables) DecodeCommand(src []byte, h *Head, v Coded) error {
	t.input = Coder{bytes: src, share: sharedMax}
	h.Code(&t.input)
	v.Code(&t.input)
	malformed := t.input.bad || len(t.input.bytes) != 0
	t.input = Coder{}
	if malformed {
		return ErrMalformed
	}
	return nil
}

// Reply returns the reply to a command that was applied: AppendReply in memory of its own, since replies are kept.
func (t *Tables) Reply(answer Coded, refusal *Refusal) []byte {
	c := t.writer()
	c.reply(answer, refusal)
	return bytes.Clone(c.bytes)
}

// keep writes what a writer has as a row.
func (t *Tables) keep(id Table, key string, c *Coder) { t.Write(id, key, bytes.Clone(c.bytes)) }

// row returns a coder to read a row with, and whether there is one.
func (t *Tables) row(id Table, key string) (Coder, bool) {
	row, ok := t.rows[id].Get(key)
	return Coder{bytes: row, share: sharedMax}, ok
}

// Get returns a row's value, which is not to be changed.
func (t *Tables) Get(id Table, key string) ([]byte, bool) { return t.rows[id].Get(key) }

// Has says whether there is a row.
func (t *Tables) Has(id Table, key string) bool {
	_, ok := t.rows[id].Get(key)
	return ok
}

// Read decodes a row into v and says whether there is one.
func (t *Tables) Read(id Table, key string, v Coded) bool {
	row, ok := t.rows[id].Get(key)
	if !ok {
		return false
	}
	c := Coder{bytes: row, share: sharedMax} // written by this code: a malformed one shows as zeros, the same on every node
	v.Code(&c)
	return true
}

// Len returns the number of rows.
func (t *Tables) Len(id Table) int { return t.rows[id].Len() }

// First returns the row of the lowest key.
func (t *Tables) First(id Table) (key string, value []byte, ok bool) { return t.rows[id].Min() }

// Last returns the row of the highest key.
func (t *Tables) Last(id Table) (key string, value []byte, ok bool) { return t.rows[id].Max() }

// Ascend visits the rows from a key on, by rising key, until visit returns false.
func (t *Tables) Ascend(id Table, from string, visit func(key string, value []byte) bool) {
	t.rows[id].Ascend(from, visit)
}

// Descend visits the rows from a key on, by falling key, until visit returns false.
func (t *Tables) Descend(id Table, from string, visit func(key string, value []byte) bool) {
	t.rows[id].Descend(from, visit)
}

// Within visits the rows whose keys begin with prefix, by rising key, until visit returns false.
func (t *Tables) Within(id Table, prefix string, visit func(key string, value []byte) bool) {
	t.rows[id].Ascend(prefix, func(key string, value []byte) bool {
		return len(key) >= len(prefix) && key[:len(prefix)] == prefix && visit(key, value)
	})
}

// Hash returns the hash of all rows.
func (t *Tables) Hash() node.Hash {
	if t.hashes.owed != [len(t.hashes.owed)]uint64{} { // else nothing is written, and many may ask a clone
		t.hash = addHash(t.hash, t.hashes.settle(t))
	}
	return t.hash
}

// Recompute adds up the hash from the rows alone. It must equal the hash that Write kept; tests and whoever loads
// rows from outside compare the two.
func (t *Tables) Recompute() node.Hash {
	var sum node.Hash
	var row []byte
	for i := range t.rows {
		t.rows[i].Scan(func(key string, value []byte) bool {
			row = rowBytes(row[:0], Table(i), key, value)
			sum = addHash(sum, hashOf(row))
			return true
		})
	}
	return sum
}

// Clone copies on write: both sides go on independently and share what neither has changed.
func (t *Tables) Clone() Tables {
	c := Tables{hash: t.Hash()}
	for i := range t.rows {
		c.rows[i] = *t.rows[i].Copy()
	}
	return c
}

// AppendState appends all rows in the order of tables and keys.
func (t *Tables) AppendState(dst []byte) []byte {
	for i := range t.rows {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(t.rows[i].Len()))
		t.rows[i].Scan(func(key string, value []byte) bool {
			dst = appendString(dst, key)
			dst = appendString(dst, string(value))
			return true
		})
	}
	return dst
}

func (t *Tables) rowHash(id Table, key string, value []byte) node.Hash {
	t.scratch = rowBytes(t.scratch[:0], id, key, value)
	return hashOf(t.scratch)
}

// rowBytes appends what is hashed of a row. The key's length keeps (key, value) pairs apart that would read the
// same when joined.
//
//	u8 table | u32 key length | key | value
func rowBytes(dst []byte, id Table, key string, value []byte) []byte {
	dst = append(dst, byte(id))
	dst = appendString(dst, key)
	return append(dst, value...)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
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
