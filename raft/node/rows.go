package node

import (
	"slices"
	"strings"
)

// rows is an ordered table that copies on write, in leaves: a copy of it costs a pointer a leaf and
// is good for ever, and whichever side changes a row next pays for its leaf. It is what
// a blob.Table lives in, so that a snapshot is taken without stopping the node; see pages for the
// same of slots. The kept hash is the sum over all rows.
//
//	leaves ──► [k0 … k63] [k64 … k99] [k100 …]      every leaf but an only one has rows, all in order
type rows struct {
	leaves []*leaf
	used   int
	epoch  uint64 // leaves of an older one may be shared
	hash   Hash
}

// leafRows is how many rows a leaf has at most: copying one costs half a microsecond.
const leafRows = 64

type leaf struct {
	epoch uint64
	rows  []row
}

type row struct {
	key   string
	value []byte // never changed
}

// find returns the leaf that a key is in or belongs into, and the place in it.
func (r *rows) find(key string) (at, i int, ok bool) {
	at, ok = slices.BinarySearchFunc(r.leaves, key, func(l *leaf, key string) int { return strings.Compare(l.rows[0].key, key) })
	if !ok && at > 0 {
		at--
	}
	if at == len(r.leaves) {
		return at, 0, false
	}
	i, ok = slices.BinarySearchFunc(r.leaves[at].rows, key, func(x row, key string) int { return strings.Compare(x.key, key) })
	return at, i, ok
}

// Get returns the value of a row.
func (r *rows) Get(key string) ([]byte, bool) {
	at, i, ok := r.find(key)
	if !ok {
		return nil, false
	}
	return r.leaves[at].rows[i].value, true
}

// Set writes a row, or removes it if value is nil.
func (r *rows) Set(key string, value []byte) {
	at, i, ok := r.find(key)
	if ok {
		r.hash.sub(r.leaves[at].rows[i].hash())
	}
	if value != nil {
		r.hash.add((&row{key, value}).hash())
	}
	switch {
	case !ok && value == nil:
	case value == nil:
		r.remove(at, i)
	case ok:
		r.own(at).rows[i].value = value
	default:
		r.insert(at, i, row{key, value})
	}
}

func (r *rows) insert(at, i int, x row) {
	r.used++
	if len(r.leaves) == 0 {
		r.leaves = append(r.leaves, &leaf{epoch: r.epoch})
	}
	l := r.own(at)
	l.rows = slices.Insert(l.rows, i, x)
	if n := len(l.rows); n > leafRows {
		half := &leaf{epoch: r.epoch, rows: slices.Clone(l.rows[n/2:])}
		clear(l.rows[n/2:])
		l.rows = l.rows[:n/2]
		r.leaves = slices.Insert(r.leaves, at+1, half)
	}
}

// remove takes a row out, and a leaf with its last row. Leaves that got small stay: rows
// come and go in the order of time, so that a leaf mostly empties as a whole.
func (r *rows) remove(at, i int) {
	r.used--
	l := r.own(at)
	if l.rows = slices.Delete(l.rows, i, i+1); len(l.rows) == 0 {
		r.leaves = slices.Delete(r.leaves, at, at+1)
	}
}

// own returns a leaf to be changed.
func (r *rows) own(at int) *leaf {
	l := r.leaves[at]
	if l.epoch != r.epoch {
		l = &leaf{epoch: r.epoch, rows: append(make([]row, 0, leafRows+1), l.rows...)}
		r.leaves[at] = l
	}
	return l
}

// Ascend goes through the rows from a key on. They must not be changed meanwhile.
func (r *rows) Ascend(from string, yield func(key string, value []byte) bool) {
	at, i, _ := r.find(from)
	for ; at < len(r.leaves); at, i = at+1, 0 {
		for _, x := range r.leaves[at].rows[i:] {
			if !yield(x.key, x.value) {
				return
			}
		}
	}
}

// clone returns an independent copy. Both sides share all leaves from here on.
func (r *rows) clone() *rows {
	r.epoch++
	c := *r
	c.leaves = slices.Clone(r.leaves)
	return &c
}

func (x *row) hash() Hash { return newHasher(tableBlobs).string(x.key).bytes(x.value).sum() }

// rehash computes the hash from the rows. It must equal the kept sum.
func (r *rows) rehash() Hash {
	var h Hash
	for _, l := range r.leaves {
		for i := range l.rows {
			h.add(l.rows[i].hash())
		}
	}
	return h
}
