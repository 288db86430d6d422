package document

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// A delta tells how to make a text of another one, the base, as a list of two kinds of steps:
//
//	uvarint length << 1      | that many bytes   they come next
//	uvarint length << 1 | 1  | uvarint offset    that many bytes of the base come next
//
// Its length bounds what it says, and who applies it says how much it may make: no bytes are dangerous.

// windowBytes is how many bytes must be alike for MakeDelta to look closer. Below some 16 a step costs as much as it saves.
const windowBytes = 32

// MakeDelta returns a delta that makes target of base. It is good, not best: what changed in a few places costs little more
// than the changes, in a time that grows with the texts and not with their product.
func MakeDelta(base, target []byte) []byte {
	head := commonPrefix(base, target)
	tail := commonSuffix(base[head:], target[head:])
	m := maker{base: base}
	m.copy(0, head)
	m.middle(target[head : len(target)-tail])
	m.copy(len(base)-tail, tail)
	m.flush()
	return m.out
}

// stride is how many bytes are compared at once, where much is alike.
const stride = 256

func commonPrefix(a, b []byte) int {
	n, i := min(len(a), len(b)), 0
	for i+stride <= n && bytes.Equal(a[i:i+stride], b[i:i+stride]) {
		i += stride
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

func commonSuffix(a, b []byte) int {
	n, i := min(len(a), len(b)), 0
	for i+stride <= n && bytes.Equal(a[len(a)-i-stride:len(a)-i], b[len(b)-i-stride:len(b)-i]) {
		i += stride
	}
	for i < n && a[len(a)-1-i] == b[len(b)-1-i] {
		i++
	}
	return i
}

// maker puts a delta together. A copy that goes on where the last one ended makes it longer.
type maker struct {
	base     []byte
	out      []byte
	new      []byte // that come next, and are not in out yet
	at, size int    // of the copy that is not in out yet
}

func (m *maker) copy(at, size int) {
	if size == 0 {
		return
	}
	if m.size > 0 && len(m.new) == 0 && m.at+m.size == at {
		m.size += size
		return
	}
	m.flush()
	m.at, m.size = at, size
}

// insert takes bytes that are to follow what was copied so far.
func (m *maker) insert(b []byte) {
	if len(b) > 0 {
		m.flush()
		m.new = b
	}
}

func (m *maker) flush() {
	if m.size > 0 {
		m.out = binary.AppendUvarint(m.out, uint64(m.size)<<1|1)
		m.out = binary.AppendUvarint(m.out, uint64(m.at))
	}
	if len(m.new) > 0 {
		m.out = binary.AppendUvarint(m.out, uint64(len(m.new))<<1)
		m.out = append(m.out, m.new...)
	}
	m.size, m.new = 0, nil
}

// middle finds in the base what the target has of it: windows of the base that lie side by side are remembered by a hash,
// and a window slides over the target. What is alike is stretched to both sides.
func (m *maker) middle(target []byte) {
	if len(target) < windowBytes { // no window fits in
		m.insert(target)
		return
	}
	seen := windowsOf(m.base)
	from, at := 0, 0 // all before from is told
	var hash uint64
	for fresh := true; at+windowBytes <= len(target); {
		if fresh {
			hash, fresh = hashOf(target[at:at+windowBytes]), false
		}
		where, there := seen.find(hash)
		if !there || !bytes.Equal(m.base[where:where+windowBytes], target[at:at+windowBytes]) {
			if at+windowBytes < len(target) {
				hash = slide(hash, target[at], target[at+windowBytes])
			}
			at++
			continue
		}
		back := commonSuffix(m.base[:where], target[from:at])
		size := back + windowBytes + commonPrefix(m.base[where+windowBytes:], target[at+windowBytes:])
		m.insert(target[from : at-back])
		m.copy(where-back, size)
		from, at, fresh = at-back+size, at-back+size, true
	}
	m.insert(target[from:])
}

// windows are where the windows of a base begin, by their hashes. Nearly every window that is looked for is none of them, as
// long as the texts have little in common: what a few bits tell of that costs a tenth of a look into the map.
type windows struct {
	at   map[uint64]int
	some []uint64 // a bit for each value of some bits of a hash: set if a window has it
	skip int      // how far a hash is shifted to get that value
}

// windowsOf remembers each window of a base that lie side by side, and of those alike the first.
func windowsOf(base []byte) *windows {
	n := len(base)/windowBytes + 1
	size := bits.Len(uint(n)) + 5 // of some fifty bits one is set
	w := &windows{at: make(map[uint64]int, n), some: make([]uint64, 1<<max(0, size-6)), skip: 64 - size}
	for at := 0; at+windowBytes <= len(base); at += windowBytes {
		h := hashOf(base[at : at+windowBytes])
		if _, there := w.at[h]; !there {
			w.at[h] = at
		}
		bit := h >> w.skip
		w.some[bit>>6] |= 1 << (bit & 63)
	}
	return w
}

// find returns where a window with that hash begins.
func (w *windows) find(h uint64) (at int, there bool) {
	bit := h >> w.skip
	if w.some[bit>>6]&(1<<(bit&63)) == 0 {
		return 0, false
	}
	at, there = w.at[h]
	return at, there
}

// The hash of a window is a polynomial of its bytes modulo 2^64, so that it slides.
const hashBase = 0x9e3779b97f4a7c15

// hashTop is hashBase to the power of windowBytes.
var hashTop = func() uint64 {
	p := uint64(1)
	for range windowBytes {
		p *= hashBase
	}
	return p
}()

func hashOf(window []byte) (h uint64) {
	for _, b := range window {
		h = h*hashBase + uint64(b) + 1
	}
	return h
}

func slide(h uint64, out, in byte) uint64 {
	return h*hashBase + uint64(in) + 1 - (uint64(out)+1)*hashTop
}

// applyDelta makes a text of a base, of at most so many bytes, in a buffer that may be nil. Any delta is safe; ok is
// false for one that makes no sense.
func applyDelta(buffer, base, delta []byte, most int) (text []byte, ok bool) {
	text = buffer[:0]
	for len(delta) > 0 {
		step, n := binary.Uvarint(delta)
		if n <= 0 {
			return nil, false
		}
		delta = delta[n:]
		length := step >> 1
		if length == 0 || length > uint64(most-len(text)) {
			return nil, false
		}
		if step&1 == 0 {
			if length > uint64(len(delta)) {
				return nil, false
			}
			text, delta = append(text, delta[:length]...), delta[length:]
			continue
		}
		at, n := binary.Uvarint(delta)
		if n <= 0 || at > uint64(len(base)) || length > uint64(len(base))-at {
			return nil, false
		}
		text, delta = append(text, base[at:at+length]...), delta[n:]
	}
	return text, true
}

// copyAll is the delta of a text that is its base.
func copyAll(size uint64) []byte {
	if size == 0 {
		return nil
	}
	return binary.AppendUvarint(binary.AppendUvarint(nil, size<<1|1), 0)
}
