package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/tidwall/btree"

	"parley/raft"
	"parley/raft/node"
)

// store is the replicated state machine: values under keys. Every node executes the same commands in the same order, so
// that whatever a method does must follow from the state and its arguments alone.
//
// An ordered map with copies for free makes two of the duties easy: Clone costs a few words, and a snapshot is
// canonical because its rows come in order. A Go map would need a sorted list of its keys and a copy of everything.
type store struct {
	rows btree.Map[string, string]
	hash node.Hash // of all rows
}

// The bytes of a command: what to do, the length of the key as a varint, the key, and the value up to the end. They are
// in the log for good, and read by later releases: a format that a library may change is no good here.
const (
	opPut    = 1
	opDelete = 2
)

func encode(op byte, key, value string) []byte {
	b := binary.AppendUvarint([]byte{op}, uint64(len(key)))
	return append(append(b, key...), value...)
}

func decode(command []byte) (op byte, key, value string, ok bool) {
	if len(command) == 0 {
		return 0, "", "", false
	}
	size, n := binary.Uvarint(command[1:])
	if n <= 0 || size > uint64(len(command)-1-n) {
		return 0, "", "", false
	}
	rest := string(command[1+n:])
	return command[0], rest[:size], rest[size:], true
}

// The replies, of commands and queries. A query's value stands behind its byte.
const (
	replyGarbage = 0 // no such command
	replyAbsent  = 1 // nothing was under the key
	replyPresent = 2 // something was
)

// Apply executes a command. Any bytes may be in the log: what makes no sense gets a reply that says so.
func (s *store) Apply(_ node.Applied, command []byte) []byte {
	op, key, value, ok := decode(command)
	if !ok {
		return []byte{replyGarbage}
	}
	var was string
	var had bool
	switch op {
	case opPut:
		was, had = s.rows.Set(key, value)
		s.count(key, value, bits.Add64)
	case opDelete:
		was, had = s.rows.Delete(key)
	default:
		return []byte{replyGarbage}
	}
	if !had {
		return []byte{replyAbsent}
	}
	s.count(key, was, bits.Sub64)
	return []byte{replyPresent}
}

// Query answers with the value under a key.
func (s *store) Query(key []byte) []byte {
	value, ok := s.rows.Get(string(key))
	if !ok {
		return []byte{replyAbsent}
	}
	return append([]byte{replyPresent}, value...)
}

// count takes a row into the hash, or out of it. The hash is a sum over the rows: it costs as much as the row that changes, and
// does not tell in which order they came.
func (s *store) count(key, value string, sum func(x, y, carry uint64) (uint64, uint64)) {
	h := sha256.Sum256(encode(opPut, key, value))
	s.hash[0], _ = sum(s.hash[0], binary.LittleEndian.Uint64(h[:8]), 0)
	s.hash[1], _ = sum(s.hash[1], binary.LittleEndian.Uint64(h[8:16]), 0)
}

// StateHash is what the nodes compare while they run: one that differs from a majority stops.
func (s *store) StateHash() node.Hash { return s.hash }

// Clone returns a copy, which shares the rows until one of the two changes them.
func (s *store) Clone() node.StateMachine { return &store{rows: *s.rows.Copy(), hash: s.hash} }

// EventsAfter: this state machine tells nobody what happens.
func (s *store) EventsAfter(raft.Position, int) ([]node.EventFrame, bool) { return nil, false }

// WriteSnapshot writes a put for each row, behind its length.
func (s *store) WriteSnapshot(w io.Writer) error {
	var err error
	s.rows.Scan(func(key, value string) bool {
		row := encode(opPut, key, value)
		_, err = w.Write(append(binary.AppendUvarint(nil, uint64(len(row))), row...))
		return err == nil
	})
	return err
}

// rowBytesMax bounds what a length in a snapshot may claim: a row was a command, and those are bounded.
const rowBytesMax = 2 << 20

// Restore reads what WriteSnapshot wrote, and refuses everything else.
func (s *store) Restore(r io.Reader) error {
	*s = store{}
	in, last := bufio.NewReader(r), ""
	for {
		size, err := binary.ReadUvarint(in)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case size > rowBytesMax:
			return errors.New("kv: a row that is too long")
		}
		row := make([]byte, size)
		if _, err := io.ReadFull(in, row); err != nil {
			return err
		}
		op, key, _, ok := decode(row)
		if !ok || op != opPut || s.rows.Len() > 0 && key <= last {
			return errors.New("kv: a row out of order, or none")
		}
		s.Apply(node.Applied{}, row)
		last = key
	}
}
