package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"parley/cmd/bench/load"
	"parley/raft"
	"parley/raft/node"
)

// table is the state machine that is measured: a map of keys to values and nothing
// else, so that the figures are those of the log and not of what is built on it.
//
//	put    key 8 bytes, value
//	get    key 8 bytes
//
// Like any state machine that a node can snapshot it copies on write: a clone shares all pages, and whichever
// side changes a value next copies its page, once. Pages hold values side by side, in slots as wide as the
// longest, since a benchmark's values have one length: the garbage collector has two objects to look at for 32
// values.
//
//	top ─► branch: 512 pages ─► page: 32 slots
type table struct {
	top   []*branch
	epoch uint64 // branches and pages of an older one may be shared
	keys  uint64
	plain bool // no state hash: what the peers' maps do
	hash  node.Hash
}

type branch struct {
	epoch uint64
	pages [branchPages]*page
}

type page struct {
	epoch uint64
	width int
	lens  [pageKeys]uint32 // of the value, and one more: zero is none
	slots []byte
}

const (
	keyLen      = load.KeyLen
	pageKeys    = 32
	branchPages = 512
	// keysMax bounds the keys: what lies beyond is no command of a benchmark.
	keysMax = 1 << 24
	// valueMax bounds a value, and with it what a page takes.
	valueMax = 1 << 20
)

func newTable(plain bool) *table { return &table{plain: plain} }

func (t *table) Apply(_ node.Applied, command []byte) []byte {
	if key, ok := keyOf(command); ok && len(command) <= keyLen+valueMax {
		t.put(key, command[keyLen:])
	}
	return nil
}

func (t *table) Query(query []byte) []byte {
	key, ok := keyOf(query)
	if !ok {
		return nil
	}
	return slices.Clone(t.get(key)) // the page may change, the reply may not
}

func keyOf(p []byte) (uint64, bool) {
	if len(p) < keyLen {
		return 0, false
	}
	key := binary.LittleEndian.Uint64(p)
	return key, key < keysMax
}

// get returns a value, to be read until the next put.
func (t *table) get(key uint64) []byte {
	b, p, slot := split(key)
	if b >= len(t.top) || t.top[b] == nil || t.top[b].pages[p] == nil {
		return nil
	}
	return t.top[b].pages[p].at(slot)
}

// put is the one place where the table changes.
func (t *table) put(key uint64, value []byte) {
	b, at, slot := split(key)
	for b >= len(t.top) {
		t.top = append(t.top, nil)
	}
	p := t.own(b, at, len(value))
	was := p.at(slot)
	if was == nil {
		t.keys++
	}
	if !t.plain {
		if was != nil {
			h := rowHash(key, was)
			t.hash[0], t.hash[1] = t.hash[0]-h[0], t.hash[1]-h[1]
		}
		h := rowHash(key, value)
		t.hash[0], t.hash[1] = t.hash[0]+h[0], t.hash[1]+h[1]
	}
	p.lens[slot] = uint32(len(value)) + 1
	copy(p.slots[slot*p.width:], value)
}

// own returns a page that may be changed, with slots of at least a width.
func (t *table) own(b, at, width int) *page {
	switch have := t.top[b]; {
	case have == nil:
		t.top[b] = &branch{epoch: t.epoch}
	case have.epoch != t.epoch:
		t.top[b] = &branch{t.epoch, have.pages}
	}
	slot := &t.top[b].pages[at]
	switch have := *slot; {
	case have == nil:
		*slot = &page{epoch: t.epoch, width: width, slots: make([]byte, pageKeys*width)}
	case have.width < width:
		wide := &page{epoch: t.epoch, width: width, lens: have.lens, slots: make([]byte, pageKeys*width)}
		for i := range pageKeys {
			copy(wide.slots[i*width:], have.at(i))
		}
		*slot = wide
	case have.epoch != t.epoch:
		*slot = &page{t.epoch, have.width, have.lens, slices.Clone(have.slots)}
	}
	return *slot
}

func split(key uint64) (branch, page, slot int) {
	return int(key / pageKeys / branchPages), int(key / pageKeys % branchPages), int(key % pageKeys)
}

// at returns the value in a slot; nil if there is none.
func (p *page) at(slot int) []byte {
	if p.lens[slot] == 0 {
		return nil
	}
	from := slot * p.width
	return p.slots[from : from+int(p.lens[slot]-1)]
}

func (t *table) EventsAfter(raft.Position, int) ([]node.EventFrame, bool) { return nil, false }

func (t *table) StateHash() node.Hash { return t.hash }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowHash is the hash of one pair: the state hash is their sum.
func rowHash(key uint64, value []byte) node.Hash {
	x := mix(key + 1)
	y := mix(x ^ uint64(len(value))<<32 ^ uint64(crc32.Checksum(value, castagnoli)))
	return node.Hash{x ^ y, mix(y)}
}

// mix is SplitMix64's finaliser.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Clone copies a pointer for every 16,384 keys.
func (t *table) Clone() node.StateMachine {
	t.epoch++
	c := *t
	c.top = slices.Clone(t.top)
	return &c
}

// WriteSnapshot writes the pairs by rising key: key 8 bytes, length 4, value.
func (t *table) WriteSnapshot(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var head [keyLen + 4]byte
	for b, branch := range t.top {
		if branch == nil {
			continue
		}
		for at, p := range branch.pages {
			for slot := range pageKeys {
				if p == nil || p.lens[slot] == 0 {
					continue
				}
				value := p.at(slot)
				binary.LittleEndian.PutUint64(head[:], uint64((b*branchPages+at)*pageKeys+slot))
				binary.LittleEndian.PutUint32(head[keyLen:], uint32(len(value)))
				_, _ = out.Write(head[:])
				if _, err := out.Write(value); err != nil { // a bufio.Writer repeats its first error
					return err
				}
			}
		}
	}
	return out.Flush()
}

var errTable = errors.New("malformed table")

// Restore reads what WriteSnapshot wrote.
func (t *table) Restore(r io.Reader) error {
	fresh := table{plain: t.plain}
	in := bufio.NewReaderSize(r, 1<<16)
	var head [keyLen + 4]byte
	var value []byte
	for last := int64(-1); ; {
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		key, n := binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint32(head[keyLen:])
		if key >= keysMax || int64(key) <= last || n > valueMax {
			return fmt.Errorf("%w: key %d with a value of %d bytes behind key %d", errTable, key, n, last)
		}
		last = int64(key)
		value = slices.Grow(value[:0], int(n))[:n]
		if _, err := io.ReadFull(in, value); err != nil {
			return err
		}
		fresh.put(key, value)
	}
	*t = fresh
	return nil
}
