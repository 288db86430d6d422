package blob

import (
	"encoding/binary"
	"time"

	"parley/raft"
)

// Rows is replicated state that a Table is kept in: a table of the state machine's own, ordered
// by key, so that its hash, its snapshots and its clones cover the blobs without another
// line, and a file's row and its blob's count change in one place. Values are never changed
// once they are set; value nil removes a row.
type Rows interface {
	Get(key string) (value []byte, ok bool)
	Set(key string, value []byte)
	// Ascend calls yield with the rows from a key on, in order, until it returns false.
	Ascend(from string, yield func(key string, value []byte) bool)
}

// Rules bound what a table keeps. They are part of what the log means: every node of a cluster must
// have the same. Zero fields take the defaults.
type Rules struct {
	// BlobBytesMax bounds one blob; see Options.
	BlobBytesMax int64
	// BlobsMax bounds the blobs that are named or pinned: 4 million at 64 KiB are 256 GiB, and cost
	// a replicator a gigabyte (see Options).
	BlobsMax uint64
	// PinsMax bounds the pins of one principal: a thousand uploads a day that came to nothing.
	PinsMax uint64
	// PinFor is for how much log time a confirmed upload waits to be named.
	PinFor time.Duration
}

func (r Rules) withDefaults() Rules {
	if r.BlobBytesMax == 0 {
		r.BlobBytesMax = 64 << 20
	}
	if r.BlobsMax == 0 {
		r.BlobsMax = 1 << 22
	}
	if r.PinsMax == 0 {
		r.PinsMax = 1 << 10
	}
	if r.PinFor == 0 {
		r.PinFor = 24 * time.Hour
	}
	return r
}

const (
	// principalBytesMax bounds a principal's name, which is in keys.
	principalBytesMax = 256
	// expiriesMax bounds the pins that one entry drops, so that Apply stays short. A pin past
	// its deadline does not hold even before its turn.
	expiriesMax = 256
)

// Code says why an entry changed nothing.
type Code uint8

// The codes. Their numbers are in replies; they never change.
const (
	CodeNone      Code = 0
	CodeStale     Code = 1 // the confirmation is too old: confirm again
	CodeChanged   Code = 2 // the membership changed since: confirm again
	CodeTooLarge  Code = 3 // the blob, or the principal's name
	CodeConflict  Code = 4 // the sum is known with another size
	CodeFull      Code = 5 // too many blobs, or too many pins of this principal
	CodeUnknown   Code = 6 // neither named nor pinned
	CodeNotPinned Code = 7 // not pinned by this principal
)

// String says the code in a few words.
func (c Code) String() string {
	switch c {
	case CodeNone:
		return "done"
	case CodeStale:
		return "the upload was confirmed too long ago"
	case CodeChanged:
		return "the membership changed since the upload was confirmed"
	case CodeTooLarge:
		return "too large"
	case CodeConflict:
		return "another size is known for this content"
	case CodeFull:
		return "too many files are stored or wait to be used"
	case CodeUnknown:
		return "no such file content is stored"
	case CodeNotPinned:
		return "the content was not uploaded by this user, or too long ago"
	}
	return "refused"
}

// Table says which blobs are wanted: those that something replicated names, and those that a
// confirmation pinned a while ago. It is changed by Apply alone. Its rows, all numbers
// little-endian but in keys, where they are big-endian:
//
//	key                                     value
//	'b' sum                                 size 8, names 8, pins 8
//	'd' log time 8, sum, principal          1
//	'n'                                     blobs 8
//	'p' sum, principal                      log time 8: pinned until and at that time
//	'q' principal                           pins 8
type Table struct {
	rows    Rows
	rules   Rules
	changes []Change

	next      raft.LogTime // what NextDeadline says, if nextKnown
	nextKnown bool
}

// Change tells the replicator that a blob came to be wanted, or no longer is.
type Change struct {
	Want   Want
	Wanted bool
}

// NewTable returns a table over rows, which may hold one already.
func NewTable(rows Rows, rules Rules) *Table { return &Table{rows: rows, rules: rules.withDefaults()} }

// Changes returns what changed since the last call.
func (t *Table) Changes() []Change {
	c := t.changes
	t.changes = nil
	return c
}

// Confirm pins a blob for a principal, if its confirmation still holds at an entry with this
// log time, at which the configuration of inForce is in force: a majority of it has the
// blob, and has not begun to forget it.
func (t *Table) Confirm(now raft.LogTime, inForce raft.Index, c Confirmation, principal string) Code {
	row, known := t.row(c.Sum)
	switch {
	case now > c.NotAfter:
		return CodeStale
	case c.Config != inForce:
		return CodeChanged
	case c.Size < 0 || c.Size > t.rules.BlobBytesMax || len(principal) > principalBytesMax:
		return CodeTooLarge
	case known && row.size != uint64(c.Size):
		return CodeConflict
	case !known && t.count("n") >= t.rules.BlobsMax:
		return CodeFull
	}
	pin, pins := pinKey(c.Sum, principal), "q"+principal
	until, pinned := t.pin(pin)
	if !pinned && t.count(pins) >= t.rules.PinsMax {
		return CodeFull
	}
	if pinned {
		t.setDeadline(deadlineKey(until, c.Sum, principal), nil)
	} else {
		row.pins++
		t.add(pins, 1)
	}
	row.size = uint64(c.Size)
	t.setRow(c.Sum, row, known)
	until = now.Add(t.rules.PinFor)
	t.rows.Set(pin, le.AppendUint64(nil, uint64(until)))
	t.setDeadline(deadlineKey(until, c.Sum, principal), due)
	return CodeNone
}

// Name counts one more name for a blob: a file, a message, whatever reads it later. by is the
// principal that must have pinned it, so that nobody gets at content by knowing its sum; the
// empty one stands for a caller that has checked that the content may be passed on.
func (t *Table) Name(now raft.LogTime, sum Sum, by string) Code {
	row, known := t.row(sum)
	if !known || row.names == 0 && !t.pinnedAt(now, sum) {
		return CodeUnknown
	}
	if by != "" {
		if until, ok := t.pin(pinKey(sum, by)); !ok || now > until {
			return CodeNotPinned
		}
	}
	row.names++
	t.setRow(sum, row, true)
	return CodeNone
}

// Unname takes one name back.
func (t *Table) Unname(sum Sum) Code {
	row, known := t.row(sum)
	if !known || row.names == 0 {
		return CodeUnknown
	}
	row.names--
	t.setRow(sum, row, true)
	return CodeNone
}

// Expire drops pins whose time has passed, some per entry, in the order of their deadlines.
func (t *Table) Expire(now raft.LogTime) {
	if first, ok := t.NextDeadline(); !ok || now < first {
		return
	}
	var past []string
	t.rows.Ascend("d", func(key string, _ []byte) bool {
		if key[0] != 'd' || len(past) == expiriesMax || deadlineOf(key) >= now {
			return false
		}
		past = append(past, key)
		return true
	})
	for _, key := range past {
		sum, principal := splitDeadline(key)
		t.setDeadline(key, nil)
		t.rows.Set(pinKey(sum, principal), nil)
		t.add("q"+principal, ^uint64(0))
		row, _ := t.row(sum)
		row.pins--
		t.setRow(sum, row, true)
	}
}

// NextDeadline is the log time at which the next pin is to be dropped.
func (t *Table) NextDeadline() (at raft.LogTime, ok bool) {
	if !t.nextKnown {
		t.next, t.nextKnown = t.firstDeadline(), true
	}
	return t.next, t.next != 0
}

// firstDeadline looks for it: zero if there is none.
func (t *Table) firstDeadline() (at raft.LogTime) {
	t.rows.Ascend("d", func(key string, _ []byte) bool {
		if key[0] == 'd' {
			at = deadlineOf(key) + 1
		}
		return false
	})
	return at
}

// due is the value of all rows of the deadlines: their keys say all.
var due = []byte{1}

// setDeadline writes or removes a row of the deadlines.
func (t *Table) setDeadline(key string, value []byte) {
	t.nextKnown = false
	t.rows.Set(key, value)
}

// Wants returns all that is wanted, by sum: what InputReset takes.
func (t *Table) Wants() []Want {
	var wants []Want
	t.rows.Ascend("b", func(key string, value []byte) bool {
		if key[0] != 'b' {
			return false
		}
		w := Want{Size: int64(le.Uint64(value))}
		copy(w.Sum[:], key[1:])
		wants = append(wants, w)
		return true
	})
	return wants
}

// Count returns how many blobs are wanted.
func (t *Table) Count() uint64 { return t.count("n") }

// Size returns the size of a blob that is wanted.
func (t *Table) Size(sum Sum) (size int64, ok bool) {
	row, ok := t.row(sum)
	return int64(row.size), ok
}

// blobRow is the value of a 'b' row.
type blobRow struct {
	size, names, pins uint64
}

func (t *Table) row(sum Sum) (blobRow, bool) {
	v, ok := t.rows.Get("b" + string(sum[:]))
	if !ok {
		return blobRow{}, false
	}
	return blobRow{le.Uint64(v), le.Uint64(v[8:]), le.Uint64(v[16:])}, true
}

// setRow writes a row, or removes it with the last name and pin, and notes what that
// means.
func (t *Table) setRow(sum Sum, row blobRow, known bool) {
	key, wanted := "b"+string(sum[:]), row.names+row.pins > 0
	if !wanted {
		t.rows.Set(key, nil)
		t.add("n", ^uint64(0))
	} else {
		v := le.AppendUint64(make([]byte, 0, 3*8), row.size)
		v = le.AppendUint64(v, row.names)
		t.rows.Set(key, le.AppendUint64(v, row.pins))
		if !known {
			t.add("n", 1)
		}
	}
	if wanted != known {
		t.changes = append(t.changes, Change{Want{sum, int64(row.size)}, wanted})
	}
}

// pin reads the row of a pin.
func (t *Table) pin(key string) (until raft.LogTime, ok bool) {
	v, ok := t.rows.Get(key)
	if !ok {
		return 0, false
	}
	return raft.LogTime(le.Uint64(v)), true
}

// pinnedAt says whether any pin of a blob holds at a time.
func (t *Table) pinnedAt(now raft.LogTime, sum Sum) (ok bool) {
	prefix := pinKey(sum, "")
	t.rows.Ascend(prefix, func(key string, value []byte) bool {
		if len(key) < len(prefix) || key[:len(prefix)] != prefix {
			return false
		}
		ok = now <= raft.LogTime(le.Uint64(value))
		return !ok
	})
	return ok
}

func (t *Table) count(key string) uint64 {
	v, ok := t.rows.Get(key)
	if !ok {
		return 0
	}
	return le.Uint64(v)
}

// add changes a count; zero has no row.
func (t *Table) add(key string, by uint64) {
	if n := t.count(key) + by; n == 0 {
		t.rows.Set(key, nil)
	} else {
		t.rows.Set(key, le.AppendUint64(nil, n))
	}
}

func pinKey(sum Sum, principal string) string { return "p" + string(sum[:]) + principal }

// deadlineKey sorts by time: log times are not negative.
func deadlineKey(until raft.LogTime, sum Sum, principal string) string {
	var k [1 + 8 + len(sum)]byte
	k[0] = 'd'
	binary.BigEndian.PutUint64(k[1:], uint64(until))
	copy(k[1+8:], sum[:])
	return string(k[:]) + principal
}

func deadlineOf(key string) raft.LogTime {
	return raft.LogTime(binary.BigEndian.Uint64([]byte(key[1:9])))
}

func splitDeadline(key string) (sum Sum, principal string) {
	copy(sum[:], key[9:])
	return sum, key[9+len(sum):]
}
