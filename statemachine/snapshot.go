package statemachine

import (
	"errors"
	"fmt"
	"io"

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
const snapshotEnd = 255

// ErrSnapshot is returned for bytes that are no snapshot.
var ErrSnapshot = errors.New("statemachine: malformed snapshot")

// WriteSnapshot writes all replicated state: equal states write equal bytes. A clone may write
// while the original goes on.
func (m *Machine) WriteSnapshot(w io.Writer) error {
	out := sink{w: w}
	out.buf = append(out.buf, codecVersion)
	for id := range m.tables.rows {
		rows := &m.tables.rows[id]
		if rows.Len() == 0 {
			continue
		}
		out.buf = appendU64(append(out.buf, byte(id)), uint64(rows.Len()))
		rows.Scan(func(key string, value []byte) bool {
			out.string(key)
			out.bytes(value)
			return out.err == nil
		})
	}
	out.buf = append(out.buf, snapshotEnd)
	out.buf = appendU64(out.buf, m.tables.hash[0])
	out.buf = appendU64(out.buf, m.tables.hash[1])
	out.flush()
	return out.err
}

// Restore replaces the state by that of a snapshot, which it reads to its end. The rows go through
// the one write function, so that the hash is computed anew, and must be the one that
// the snapshot tells. Any bytes are safe: after an error the machine is what it was, and
// no more memory was taken than bytes were read.
func (m *Machine) Restore(r io.Reader) error {
	in := source{r: r}
	if v := in.u8(); in.err == nil && v != codecVersion {
		return ErrVersion
	}
	var t tables
	for last := -1; ; {
		id := int(in.u8())
		if in.err != nil || id == snapshotEnd {
			break
		}
		if id >= tableCount {
			return fmt.Errorf("%w: it has table %d", ErrVersion, id)
		}
		if id <= last {
			return fmt.Errorf("%w: table %d after table %d", ErrSnapshot, id, last)
		}
		last = id
		in.table(&t, table(id))
	}
	hash := node.Hash{in.u64(), in.u64()}
	in.end()
	if in.err != nil {
		return in.err
	}
	if hash != t.hash {
		return fmt.Errorf("%w: its rows do not have its state hash", ErrSnapshot)
	}
	m.tables = t
	return nil
}

// table reads the rows of one table.
func (s *source) table(t *tables, id table) {
	n := s.u64()
	if n == 0 {
		s.fail("table %d without rows", id)
	}
	for last := ""; n > 0 && s.err == nil; n-- {
		key := string(s.bytes())
		value := append([]byte{}, s.bytes()...) // never nil: that would remove the row
		if t.rows[id].Len() > 0 && key <= last {
			s.fail("rows of table %d out of order", id)
		}
		if s.err == nil {
			t.write(id, key, value)
		}
		last = key
	}
}

// blockBytes is how much is written or read at a time.
const blockBytes = 64 << 10

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
	s.buf = appendBytes(s.buf, v)
	s.full()
}

func (s *sink) full() {
	if len(s.buf) >= blockBytes {
		s.flush()
	}
}

func (s *sink) flush() {
	if s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// source takes a stream apart. After the first error every read returns zero.
type source struct {
	r     io.Reader
	block []byte // the memory of what was read
	left  []byte // of the block
	value []byte // the memory of what take returns across blocks
	ended bool   // r has no more
	err   error
}

func (s *source) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %s", ErrSnapshot, fmt.Sprintf(format, args...))
	}
}

// fill reads the next block if all of the last one is used up.
func (s *source) fill() bool {
	for tries := 0; len(s.left) == 0 && s.err == nil; tries++ {
		if s.block == nil {
			s.block = make([]byte, blockBytes)
		}
		n, err := s.r.Read(s.block)
		s.left = s.block[:n]
		switch {
		case n == 0 && err == nil && tries == 100:
			s.err = io.ErrNoProgress
		case n == 0 && err == io.EOF:
			s.ended = true
			s.fail("it ends too early")
		case n == 0:
			s.err = err
		}
	}
	return s.err == nil
}

// take reads n bytes. They are good until the next take. Memory is taken as the bytes come, not as
// a length promises.
func (s *source) take(n int64) []byte {
	if int64(len(s.left)) >= n && s.err == nil {
		p := s.left[:n]
		s.left = s.left[n:]
		return p
	}
	s.value = s.value[:0]
	for int64(len(s.value)) < n && s.fill() {
		more := s.left[:min(n-int64(len(s.value)), int64(len(s.left)))]
		s.value = append(s.value, more...)
		s.left = s.left[len(more):]
	}
	if s.err != nil {
		return nil
	}
	return s.value
}

func (s *source) u8() uint8 {
	if p := s.take(1); s.err == nil {
		return p[0]
	}
	return 0
}

func (s *source) u64() uint64 {
	r := reader{src: s.take(8)}
	return r.u64()
}

func (s *source) bytes() []byte {
	r := reader{src: s.take(4)}
	return s.take(int64(r.u32()))
}

// end checks that nothing follows. It is also what makes a reader say at its end whether all it
// gave was right.
func (s *source) end() {
	if s.err != nil {
		return
	}
	if s.fill() {
		s.fail("bytes behind its end")
	} else if s.ended {
		s.err = nil // it ends where it should
	}
}
