package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"parley/raft/blocks"
	"parley/raft/node"
)

// A snapshot is all rows of all tables, so that a table that is added comes along by itself:
//
//	u8 version
//	for each table that has rows, by rising number:
//	    u8 table | u64 number of rows | rows by rising key: string key, string value
//	u8 255 | u64 u64 state hash
//
// A table without rows is not mentioned. So a release that has one table more writes the same
// bytes as the one before it until a command of the new level fills it.
const (
	snapshotVersion = 1
	snapshotEnd     = 255
)

// ErrSnapshot is returned for bytes that are no snapshot.
var ErrSnapshot = errors.New("statemachine: malformed snapshot")

// WriteSnapshot writes all replicated state: equal states write equal bytes. A clone may write
// while the original goes on.
func (t *Tables) WriteSnapshot(w io.Writer) error {
	out := sink{w: w}
	out.buf = append(out.buf, snapshotVersion)
	for id := range t.rows {
		rows := &t.rows[id]
		if rows.Len() == 0 {
			continue
		}
		out.buf = binary.LittleEndian.AppendUint64(append(out.buf, byte(id)), uint64(rows.Len()))
		rows.Scan(func(key string, value []byte) bool {
			out.string(key)
			out.bytes(value)
			return out.err == nil
		})
	}
	hash := t.Hash()
	out.buf = append(out.buf, snapshotEnd)
	out.buf = binary.LittleEndian.AppendUint64(out.buf, hash[0])
	out.buf = binary.LittleEndian.AppendUint64(out.buf, hash[1])
	out.flush()
	return out.err
}

// Restore replaces the state by that of a snapshot, which it reads to its end. The rows go through
// the one write function, so that the hash is computed anew, and must be the one that
// the snapshot tells. Any bytes are safe: after an error the tables are what they were, and
// no more memory was taken than bytes were read.
func (t *Tables) Restore(r io.Reader) error {
	in := newSource(r)
	if v := in.u8(); in.Err() == nil && v != snapshotVersion {
		return ErrVersion
	}
	var restored Tables
	for last := -1; ; {
		id := int(in.u8())
		if in.Err() != nil || id == snapshotEnd {
			break
		}
		if id >= tableCount {
			return fmt.Errorf("%w: it has table %d", ErrVersion, id)
		}
		if id <= last {
			return fmt.Errorf("%w: table %d after table %d", ErrSnapshot, id, last)
		}
		last = id
		in.table(&restored, Table(id))
	}
	hash := node.Hash{in.u64(), in.u64()}
	if err := in.End(); err != nil {
		return err
	}
	if hash != restored.Hash() {
		return fmt.Errorf("%w: its rows do not have its state hash", ErrSnapshot)
	}
	*t = restored
	return nil
}

// table reads the rows of one table.
func (s *source) table(t *Tables, id Table) {
	n := s.u64()
	if n == 0 {
		s.Fail("table %d without rows", id)
	}
	for last := ""; n > 0 && s.Err() == nil; n-- {
		key := string(s.bytes())
		value := append([]byte{}, s.bytes()...) // never nil: that would remove the row
		if t.rows[id].Len() > 0 && key <= last {
			s.Fail("rows of table %d out of order", id)
		}
		if s.Err() == nil {
			t.appendRow(id, key, value)
		}
		last = key
	}
}

// sink gathers what is written into blocks.
type sink struct {
	w   io.Writer
	buf []byte
	err error
}

func (s *sink) string(v string) {
	s.buf = appendString(s.buf, v)
	s.full()
}

func (s *sink) bytes(v []byte) {
	s.buf = append(binary.LittleEndian.AppendUint32(s.buf, uint32(len(v))), v...)
	s.full()
}

func (s *sink) full() {
	if len(s.buf) >= blocks.Bytes {
		s.flush()
	}
}

func (s *sink) flush() {
	if s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// source takes a stream apart.
type source struct{ blocks.Reader }

func newSource(r io.Reader) source { return source{blocks.NewReader(r, ErrSnapshot)} }

func (s *source) u8() uint8 {
	if p := s.Take(1); s.Err() == nil {
		return p[0]
	}
	return 0
}

func (s *source) u64() uint64 {
	if p := s.Take(8); s.Err() == nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (s *source) bytes() []byte {
	if p := s.Take(4); s.Err() == nil {
		return s.Take(uint64(binary.LittleEndian.Uint32(p)))
	}
	return nil
}
