package snap

import (
	"errors"
	"fmt"
	"strings"

	"parley/raft/vfs"
)

// Partial is a snapshot on its way from a peer. Its file holds the pieces that arrived, as they
// will stand in the snapshot, and each was checked; so it can be taken up after a crash, and from
// another peer.
type Partial struct {
	store    *Store
	name     string
	f        vfs.File
	check    verifier
	unsynced int64
	err      error // not nil: this download is to be taken up anew with Resume
}

// Resume takes up the download of a snapshot, or begins it. Another one that was begun is
// dropped: a newer offer makes it useless. Only what proves to be right is kept of what is there.
//
// It is also written again: what can be read may be in the page cache only, and if a sync failed
// before the process ended, a sync of pages that the kernel calls clean will not help it.
func (s *Store) Resume(id ID) (*Partial, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	p := &Partial{store: s, name: partName(id)}
	p.check = newVerifier(p.name, s.options.Cluster, id)
	if err := s.dropParts(p.name); err != nil {
		return nil, explain(err)
	}
	f, err := s.fs.Open(s.path(p.name))
	if errors.Is(err, vfs.ErrNotExist) {
		f, err = s.begin(p.name)
	} else if err == nil {
		p.f = f
		err = p.takeUp()
	}
	if err != nil {
		if f != nil {
			_ = f.Close() // the error that led here is the one to tell
		}
		return nil, explain(err)
	}
	p.f = f
	return p, nil
}

// dropParts removes downloads, all but one.
func (s *Store) dropParts(but string) error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, partSuffix) && name != but {
			if err := s.fs.Remove(s.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin makes the file of a download. Its name is synced, so that a crash of the machine leaves
// something to take up.
func (s *Store) begin(name string) (vfs.File, error) {
	f, err := s.fs.Create(s.path(name))
	if err != nil {
		return nil, err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		s.err = explain(err)
		return f, err
	}
	return f, nil
}

// takeUp checks what is there, writes again what is right, and cuts off the rest. What the disk
// can't read any more is not right either.
func (p *Partial) takeUp() error {
	var buf []byte
	for !p.check.whole() {
		piece, err := p.read(&buf)
		if err == nil {
			_, err = p.check.take(piece)
		}
		if errors.Is(err, wrongWhole) {
			p.restart()
		}
		if err != nil {
			break
		}
		if err := p.put(piece, p.check.offset-int64(len(piece))); err != nil {
			return err
		}
	}
	return p.f.Truncate(p.check.offset)
}

// read reads the next piece from the file.
func (p *Partial) read(buf *[]byte) ([]byte, error) {
	lead := make([]byte, leadBytes)
	if p.check.offset == 0 {
		if err := readFull(p.f, lead, 0); err != nil {
			return nil, err
		}
	}
	n, err := p.check.next(lead)
	if err != nil {
		return nil, err
	}
	if int64(len(*buf)) < n {
		*buf = make([]byte, max(n, p.check.layout.pieceMax()))
	}
	return (*buf)[:n], readFull(p.f, (*buf)[:n], p.check.offset)
}

// restart believes nothing of what is there.
func (p *Partial) restart() {
	p.check = newVerifier(p.name, p.check.cluster, p.check.id)
}

// put writes a piece and syncs now and then, so that a crash does not cost all of a long download and
// the last sync does not hold up the log's.
func (p *Partial) put(piece []byte, at int64) error {
	if _, err := p.f.WriteAt(piece, at); err != nil {
		return err
	}
	if p.unsynced += int64(len(piece)); p.unsynced < syncEvery {
		return nil
	}
	return p.sync()
}

// sync makes durable what arrived. If it fails, nobody knows what of the file will last.
func (p *Partial) sync() error {
	p.unsynced = 0
	if err := p.f.Sync(); err != nil {
		_ = p.store.removeIfThere(p.name) // the first error is the one to tell
		return err
	}
	return nil
}

// Have returns how many bytes are there and right: the offset of the piece to ask for next.
func (p *Partial) Have() int64 { return p.check.offset }

// Complete reports whether all is there.
func (p *Partial) Complete() bool { return p.check.whole() }

// Append takes pieces that arrived: whole ones, from an offset on. What is there already is
// skipped, and what would leave a gap is ignored; Have tells what to ask for. A *TransferError
// says that a piece is not what it should be: those before it were taken. If all are right
// and yet do not make the snapshot that was offered, the download begins anew. After an error of
// the disk it is to be taken up with Resume.
func (p *Partial) Append(offset int64, pieces []byte) error {
	if p.err != nil {
		return p.err
	}
	if offset < 0 || offset > p.check.offset || offset+int64(len(pieces)) <= p.check.offset {
		return nil
	}
	for rest := pieces[p.check.offset-offset:]; len(rest) > 0; {
		n, err := p.check.next(rest)
		if err == nil && n > int64(len(rest)) {
			err = defect(fmt.Sprintf("a piece of %d bytes came as %d", n, len(rest)))
		}
		at := p.check.offset
		if err == nil {
			_, err = p.check.take(rest[:n])
		}
		if err != nil {
			return p.reject(at, err)
		}
		if err := p.put(rest[:n], at); err != nil {
			return p.fail(err)
		}
		rest = rest[n:]
	}
	return nil
}

// reject is the answer to a wrong piece. Only the last one can be right by itself and wrong as the end of
// what came before.
func (p *Partial) reject(at int64, err error) error {
	what := defect("")
	if !errors.As(err, &what) {
		return err // of another format or cluster
	}
	id := p.check.id
	if errors.Is(err, wrongWhole) {
		p.restart()
		if err := p.f.Truncate(0); err != nil {
			return p.fail(err)
		}
	}
	return &TransferError{Entry: id.Entry, Offset: at, What: string(what)}
}

// fail ends this download; what is there can be taken up.
func (p *Partial) fail(err error) error {
	if p.err == nil {
		p.err = explain(err)
		_ = p.f.Close() // the error that led here is the one to tell
	}
	return p.err
}

// Finish makes a snapshot of a download that is complete. It is there, and durable, when Finish
// returns, and takes the place of one that was there for this entry.
func (p *Partial) Finish() (Info, error) {
	if p.err != nil {
		return Info{}, p.err
	}
	if !p.check.whole() {
		return Info{}, ErrIncomplete
	}
	if err := p.sync(); err != nil {
		return Info{}, p.fail(err)
	}
	if err := p.f.Close(); err != nil {
		return Info{}, p.fail(err)
	}
	p.err = errClosed
	made := file{p.check.info(), p.check.layout}
	return made.Info, p.store.publish(p.name, made)
}

// Close leaves the download for a later Resume.
func (p *Partial) Close() error {
	if p.err != nil {
		return nil
	}
	p.err = errClosed
	return p.f.Close()
}

// Drop closes the download and removes what came of it.
func (p *Partial) Drop() error {
	err := p.Close()
	return errors.Join(err, p.store.removeIfThere(p.name))
}
