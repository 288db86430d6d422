package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"

	"parley/raft"
	"parley/raft/node"
)

// table is the state machine that is measured: a map of keys to values and nothing
// else, so that the figures are those of the log and not of what is built on it.
//
//	put    key 8 bytes, value
//	get    key 8 bytes
type table struct {
	values map[uint64][]byte
}

func newTable() *table { return &table{values: make(map[uint64][]byte)} }

const keyLen = 8

func appendPut(dst []byte, key uint64, payload int) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, key)
	for len(dst) < payload {
		dst = append(dst, byte(len(dst)))
	}
	return dst
}

func (t *table) Apply(_ node.Applied, command []byte) []byte {
	if len(command) < keyLen {
		return nil
	}
	key := binary.LittleEndian.Uint64(command)
	t.values[key] = append(t.values[key][:0], command[keyLen:]...)
	return nil
}

func (t *table) Query(query []byte) []byte {
	if len(query) < keyLen {
		return nil
	}
	return t.values[binary.LittleEndian.Uint64(query)]
}

func (t *table) EventsAfter(raft.Position, int) ([]node.EventFrame, bool) { return nil, false }

// StateHash is the number of keys: nobody compares the tables of a benchmark.
func (t *table) StateHash() node.Hash { return node.Hash{uint64(len(t.values))} }

func (t *table) Clone() node.StateMachine {
	c := newTable()
	for k, v := range t.values {
		c.values[k] = append([]byte(nil), v...)
	}
	return c
}

// WriteSnapshot writes the pairs by rising key: key 8 bytes, length 4, value.
func (t *table) WriteSnapshot(w io.Writer) error {
	keys := make([]uint64, 0, len(t.values))
	for k := range t.values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := bufio.NewWriterSize(w, 1<<16)
	var head [keyLen + 4]byte
	for _, k := range keys {
		v := t.values[k]
		binary.LittleEndian.PutUint64(head[:], k)
		binary.LittleEndian.PutUint32(head[keyLen:], uint32(len(v)))
		_, _ = out.Write(head[:]) // Flush tells the first error
		_, _ = out.Write(v)
	}
	return out.Flush()
}

// Restore reads what WriteSnapshot wrote.
func (t *table) Restore(r io.Reader) error {
	values := make(map[uint64][]byte)
	in := bufio.NewReaderSize(r, 1<<16)
	var head [keyLen + 4]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		n := int64(binary.LittleEndian.Uint32(head[keyLen:]))
		v, err := io.ReadAll(io.LimitReader(in, n))
		if err != nil {
			return err
		}
		if int64(len(v)) < n {
			return io.ErrUnexpectedEOF
		}
		values[binary.LittleEndian.Uint64(head[:])] = v
	}
	t.values = values
	return nil
}
