package kv

import (
	"encoding/binary"
	"errors"
	"slices"

	"parley/cmd/bench/load"
)

// Table is the state machine of peers that have none: a map.
type Table map[uint64][]byte

const keyLen = load.KeyLen

// Apply puts a value. It copies, so that the map does not hold on to the log; values of one length reuse their memory.
func (t Table) Apply(command []byte) {
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

// Get returns a copy of a value; nil if there is none.
func (t Table) Get(key uint64) []byte { return slices.Clone(t[key]) }

// Bytes are all pairs: key 8 bytes, length 4, value.
func (t Table) Bytes() []byte {
	var out []byte
	for key, value := range t {
		out = binary.LittleEndian.AppendUint64(out, key)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(value)))
		out = append(out, value...)
	}
	return out
}

var errTable = errors.New("kv: malformed snapshot")

// Restore takes over what Bytes wrote.
func (t Table) Restore(from []byte) error {
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
