package raft

import "fmt"

// A base as snapshots and joining nodes carry it:
//
//	 0  version 1
//	 1  entry: index 8, term 8
//	17  time 8
//	25  index of the configuration 8
//	33  length of the configuration 4, configuration (see AppendConfiguration)
//	 …  count of removals 4, then per removal: at 8, member as in a configuration
//
// Equal bases have equal bytes, and no other bytes are accepted for them.
const baseVersion = 1

// removalLen is the shortest encoding of a removal: what a count is checked against before
// anything is made room for.
const removalLen = 8 + memberLen

// AppendBase appends the encoded base to dst.
func AppendBase(dst []byte, b *Base) []byte {
	dst = append(dst, baseVersion)
	dst = le.AppendUint64(dst, uint64(b.Entry.Index))
	dst = le.AppendUint64(dst, uint64(b.Entry.Term))
	dst = le.AppendUint64(dst, uint64(b.Time))
	dst = le.AppendUint64(dst, uint64(b.ConfigIndex))
	at := len(dst)
	dst = AppendConfiguration(le.AppendUint32(dst, 0), &b.Config)
	le.PutUint32(dst[at:], uint32(len(dst)-at-4))
	dst = le.AppendUint32(dst, uint32(len(b.Removed)))
	for i := range b.Removed {
		dst = le.AppendUint64(dst, uint64(b.Removed[i].At))
		dst = appendMember(dst, &b.Removed[i].Member)
	}
	return dst
}

// DecodeBase decodes exactly one base. It takes memory in proportion to src, whatever the
// counts in it say.
func DecodeBase(src []byte) (Base, error) {
	r := reader{src: src}
	if v := r.u8(); v != baseVersion {
		return Base{}, fmt.Errorf("%w: base version %d", ErrCodec, v)
	}
	b := Base{
		Entry:       EntryID{Index: Index(r.u64()), Term: Term(r.u64())},
		Time:        LogTime(r.u64()),
		ConfigIndex: Index(r.u64()),
	}
	config := r.bytes(int64(r.u32()))
	n := r.u32()
	if r.bad || uint64(n)*removalLen > uint64(len(r.src)) {
		return Base{}, fmt.Errorf("%w: base of %d bytes with %d removals", ErrCodec, len(src), n)
	}
	var err error
	if b.Config, err = DecodeConfiguration(config); err != nil {
		return Base{}, err
	}
	for range n {
		gone := Removal{At: Index(r.u64()), Member: r.member()}
		if k := len(b.Removed); gone.Member.ID == 0 || gone.At == 0 || gone.At > b.Entry.Index || k > 0 && gone.At < b.Removed[k-1].At {
			return Base{}, fmt.Errorf("%w: base with a removal out of order at %d", ErrCodec, gone.At)
		}
		b.Removed = append(b.Removed, gone)
	}
	if r.bad || len(r.src) != 0 {
		return Base{}, fmt.Errorf("%w: base with %d bytes left over, short: %t", ErrCodec, len(r.src), r.bad)
	}
	if (b.Entry.Index == 0) != (b.Entry.Term == 0) || b.ConfigIndex > b.Entry.Index {
		return Base{}, fmt.Errorf("%w: base at entry %d of term %d with a configuration from %d", ErrCodec, b.Entry.Index, b.Entry.Term, b.ConfigIndex)
	}
	return b, nil
}
