package peer

import (
	"fmt"
	"io"

	"parley/raft"
)

// inflow takes messages off a connection. What is read stays where it was read to: the payloads of entries alias
// the chunk, which lives as long as the log has one of them, and which therefore is never used again.
//
//	chunk  | others' payloads | unparsed | room for the next read |
//	       0                 kept       end                      len
//
// Messages without payloads (heartbeats, acknowledgements) leave nothing behind, so that their bytes are
// overwritten: a leader, which hears nothing else, reads into one chunk for good.
type inflow struct {
	from  io.Reader
	chunk []byte
	kept  int // before this the chunk belongs to whoever has the messages
	at    int // unparsed from here
	end   int // read up to here

	longest int // the longest message that came whole
}

// Sizes of chunks. A small one serves a quiet connection; one that brings long messages gets room for a few of
// them, so that few are cut by its end and must be moved.
const (
	chunkBytes    = 64 << 10
	chunkBytesMax = 1 << 20
	// readBytesMin is the least room worth a read.
	readBytesMin = 4 << 10
)

// next returns all whole messages that one read brought, at least one. They belong to the caller.
func (f *inflow) next() ([]raft.Message, error) {
	for {
		n, need, err := f.count()
		if err != nil {
			return nil, garbage{err}
		}
		if n > 0 {
			return f.decode(n)
		}
		f.makeRoom(need)
		read, err := f.from.Read(f.chunk[f.end:])
		f.end += read
		if err != nil && read == 0 {
			if err == io.EOF && f.at < f.end {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// count returns how many whole messages wait to be parsed, and if there is none how many bytes the first one takes
// with its head, as far as is known.
func (f *inflow) count() (n, need int, err error) {
	rest := f.chunk[f.at:f.end]
	for {
		size, ok, err := raft.FramedSize(rest)
		switch {
		case err != nil:
			return 0, 0, err
		case !ok:
			return n, raft.FrameOverhead, nil
		case size > frameBytesMax:
			return 0, 0, fmt.Errorf("a message of %d bytes, larger than max (%d)", size, frameBytesMax)
		case size > uint64(len(rest)):
			return n, int(size), nil
		}
		n++
		rest = rest[size:]
	}
}

// decode parses n messages that are there.
func (f *inflow) decode(n int) ([]raft.Message, error) {
	msgs := make([]raft.Message, n)
	rest := f.chunk[f.at:f.end]
	for i := range msgs {
		message, behind, err := raft.CutFramed(rest)
		if err == nil {
			err = msgs[i].Decode(message)
		}
		if err != nil {
			return nil, garbage{err}
		}
		f.at += len(rest) - len(behind)
		f.longest = max(f.longest, len(rest)-len(behind))
		if rest = behind; len(msgs[i].Entries) > 0 || len(msgs[i].Payload) > 0 {
			f.kept = f.at
		}
	}
	return msgs, nil
}

// makeRoom sees to it that a message of so many bytes fits behind what is kept, or, of one that is longer than all before
// it, twice what is there of it: memory is taken as bytes come, not as a length promises.
func (f *inflow) makeRoom(need int) {
	have := f.end - f.at
	need = max(min(need, max(2*have+chunkBytes, f.longest)), have+readBytesMin)
	if have == 0 {
		f.at, f.end = f.kept, f.kept
	}
	switch {
	case f.at+need <= len(f.chunk):
		return
	case f.kept+need <= len(f.chunk):
		copy(f.chunk[f.kept:], f.chunk[f.at:f.end])
		f.at, f.end = f.kept, f.kept+have
	default:
		fresh := make([]byte, max(chunkBytes, min(4*need, chunkBytesMax), need))
		copy(fresh, f.chunk[f.at:f.end])
		f.chunk, f.kept, f.at, f.end = fresh, 0, 0, have
	}
}
