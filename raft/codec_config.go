package raft

import (
	"fmt"
	"slices"
)

// A configuration as its entry, a base and the formation record carry it:
//
//	0  version 1
//	1  count 4, then per member:
//	   id 8, incarnation 8
//	   roles 1: bit 0 voter, bit 1 outgoing voter, bit 2 promote, bit 3 replaces
//	   peer address: length 2, bytes
//	   client address: length 2, bytes
//	   with bit 3 the id of the member that is replaced, 8
//
// Equal configurations have equal bytes, and no other bytes are accepted for them.
const configVersion = 1

// AppendConfiguration appends the encoded configuration to dst.
func AppendConfiguration(dst []byte, c *Configuration) []byte {
	dst = append(dst, configVersion)
	dst = le.AppendUint32(dst, uint32(len(c.Members)))
	for i := range c.Members {
		dst = appendMember(dst, &c.Members[i])
	}
	return dst
}

// memberLen is the shortest encoding of a member.
const memberLen = 16 + 1 + 2 + 2

func appendMember(dst []byte, m *Member) []byte {
	dst = appendIdent(dst, m.Ident)
	roles := byte(0)
	if m.Voter {
		roles |= 1
	}
	if m.VoterOld {
		roles |= 2
	}
	if m.Promote {
		roles |= 4
	}
	if m.Replaces != 0 {
		roles |= 8
	}
	dst = append(dst, roles)
	dst = appendString16(dst, m.PeerAddr)
	dst = appendString16(dst, m.ClientAddr)
	if m.Replaces != 0 {
		dst = le.AppendUint64(dst, uint64(m.Replaces))
	}
	return dst
}

// appendString16 appends a string with a 2-byte length, cut at 65,535 bytes.
func appendString16(dst []byte, s string) []byte {
	s = s[:min(len(s), 1<<16-1)]
	dst = le.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// DecodeConfiguration decodes exactly one configuration and checks that members
// are ordered by id without repetition. Its errors wrap ErrCodec.
func DecodeConfiguration(src []byte) (Configuration, error) {
	r := reader{src: src}
	if v := r.u8(); v != configVersion {
		return Configuration{}, fmt.Errorf("%w: configuration version %d", ErrCodec, v)
	}
	n := r.u32()
	if n > membersMax {
		return Configuration{}, fmt.Errorf("%w: configuration of %d members", ErrCodec, n)
	}
	var c Configuration
	c.Members = slices.Grow(c.Members, min(int(n), len(r.src)/memberLen))
	for range n {
		m := r.member()
		if k := len(c.Members); m.ID == 0 || k > 0 && c.Members[k-1].ID >= m.ID {
			return Configuration{}, fmt.Errorf("%w: configuration out of order at member %d", ErrCodec, m.ID)
		}
		c.Members = append(c.Members, m)
	}
	if r.bad || len(r.src) != 0 {
		return Configuration{}, fmt.Errorf("%w: configuration with %d bytes left over, short: %t", ErrCodec, len(r.src), r.bad)
	}
	return c, nil
}

// member decodes what appendMember made, and nothing else.
func (r *reader) member() Member {
	m := Member{Ident: Ident{NodeID(r.u64()), Incarnation(r.u64())}}
	roles := r.u8()
	r.bad = r.bad || roles > 15
	m.Voter, m.VoterOld, m.Promote = roles&1 != 0, roles&2 != 0, roles&4 != 0
	m.PeerAddr = string(r.bytes(int64(r.u16())))
	m.ClientAddr = string(r.bytes(int64(r.u16())))
	if roles&8 != 0 {
		m.Replaces = NodeID(r.u64())
		r.bad = r.bad || m.Replaces == 0 // one meaning, one encoding
	}
	return m
}
