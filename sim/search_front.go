package sim

// front is where a search will go on: states, packed as the numbers of their parts, in the order in which they were met. A
// state takes ten to twenty words, and what was taken out takes none.
type front struct {
	blocks [][]uint32
	at     int // in the first block
}

const frontBlock = 1 << 20

// put packs a state with its number.
func (f *front) put(s *searchState, number uint32) {
	size := searchNodes + 5 + len(s.flight)
	last := len(f.blocks) - 1
	if last == 0 && f.at == len(f.blocks[0]) {
		f.blocks[0], f.at = f.blocks[0][:0], 0
	}
	if last < 0 || cap(f.blocks[last])-len(f.blocks[last]) < size {
		f.blocks = append(f.blocks, make([]uint32, 0, frontBlock))
		last++
	}
	b := f.blocks[last]
	for _, n := range s.nodes {
		b = append(b, n.number)
	}
	b = append(b, number, s.past.number, packAllowed(s.left[:4]), packAllowed(s.left[4:]), uint32(len(s.flight)))
	for _, p := range s.flight {
		b = append(b, p.number)
	}
	f.blocks[last] = b
}

// take unpacks the oldest state; nil if there is none.
func (f *front) take(p *searchParts) (*searchState, uint32) {
	if len(f.blocks) > 0 && f.at == len(f.blocks[0]) {
		f.at = 0
		if len(f.blocks) == 1 {
			f.blocks[0] = f.blocks[0][:0]
			return nil, 0
		}
		f.blocks[0] = nil
		f.blocks = f.blocks[1:]
	}
	if len(f.blocks) == 0 {
		return nil, 0
	}
	s, b := &searchState{}, f.blocks[0][f.at:]
	for i := range s.nodes {
		s.nodes[i] = p.nodes[b[i]]
	}
	b = b[searchNodes:]
	number := b[0]
	s.past = p.pasts[b[1]]
	for i := range s.left {
		s.left[i] = uint8(b[2+i/4] >> (8 * (i % 4)))
	}
	s.flight = make([]*parcel, b[4])
	for i := range s.flight {
		s.flight[i] = p.parcels[b[5+i]]
	}
	f.at += searchNodes + 5 + len(s.flight)
	return s, number
}

func packAllowed(four []uint8) uint32 {
	return uint32(four[0]) | uint32(four[1])<<8 | uint32(four[2])<<16 | uint32(four[3])<<24
}
