package process

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
)

// Check tells whether Run would start, and changes nothing that matters: it
// takes ports and locks for a moment and reads the directory. What it says is what
// Run would say, because it goes the same way.
func Check(f Flags) (Settings, error) {
	s, saved, err := Resolve(f)
	if err != nil {
		return s, err
	}
	log := slog.New(slog.DiscardHandler)
	if _, err := os.Stat(f.Dir); errors.Is(err, fs.ErrNotExist) {
		// A first start: do not make the directory, only see that it could be made.
		g, err := openGuards(s, f, false)
		if err != nil {
			return s, err
		}
		peers, clients, watchers, err := listen(s, g, log, &watch{})
		if err != nil {
			return s, err
		}
		watchers.close()
		return s, errors.Join(peers.Close(), clients.Close(), creatable(f.Dir))
	}
	p, err := prepare(s, f, false, log, &watch{})
	if err != nil {
		return s, err
	}
	defer p.release()
	if saved {
		if err := p.intact(f.Dir); err != nil {
			return s, err
		}
	}
	return s, opens(f.Dir, raft.NodeID(s.ID))
}

// opens opens the directory as the node would, up to the first change: by then
// everything was read and found good.
func opens(dir string, id raft.NodeID) error {
	fsys, err := osfs.New(dir)
	if err != nil {
		return dirError(dir, err)
	}
	defer fsys.Close()
	disk, _, err := node.OpenDisk(unchanged{fsys}, ".", node.DiskOptions{ID: id})
	switch {
	case errors.Is(err, errChange):
		return nil
	case err != nil:
		return dirError(dir, err)
	}
	return disk.Close()
}

// errChange is what unchanged says to the first change.
var errChange = errors.New("this would change the directory")

// unchanged is a file system that can be read only. Directories that are to be there, or to be
// swept, are said to be; the lock is taken, as whoever holds it is the reason not to start.
type unchanged struct{ vfs.FS }

func (u unchanged) Open(name string) (vfs.File, error) {
	f, err := u.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return unchangedFile{f}, nil
}

func (unchanged) Create(string) (vfs.File, error) { return nil, errChange }
func (unchanged) Rename(string, string) error     { return errChange }
func (unchanged) Remove(string) error             { return nil }
func (unchanged) MkdirAll(string) error           { return nil }
func (unchanged) SyncDir(string) error            { return nil }

func (u unchanged) List(dir string) ([]string, error) {
	names, err := u.FS.List(dir)
	if errors.Is(err, vfs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

func (u unchanged) Lock(name string) (io.Closer, error) { return u.FS.Lock(name) }

type unchangedFile struct{ vfs.File }

func (unchangedFile) WriteAt([]byte, int64) (int, error) { return 0, errChange }
func (unchangedFile) Sync() error                        { return errChange }
func (unchangedFile) Truncate(int64) error               { return errChange }
func (unchangedFile) Preallocate(int64) error            { return errChange }

// creatable reports whether a directory that does not exist yet could be made:
// whether the nearest one above it can be written.
func creatable(dir string) error {
	at, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return dirError(dir, syscall.ENOTDIR)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return dirError(dir, err)
		}
		at = filepath.Dir(at)
	}
	probe, err := os.CreateTemp(at, ".parley-check-*")
	if err != nil {
		return dirError(dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
