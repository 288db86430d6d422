package etcdraft

import (
	"encoding/binary"
	"errors"
	"slices"
)

// table is the state machine: a map.
type table map[uint64][]byte

const keyLen = 8

// apply puts a value. It copies, so that the map does not hold on to the log; values of one length reuse their memory.
func (t table) apply(command []byte) {
	if len(command) < keyLen {
		return
	}
	key, value := binary.LittleEndian.Uint64(command), command[keyLen:]
	if have := t[key]; have != nil && len(have) == len(value) {
		copy(have, value)
		return
	}
	t[key] = append(make([]byte, 0, len(value)), value...)
}

func (t table) get(key uint64) []byte { return slices.Clone(t[key]) }

// bytes are all pairs: key 8 bytes, length 4, value.
func (t table) bytes() []byte {
	var out []byte
	for key, value := range t {
		out = binary.LittleEndian.AppendUint64(out, key)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(value)))
		out = append(out, value...)
	}
	return out
}

var errTable = errors.New("etcdraft: malformed snapshot")

// restore takes over what bytes wrote.
func (t table) restore(from []byte) error {
	clear(t)
	for len(from) > 0 {
		if len(from) < keyLen+4 {
			return errTable
		}
		key, n := binary.LittleEndian.Uint64(from), int(binary.LittleEndian.Uint32(from[keyLen:]))
		from = from[keyLen+4:]
		if n > len(from) {
			return errTable
		}
		t[key] = slices.Clone(from[:n])
		from = from[n:]
	}
	return nil
}
