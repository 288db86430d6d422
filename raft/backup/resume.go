package backup

import (
	"errors"
	"io"
)

// File is what a backup is written to that may be broken off.
type File interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
}

// Kept is what is good of a backup that was broken off.
type Kept struct {
	Header Header
	Sums   [][32]byte // of the blobs that are whole, in their order
	Bytes  int64      // that they and the header take
}

// Resume looks how much of a broken-off backup is whole, cuts off the rest, and returns a writer that goes on behind it, into next. A state that was begun
// is cut off, too: it is of a moment that is over. Without even a blob Resume returns no writer, and the file is empty.
func Resume(f File, next io.Writer) (*Writer, Kept, error) {
	whole, err := wholeBlobs(f)
	if err != nil {
		return nil, Kept{}, err
	}
	if whole == 0 {
		return nil, Kept{}, rewind(f, 0)
	}
	w, kept, err := rewrite(f, whole, next)
	if err != nil {
		return nil, Kept{}, err
	}
	return w, kept, rewind(f, kept.Bytes)
}

// rewind cuts a file off and goes to its end.
func rewind(f File, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	_, err := f.Seek(size, io.SeekStart)
	return err
}

// wholeBlobs counts the blobs at the beginning of a file whose content is there and right.
func wholeBlobs(f File) (n int, err error) {
	r, err := reread(f)
	for err == nil {
		var item Item
		if item, err = r.Next(); err != nil || item.State || item.Missing {
			break
		}
		if _, err = io.Copy(io.Discard, r); err == nil {
			n++
		}
	}
	damaged, newer := (*DamagedError)(nil), (*FormatError)(nil)
	if err == io.EOF || errors.As(err, &damaged) || errors.As(err, &newer) {
		err = nil
	}
	return n, err
}

// rewrite has a writer write what is there already, so that it knows the digest of it.
func rewrite(f File, blobs int, next io.Writer) (w *Writer, k Kept, err error) {
	r, err := reread(f)
	if err != nil {
		return nil, k, err
	}
	out := &passed{}
	k.Header = r.Header()
	w = NewWriter(out, k.Header)
	piece := make([]byte, pieceBytesMax)
	for range blobs {
		item, err := r.Next()
		if err != nil {
			return nil, k, err
		}
		k.Sums = append(k.Sums, item.Sum)
		if err := w.Blob(item.Sum, item.Size); err != nil {
			return nil, k, err
		}
		for {
			n, err := r.Read(piece) // all of a piece: the writer cuts as the first one did
			if err == io.EOF {
				break
			}
			if err == nil {
				err = w.Content(piece[:n])
			}
			if err != nil {
				return nil, k, err
			}
		}
	}
	k.Bytes = out.n
	out.next = next
	return w, k, nil
}

func reread(f File) (*Reader, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return NewReader(f)
}

// passed counts what is written and lets it go, until there is a next writer.
type passed struct {
	n    int64
	next io.Writer
}

func (p *passed) Write(b []byte) (int, error) {
	if p.next != nil {
		return p.next.Write(b)
	}
	p.n += int64(len(b))
	return len(b), nil
}
