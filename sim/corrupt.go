package sim

import (
	"errors"

	"parley/raft"
)

// Bits turn on the way. A frame carries the same checksums in here as on a connection between
// two machines (raft.AppendFramed), and the fault stays within what they are sure to
// see: one to three bits anywhere in the frame, or one burst of up to 32. So the judge may be
// strict: the receiver refuses every one of them.

// wear turns bits of a frame with the odds that its way has, and reports whether it did. The judge looks at
// what the receiver makes of it.
func (w *World) wear(p *packet, y *way) bool {
	n := &w.net
	x := n.wear[p.from][p.to].next()
	if int64(below(x, 1000)) >= y.corrupt {
		return false
	}
	n.worn = append(n.worn[:0], p.bytes...)
	turnBits(n.worn, y.bits, raft.Mix(x, 1))
	w.cover.Corrupted++
	w.judgeWorn(p)
	return true
}

// judgeWorn speaks if a frame in which bits turned is taken for a sound one.
func (w *World) judgeWorn(p *packet) {
	var m raft.Message
	if openFrame(&m, w.net.worn) == nil {
		w.violate(Corruption, "Node %d takes a %s from node %d in which bits turned on the way.", p.to, m.Kind, p.from)
	}
}

// flipsMax is how many bits may turn anywhere in a frame so that its checksums are sure to see it.
const flipsMax = 3

// turnBits flips so many different bits, or with zero all bits of a pattern of up to 32 that
// begins and ends with one. The lowest bit of a byte comes first, as the checksum counts.
func turnBits(b []byte, count int64, x uint64) {
	size := uint64(8 * len(b))
	flip := func(i uint64) { b[i/8] ^= 1 << (i % 8) }
	if count == 0 {
		length := 2 + below(raft.Mix(x, 0), 31)
		first := below(raft.Mix(x, 1), size-length+1)
		pattern := raft.Mix(x, 2) | 1 | 1<<(length-1)
		for i := range length {
			if pattern>>i&1 != 0 {
				flip(first + i)
			}
		}
		return
	}
	var turned [flipsMax]uint64
	for i := range min(count, flipsMax) {
		// The place among those that are left: each turned one at or below it moves it up.
		at := below(raft.Mix(x, uint64(i)), size-uint64(i))
		for j := range i {
			if at >= turned[j] {
				at++
			}
		}
		k := i
		for ; k > 0 && turned[k-1] > at; k-- {
			turned[k] = turned[k-1]
		}
		turned[k] = at
		flip(at)
	}
}

// errBehind is bytes behind the one message of a frame.
var errBehind = errors.New("sim: bytes behind a frame")

// openFrame takes the one message out of a frame.
func openFrame(m *raft.Message, frame []byte) error {
	message, rest, err := raft.CutFramed(frame)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errBehind
	}
	return m.Decode(message)
}
